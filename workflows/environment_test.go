package workflows_test

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/workflow"

	"github.com/aineko-dev/environments/activities"
	"github.com/aineko-dev/environments/internal/compute"
	"github.com/aineko-dev/environments/internal/contract"
)

func as(err error, target any) bool { return errors.As(err, target) }

const minute = time.Minute

// busy is how long an activity takes while something arrives.
const busy = 200 * time.Millisecond

func outcomes(s *contract.EnvironmentStatus) []string {
	var all []string
	for _, o := range s.Outcomes {
		all = append(all, o.Commit[:1]+" "+o.Outcome)
	}
	return all
}

func TestC3_TheFirstCommitInitializesAndDeploys(t *testing.T) {
	s := newScene(t)
	s.commit(0, pushed("a", "", "one"))
	status := s.status(minute)
	s.run(2 * minute)
	assert.Equal(t, []string{"a deployed"}, outcomes(status))
	assert.Equal(t, contract.StatusReady, status.Status)
	assert.Equal(t, "env-1/1", status.Outcomes[0].Deployment)
	assert.Equal(t, []string{"read-settings", "take-slot", "read-settings", "plan-resources", "ensure-vpc", "ensure-nat-gateway", "ensure-broker",
		"sweep-duplicates", "verify-isolation", "launch-pipeline one aaaa try 0 in a", "check-pipeline i-1"}, s.calls)
}

func TestC5_WithoutACommitItIsInitialized(t *testing.T) {
	s := newScene(t)
	status := s.status(minute)
	s.run(2 * minute)
	assert.Equal(t, contract.StatusReady, status.Status)
	assert.Equal(t, 1, s.count("ensure-broker"))
}

func TestC4_DeployUpdateDestroy(t *testing.T) {
	s := newScene(t)
	s.commit(0, pushed("a", "", "one", "two"))
	s.commit(minute, pushed("b", "a", "two", "three"))
	status := s.status(2 * minute)
	s.run(3 * minute)
	o := status.Outcomes[1]
	assert.Equal(t, contract.OutcomeDeployed, o.Outcome)
	assert.Equal(t, []string{"three"}, o.Plan.Deploy)
	assert.Equal(t, []string{"two"}, o.Plan.Update)
	assert.Equal(t, []string{"one"}, o.Plan.Destroy)
	assert.Len(t, s.instances, 2)
}

func TestC4_ANearMissKeyIsRefusedUnlessDestroyIsAllowed(t *testing.T) {
	s := newScene(t)
	s.commit(0, pushed("a", "", "one"))
	slip := pushed("b", "a")
	slip.Desired = contract.Desired{Environments: []string{"Develop", "production"}}
	refused := s.commit(minute, slip)
	kept := s.status(2 * minute)
	slip.AllowDestroy = true
	s.commit(3*minute, slip)
	status := s.status(4 * minute)
	s.run(5 * minute)
	assert.Equal(t, contract.ErrRefused, refused.kind())
	assert.ErrorContains(t, refused.failed(), `deploy.yml lists "Develop", but not "develop"`)
	assert.Len(t, kept.Pipelines, 1)
	assert.Equal(t, []string{"a deployed", "b deployed"}, outcomes(status))
	assert.Empty(t, status.Pipelines)
	assert.Equal(t, contract.StatusReady, status.Status)
}

func TestC7_OnlyTheNewestWaits(t *testing.T) {
	s := newScene(t)
	s.commit(0, pushed("a", "", "one"))
	// While the first is at work, two more arrive.
	s.during = func(call string) {
		if call == "launch-pipeline one aaaa try 0 in a" {
			s.during = nil
			s.commit(0, pushed("b", "a", "one"))
			s.commit(0, pushed("c", "b", "one"))
			time.Sleep(busy)
		}
	}
	status := s.status(minute)
	s.run(2 * minute)
	assert.ElementsMatch(t, []string{"a deployed", "b superseded", "c deployed"}, outcomes(status))
	i := slices.IndexFunc(status.Outcomes, func(o contract.Outcome) bool { return o.Outcome == contract.OutcomeSuperseded })
	assert.Contains(t, status.Outcomes[i].Reason, sha("c"))
	assert.Zero(t, s.count("launch-pipeline one bbbb"))
}

func TestC8_Order(t *testing.T) {
	early, late := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2020, 1, 2, 0, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		change func(first, second *contract.Commit)
		kind   string
		says   string
	}{
		"origin points at it":        {func(_, c *contract.Commit) { c.Evidence.Kind = contract.EvidenceOrigin }, "", ""},
		"origin points at the other": {func(_, c *contract.Commit) { c.Evidence.Kind, c.Evidence.Newer = contract.EvidenceOrigin, false }, contract.ErrSuperseded, "by origin"},
		"an ancestor":                {func(_, c *contract.Commit) { c.Evidence.Newer = false }, contract.ErrSuperseded, "by descent"},
		"an ancestor, a rollback":    {func(_, c *contract.Commit) { c.Evidence.Newer, c.AllowRollback = false, true }, "", ""},
		"earlier":                    {func(f, c *contract.Commit) { c.Evidence.Kind, f.CommittedAt, c.CommittedAt = "", late, early }, contract.ErrSuperseded, "by commit time"},
		"later":                      {func(f, c *contract.Commit) { c.Evidence.Kind, f.CommittedAt, c.CommittedAt = "", early, late }, "", ""},
		"the first from the far future": {func(f, c *contract.Commit) {
			c.Evidence.Kind, f.CommittedAt, c.CommittedAt = "", late.AddDate(500, 0, 0), late.AddDate(600, 0, 0)
		}, "", ""},
		"no evidence at all":    {func(_, c *contract.Commit) { c.Evidence.Kind = "" }, "", ""},
		"compared with another": {func(_, c *contract.Commit) { c.Evidence.ComparedWith = sha("f") }, contract.ErrCompareAgain, "another commit was accepted"},
		"not compared":          {func(_, c *contract.Commit) { c.Evidence = contract.Evidence{} }, contract.ErrCompareAgain, "another commit was accepted"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			first, second := pushed("a", "", "one"), pushed("b", "a", "one")
			c.change(&first, &second)
			s.commit(0, first)
			answer := s.commit(minute, second)
			status := s.status(2 * minute)
			s.run(3 * minute)
			assert.Equal(t, c.kind, answer.kind())
			if c.kind == "" {
				assert.Equal(t, sha("b"), status.Commit)
				return
			}
			assert.ErrorContains(t, answer.failed(), c.says)
			assert.Equal(t, sha("a"), status.Commit)
			assert.Equal(t, []string{"a deployed"}, outcomes(status))
		})
	}
}

func TestC8_TheSameAgain(t *testing.T) {
	s := newScene(t)
	s.commit(0, pushed("a", "", "one"))
	s.commit(minute, pushed("a", "", "one"))
	other := pushed("a", "", "one", "two")
	other.FileDigest = pushed("b", "").FileDigest
	s.commit(2*minute, other)
	status := s.status(3 * minute)
	s.run(4 * minute)
	assert.Equal(t, []string{"a deployed", "a unchanged", "a deployed"}, outcomes(status))
	assert.Equal(t, []string{"two"}, status.Outcomes[2].Plan.Deploy)
}

func TestC8_TheSameJoinsWhatIsUnderWay(t *testing.T) {
	s := newScene(t)
	s.commit(0, pushed("a", "", "one"))
	var joined *answer
	s.during = func(call string) {
		if call == "ensure-nat-gateway" {
			s.during = nil
			joined = s.commit(0, pushed("a", "", "one"))
			time.Sleep(busy)
		}
	}
	status := s.status(minute)
	s.run(2 * minute)
	require.NotNil(t, joined)
	require.NoError(t, joined.failed())
	assert.Equal(t, contract.CommitAnswer{Deployment: "env-1/1", Joined: true}, joined.result)
	assert.Equal(t, []string{"a deployed"}, outcomes(status))
}

func TestC9_TheReplacementFirst(t *testing.T) {
	s := newScene(t)
	s.commit(0, pushed("a", "", "one"))
	s.commit(minute, pushed("b", "a", "one"))
	s.run(2 * minute)
	assert.Equal(t, []string{"begin-work", "launch-pipeline one bbbb try 0 in a", "check-pipeline i-2", "stop-pipeline one i-1"}, s.calls[len(s.calls)-4:])
}

func TestC9_OneThatFailsIsRemovedAndTheOldOneRunsOn(t *testing.T) {
	s := newScene(t)
	s.broken[sha("b")] = true
	s.commit(0, pushed("a", "", "one", "two"))
	s.commit(minute, pushed("b", "a", "one"))
	degraded := s.status(2 * minute)
	s.commit(3*minute, pushed("c", "b", "one"))
	status := s.status(4 * minute)
	s.run(5 * minute)
	assert.Equal(t, []string{"a deployed", "b failed", "c deployed"}, outcomes(status))
	assert.Equal(t, contract.StatusDegraded, degraded.Status)
	require.Len(t, degraded.Pipelines, 1)
	assert.Equal(t, sha("a"), degraded.Pipelines[0].Commit)
	assert.Equal(t, contract.PipelineRunning, degraded.Pipelines[0].Status)
	assert.Contains(t, degraded.Outcomes[1].Pipelines[0].Error, "ImportError")
	assert.Equal(t, contract.StatusReady, status.Status)
	assert.Len(t, s.instances, 1)
}

func TestC9_StopFirstLaunchesTheOldCommitAgain(t *testing.T) {
	s := newScene(t)
	s.settings.StopFirst = []string{"acme/churn"}
	s.broken[sha("b")] = true
	s.commit(0, pushed("a", "", "one"))
	s.commit(minute, pushed("b", "a", "one"))
	status := s.status(2 * minute)
	s.run(3 * minute)
	assert.Equal(t, []string{"begin-work", "stop-pipeline one i-1", "launch-pipeline one bbbb try 0 in a", "check-pipeline i-2", "stop-pipeline one i-2",
		"launch-pipeline one aaaa try 1000 in a", "check-pipeline i-3"}, s.calls[len(s.calls)-7:])
	assert.Equal(t, sha("a"), status.Pipelines[0].Commit)
	assert.Equal(t, contract.PipelineRunning, status.Pipelines[0].Status)
	assert.Equal(t, []string{"a deployed", "b failed"}, outcomes(status))
}

func TestC10_PipelinesFailAlone(t *testing.T) {
	s := newScene(t)
	s.commit(0, pushed("a", "", "one", "two"))
	s.terminal["launch-pipeline"] = 1
	status := s.status(minute)
	s.run(2 * minute)
	assert.Equal(t, []string{"a failed"}, outcomes(status))
	assert.Equal(t, contract.StatusDegraded, status.Status)
	assert.Len(t, s.instances, 1)
}

func TestC11_UnchangedIsLeftAlone(t *testing.T) {
	s := newScene(t)
	s.commit(0, pushed("a", "", "one"))
	same := pushed("b", "a", "one", "two")
	same.Code = pushed("a", "").Code
	s.commit(minute, same)
	status := s.status(2 * minute)
	s.run(3 * minute)
	assert.Equal(t, []string{"one"}, status.Outcomes[1].Plan.Unchanged)
	assert.Equal(t, sha("a"), status.Pipelines[0].Commit, "it keeps its commit")
	assert.Equal(t, sha("b"), status.Pipelines[1].Commit)
}

func TestC13_AFailedInitialisationGoesOnWithTheNextCommitOrRetry(t *testing.T) {
	s := newScene(t)
	s.terminal["ensure-nat-gateway"] = 2
	s.commit(0, pushed("a", "", "one"))
	failed := s.status(minute)
	s.commit(2*minute, pushed("b", "a", "one"))
	s.update(3*minute, contract.RetryUpdate, contract.OperatorRequest{RequestedBy: "ops"})
	status := s.status(4 * minute)
	s.run(5 * minute)
	assert.Equal(t, contract.StatusFailed, failed.Status)
	assert.Contains(t, failed.Reason, "ensure-nat-gateway is not allowed")
	assert.Equal(t, []string{"a failed", "b failed", "b deployed"}, outcomes(status))
	assert.Zero(t, s.freed)
}

func TestC14_ReconcileReplacesThreeTimesADayAtMost(t *testing.T) {
	s := newScene(t)
	s.settings.ReconcileInterval = time.Hour
	s.commit(0, pushed("a", "", "one"))
	s.env.RegisterDelayedCallback(func() {
		s.change(func() {
			s.during = func(call string) {
				if call == "find-drift" { // it goes again and again
					s.instances = nil
				}
			}
		})
	}, minute)
	s.env.SetStartTime(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	status := s.status(10 * time.Hour)
	s.run(11 * time.Hour)
	assert.Equal(t, 1+3, s.count("launch-pipeline"), "%v", s.calls)
	assert.Equal(t, contract.StatusDegraded, status.Status)
	assert.Contains(t, status.Outcomes[1].Reason, "reconcile: pipeline one")
}

// A day on which nothing was repaired yet goes on in the next run.
func TestC14_RepairsAfterARunThatRepairedNothing(t *testing.T) {
	midnight := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	first := newScene(t)
	first.settings.ReconcileInterval = time.Hour
	first.env.SetStartTime(midnight)
	first.commit(0, pushed("a", "", "one"))
	first.env.RegisterDelayedCallback(func() { first.env.SetContinueAsNewSuggested(true) }, 90*minute)
	first.signal(91*minute, contract.DeleteEnvironmentSignal, nil)
	first.run(3 * time.Hour)
	assert.Equal(t, 1, first.count("find-drift"))
	var next *workflow.ContinueAsNewError
	require.ErrorAs(t, first.env.GetWorkflowError(), &next)
	var carried map[string]any
	require.NoError(t, json.Unmarshal(next.Input.Payloads[0].Data, &carried))

	second := newScene(t) // in whose account no instance is
	second.settings.ReconcileInterval = time.Hour
	second.env.SetStartTime(midnight.Add(2 * time.Hour))
	status := second.status(2 * time.Hour)
	second.env.RegisterDelayedCallback(second.env.CancelWorkflow, 3*time.Hour)
	second.env.ExecuteWorkflow(contract.EnvironmentWorkflow, carried)
	require.Len(t, status.Outcomes, 2)
	assert.Contains(t, status.Outcomes[1].Reason, "reconcile: pipeline one")
	assert.Equal(t, contract.StatusReady, status.Status)
}

func TestC14_AReconcileThatCannotReadSaysSo(t *testing.T) {
	s := newScene(t)
	s.settings.ReconcileInterval = time.Hour
	s.terminal["find-drift"] = 1
	s.commit(0, pushed("a", "", "one"))
	unread, read := s.status(90*minute), s.status(150*minute)
	s.run(3 * time.Hour)
	assert.Equal(t, contract.StatusReady, unread.Status)
	assert.Contains(t, unread.Reason, "reconcile could not read the account: find-drift is not allowed")
	assert.Empty(t, read.Reason)
}

func TestC14_RepairsTheNetworkFirst(t *testing.T) {
	s := newScene(t)
	s.settings.ReconcileInterval = time.Hour
	s.commit(0, pushed("a", "", "one"))
	s.env.RegisterDelayedCallback(func() {
		s.change(func() { s.missing, s.instances = []string{"nat-a"}, nil })
	}, minute)
	s.run(90 * minute)
	at := slices.Index(s.calls, "find-drift")
	require.Positive(t, at)
	assert.Equal(t, []string{"begin-work", "plan-resources", "ensure-vpc", "ensure-nat-gateway", "ensure-broker", "sweep-duplicates", "verify-isolation", "launch-pipeline one aaaa try 0 in a"}, s.calls[at+1:at+9])
}

func TestA4_TheNextPlacementAfterACapacityError(t *testing.T) {
	s := newScene(t)
	s.shortages = 2
	s.commit(0, pushed("a", "", "one"))
	s.run(minute)
	assert.Equal(t, 1, s.count("launch-pipeline one aaaa try 0 in a"))
	assert.Equal(t, 1, s.count("launch-pipeline one aaaa try 1 in b"))
	assert.Equal(t, 1, s.count("launch-pipeline one aaaa try 2 in a"))
}

func TestC6_ResumedUnderTheSameID(t *testing.T) {
	s := newScene(t)
	s.slot.Resumed, s.slot.Slot.Incarnation = true, 2
	c := pushed("a", "", "one")
	s.found = activities.Discovery{VPCID: "vpc-1", LastDeployment: 7, Pipelines: []contract.PipelineStatus{
		{Name: "one", Status: contract.PipelineRunning, InstanceID: "i-old", Digest: contract.Digest(c.Code, c.Desired.Pipelines[0]), Commit: sha("a")}}}
	s.instances = []compute.Instance{{ID: "i-old", Pipeline: "one", State: "running"}, {ID: "i-stray", Pipeline: "one", State: "running"}}
	s.commit(0, c)
	status := s.status(minute)
	s.run(2 * minute)
	assert.Equal(t, "env-1/8", status.Outcomes[0].Deployment)
	assert.Zero(t, s.count("launch-pipeline"))
}

func TestC6_RefusedWithTheHolders(t *testing.T) {
	s := newScene(t)
	s.slot = contract.TakeSlotAnswer{Holders: []string{"a", "b", "c", "d"}, Limit: 4}
	refused := s.commit(0, pushed("a", "", "one"))
	s.env.ExecuteWorkflow(contract.EnvironmentWorkflow, contract.EnvironmentInput{Project: "acme/churn", Environment: "develop"})
	require.NoError(t, s.env.GetWorkflowError())
	assert.Equal(t, contract.ErrRefused, refused.kind())
	assert.ErrorContains(t, refused.failed(), "a, b, c, d")
	assert.Equal(t, []string{"read-settings", "take-slot"}, s.calls)
}

func TestC1_ACommitOfAnotherBranchIsInvalid(t *testing.T) {
	s := newScene(t)
	c := pushed("a", "", "one")
	c.Branch = "production"
	wrong := s.commit(minute, c)
	s.run(2 * minute)
	assert.Equal(t, contract.ErrInvalid, wrong.kind())
	assert.Zero(t, s.count("launch-pipeline"))
}
