package durable_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aineko-dev/environments/activities"
	"github.com/aineko-dev/environments/internal/contract"
	"github.com/aineko-dev/environments/test/world"
)

const acme = "acme/churn"

// develop is an environment of a world.
type develop struct {
	*testing.T
	*world.World
	name string
	ctx  context.Context
	ids  int
}

func newDevelop(t *testing.T, o world.Options) *develop {
	ctx, cancel := context.WithTimeout(t.Context(), world.Deadline)
	t.Cleanup(cancel)
	return &develop{T: t, World: world.New(t, o), name: "develop", ctx: ctx}
}

// push sends a commit and fails the test where it gets no answer.
func (d *develop) push(c contract.Commit) world.Answer {
	d.Helper()
	d.ids++
	a, err := d.Push(d.ctx, fmt.Sprintf("%s-%d", d.name, d.ids), c)
	require.NoError(d, err)
	return a
}

// commit is the n-th of the environment's branch.
func (d *develop) commit(n int, pipelines ...string) contract.Commit {
	return world.Commit(acme, d.name, n, pipelines...)
}

// ended waits for the outcome of what a push was told.
func (d *develop) ended(a world.Answer) contract.Outcome {
	d.Helper()
	require.Empty(d, a.Refused, a.Message)
	o, err := d.Outcome(d.ctx, acme, d.name, a.Deployment)
	require.NoError(d, err)
	return o
}

func (d *develop) status() contract.EnvironmentStatus {
	d.Helper()
	s, err := d.Status(d.ctx, acme, d.name)
	require.NoError(d, err)
	return s
}

// held waits until an activity of the environment is held.
func (d *develop) held(activity string) {
	d.Helper()
	world.Eventually(d, activity+" is under way", func() bool { return d.Held(activity, d.name) })
}

// idle waits until the environment has nothing to do.
func (d *develop) idle() contract.EnvironmentStatus {
	d.Helper()
	var s contract.EnvironmentStatus
	world.Eventually(d, "nothing is under way", func() bool {
		var err error
		s, err = d.Status(d.ctx, acme, d.name) // a starved worker may not answer in time
		return err == nil && s.UnderWay == nil && s.Waiting == nil && s.Status != contract.StatusInitializing
	})
	return s
}

// Commits of every moment: whatever is under way is not cut, the newest one
// waits, and each ends with the one outcome that its sender is told.
func TestC7_CommitsAtEveryMoment(t *testing.T) {
	d := newDevelop(t, world.Options{})
	for i, c := range []struct {
		during string
		// before brings the environment to where the first commit does such work.
		before, first []string
	}{
		{activities.EnsureActivity("vpc"), nil, []string{"one"}},
		{activities.BeginWork, nil, []string{"one"}},
		{activities.LaunchPipeline, nil, []string{"one"}},
		{activities.CheckPipeline, nil, []string{"one"}},
		{activities.StopPipeline, []string{"one"}, []string{}},
	} {
		t.Run(c.during, func(t *testing.T) {
			d := &develop{T: t, World: d.World, ctx: d.ctx, name: fmt.Sprintf("env-%d", i)}
			d.Set(func(s *activities.Settings) { s.EnvironmentLimit = 20 })
			n := 10
			if c.during == activities.BeginWork || c.before != nil {
				d.ended(d.push(d.commit(1, c.before...)))
			}
			release := d.Hold(c.during, d.name)
			first := d.push(d.commit(n, c.first...))
			d.held(c.during)
			var waited []world.Answer
			for range 3 {
				n++
				waited = append(waited, d.push(d.commit(n, "one", "two")))
			}
			late := d.push(d.commit(5, "two"))
			assert.Equal(t, contract.ErrSuperseded, late.Refused, "an older one, late")
			assert.Contains(t, late.Message, world.SHA(n))
			release()
			assert.Equal(t, contract.OutcomeDeployed, d.ended(first).Outcome, "nothing is cut")
			for _, a := range waited[:2] {
				o := d.ended(a)
				assert.Equal(t, contract.OutcomeSuperseded, o.Outcome)
				assert.Contains(t, o.Reason, "superseded by ")
			}
			assert.Equal(t, contract.OutcomeDeployed, d.ended(waited[2]).Outcome)
			s := d.idle()
			assert.Equal(t, contract.StatusReady, s.Status, s.Reason)
			assert.Equal(t, []string{"one", "two"}, running(s, world.SHA(n)))
			assertOutcomesOnce(t, s)
			assert.Empty(t, d.Twice())
		})
	}
}

// running are the pipelines that run at a commit.
func running(s contract.EnvironmentStatus, sha string) []string {
	var names []string
	for _, p := range s.Pipelines {
		if p.Status == contract.PipelineRunning && p.Commit == sha {
			names = append(names, p.Name)
		}
	}
	return names
}

// assertOutcomesOnce asserts that no deployment has two outcomes.
func assertOutcomesOnce(t assert.TestingT, s contract.EnvironmentStatus) {
	seen := map[string]bool{}
	for _, o := range s.Outcomes {
		assert.False(t, seen[o.Deployment], "%s has two outcomes", o.Deployment)
		seen[o.Deployment] = true
	}
}

// Two hundred commits at once, with work under way and onto a new environment:
// the newest is deployed, each of the others is told that it is not the newest.
func TestC7_ABurstOfTwoHundred(t *testing.T) {
	d := newDevelop(t, world.Options{})
	for name, begun := range map[string]bool{"while work is under way": true, "as its first": false} {
		t.Run(name, func(t *testing.T) {
			d := &develop{T: t, World: d.World, ctx: d.ctx, name: map[bool]string{true: "begun", false: "new"}[begun]}
			release := func() {}
			if begun {
				release = d.Hold(activities.LaunchPipeline, d.name)
				d.push(d.commit(1, "one"))
				d.held(activities.LaunchPipeline)
			}
			const burst = 200
			answers := make([]world.Answer, burst)
			// The server lets ten updates of a workflow be under way; more wait.
			senders := make(chan struct{}, 20)
			var all sync.WaitGroup
			for i := range burst {
				all.Go(func() {
					senders <- struct{}{}
					defer func() { <-senders }()
					a, err := d.Push(d.ctx, fmt.Sprint("burst-", d.name, i), d.commit(100+i, "one"))
					assert.NoError(t, err)
					answers[i] = a
				})
			}
			all.Wait()
			release()
			newest := answers[burst-1]
			assert.Equal(t, contract.OutcomeDeployed, d.ended(newest).Outcome)
			superseded := 0
			for i, a := range answers[:burst-1] {
				if a.Refused != "" {
					require.Equal(t, contract.ErrSuperseded, a.Refused, "%d: %s", i, a.Message)
					superseded++
					continue
				}
				o := d.ended(a)
				assert.Equal(t, world.SHA(100+i), o.Commit, "its own outcome")
				if o.Outcome == contract.OutcomeSuperseded {
					superseded++
					continue
				}
				// Onto a new environment some commit had to be the first.
				assert.False(t, begun, "commit %d: %s", i, o.Outcome)
				assert.Equal(t, contract.OutcomeDeployed, o.Outcome)
			}
			s := d.idle()
			assert.Equal(t, []string{"one"}, running(s, world.SHA(100+burst-1)))
			assert.Len(t, d.Instances(s.EnvironmentID), 1)
			assertOutcomesOnce(t, s)
			if begun {
				assert.Equal(t, burst-1, superseded)
			}
			t.Logf("%d of %d superseded", superseded, burst)
		})
	}
	assert.Empty(t, d.Twice())
}

// The same SHA: at once it joins, later it is planned afresh, so that it
// retries only what is missing; a fix is not stuck behind a failure.
func TestC8_TheSameAgainAndTheFix(t *testing.T) {
	d := newDevelop(t, world.Options{})
	release := d.Hold(activities.CheckPipeline, d.name)
	d.Break(world.SHA(1), true)
	first := d.push(d.commit(1, "one"))
	d.held(activities.CheckPipeline)
	again := d.push(d.commit(1, "one"))
	assert.True(t, again.Joined)
	assert.Equal(t, first.Deployment, again.Deployment)
	fix := d.push(d.commit(2, "one"))
	joined := d.push(d.commit(2, "one"))
	assert.Equal(t, contract.CommitAnswer{Deployment: fix.Deployment, Joined: true}, joined.CommitAnswer, "it joins the one that waits")
	release()
	assert.Equal(t, contract.OutcomeFailed, d.ended(first).Outcome)
	assert.Equal(t, contract.OutcomeDeployed, d.ended(fix).Outcome)

	// After success nothing is left to do, and after a failure only what is missing.
	assert.Equal(t, contract.OutcomeUnchanged, d.ended(d.push(d.commit(2, "one"))).Outcome)
	d.FailNext(activities.LaunchPipeline, d.name, 1)
	failed := d.ended(d.push(d.commit(3, "one", "two")))
	assert.Equal(t, contract.OutcomeFailed, failed.Outcome)
	repeated := d.ended(d.push(d.commit(3, "one", "two")))
	assert.Equal(t, contract.OutcomeDeployed, repeated.Outcome)
	assert.Len(t, repeated.Plan.Unchanged, 1)
	other := d.commit(3, "one")
	other.FileDigest = d.commit(99).FileDigest
	assert.Equal(t, []string{"two"}, d.ended(d.push(other)).Plan.Destroy, "the same SHA with another file is newer")

	// Older ones come late, and a rollback is a deliberate act.
	late := d.push(d.commit(2, "one"))
	assert.Equal(t, contract.ErrSuperseded, late.Refused)
	assert.Contains(t, late.Message, "by descent")
	back := d.commit(2, "one")
	back.AllowRollback = true
	assert.Equal(t, contract.OutcomeDeployed, d.ended(d.push(back)).Outcome)
	s := d.idle()
	assert.Equal(t, world.SHA(2), s.Commit)
	assert.Equal(t, contract.OutcomeDeployed, d.ended(d.push(d.commit(3, "one"))).Outcome, "it is newer than what was rolled back to")
	assertOutcomesOnce(t, d.status())
	assert.Empty(t, d.Twice())
}

// A commit that changes nothing costs the environment's history at most 30
// events, and the account nothing.
func TestC11_ACommitThatChangesNothingCostsThirtyEvents(t *testing.T) {
	d := newDevelop(t, world.Options{})
	d.ended(d.push(d.commit(1, "one")))
	length := func() int64 {
		d.idle()
		info, err := d.Client.DescribeWorkflowExecution(d.ctx, contract.EnvironmentWorkflowID(acme, d.name), "")
		require.NoError(t, err)
		return info.GetWorkflowExecutionInfo().GetHistoryLength()
	}
	var costs []int64
	for n := range 5 {
		before := length()
		c := d.commit(2+n, "one")
		c.Code = d.commit(1).Code
		o := d.ended(d.push(c))
		assert.Equal(t, contract.OutcomeUnchanged, o.Outcome)
		costs = append(costs, length()-before)
	}
	assert.LessOrEqual(t, slices.Max(costs), int64(30))
	t.Logf("events of each: %v", costs)
}
