package durable_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"

	"github.com/aineko-dev/environments/activities"
	"github.com/aineko-dev/environments/internal/contract"
	"github.com/aineko-dev/environments/internal/ec2sim"
	"github.com/aineko-dev/environments/test/drive"
	"github.com/aineko-dev/environments/test/gate"
	"github.com/aineko-dev/environments/test/stack"
)

// The environments in which activities are held, each where its own are the
// next that it comes to. They are all of one project.
const firm = "acme/kinds"

// fresh are initialised while the worker is killed.
var fresh = map[string][]string{
	"roots":    {"ensure-vpc", "ensure-elastic-ip", "ensure-volume"},
	"inside":   {"ensure-internet-gateway", "ensure-default-security-group", "ensure-security-group", "ensure-subnet", "ensure-flow-logs"},
	"between":  {"ensure-nat-gateway", "ensure-route-table", "ensure-network-interface"},
	"ways":     {"ensure-route", "ensure-vpc-endpoint"},
	"broker":   {activities.EnsureBroker},
	"sweep":    {activities.Sweep},
	"verify":   {activities.VerifyIsolation},
	"planning": {activities.PlanResources},
}

// atWork have pipelines, and get something to do. A commit of SHA n+1 follows
// on one of SHA n.
var atWork = map[string]struct {
	activity      string
	before, after []string
	fails         bool // the new instances
}{
	"develop":    {activity: activities.BeginWork, after: []string{"one"}},
	"production": {activity: activities.ChoosePlacements, after: []string{"one"}},
	"launching":  {activity: activities.LaunchPipeline, before: []string{"one"}, after: []string{"one"}},
	"checking":   {activity: activities.CheckPipeline, after: []string{"one", "two"}},
	"stopping":   {activity: activities.StopPipeline, before: []string{"one", "two"}, after: []string{"two"}},
	"judging":    {activity: activities.CheckBroker, after: []string{"one"}, fails: true},
	"resuming":   {activity: activities.Discover, before: []string{"one"}, after: []string{"one"}},
	"looking":    {activity: activities.FindDrift, before: []string{"one"}, after: []string{"one"}},
}

// doomed are deleted while the worker is killed.
var doomed = map[string][]string{
	"grace":   {activities.ReadSettings},
	"finding": {activities.FindResources},
	"first":   {activities.ReadIdentity, "delete-instance", "delete-vpc-endpoint", "delete-nat-gateway", "delete-flow-logs"},
	"second":  {"delete-network-interface", "delete-volume", "delete-elastic-ip", "delete-route-table"},
	"third":   {"delete-internet-gateway", "delete-security-group", "delete-subnet"},
	"last":    {"delete-vpc"},
}

// Projects of their own: for what happens once in a project, for a slot that
// is asked for, and for one that is given back, which is not possible while
// the project looks into its slots.
const (
	found   = "acme/found"
	started = "acme/started"
	asked   = "acme/asked"
	freed   = "acme/freed"
)

// rules hold every kind of activity there is.
func rules() []gate.Rule {
	all := []gate.Rule{
		{Workflow: contract.ProjectWorkflowID(found), Activity: activities.RecoverSlots},
		{Workflow: contract.ProjectWorkflowID(started), Activity: activities.StartEnvironment},
		{Workflow: contract.EnvironmentWorkflowID(asked, "develop"), Activity: activities.TakeSlot},
		{Workflow: contract.ProjectWorkflowID(firm), Activity: activities.InspectSlot},
		{Workflow: contract.EnvironmentWorkflowID(freed, "develop"), Activity: activities.FreeSlot},
	}
	for _, some := range []map[string][]string{fresh, doomed} {
		for name, kinds := range some {
			for _, kind := range kinds {
				all = append(all, gate.Rule{Workflow: contract.EnvironmentWorkflowID(firm, name), Activity: kind})
			}
		}
	}
	for name, w := range atWork {
		all = append(all, gate.Rule{Workflow: contract.EnvironmentWorkflowID(firm, name), Activity: w.activity})
	}
	return all
}

// registered are the names of all activities, as the worker registers them.
type registered []string

func (r *registered) RegisterActivity(any) {}
func (r *registered) RegisterActivityWithOptions(_ any, o activity.RegisterOptions) {
	*r = append(*r, o.Name)
}
func (r *registered) RegisterDynamicActivity(any, activity.DynamicRegisterOptions) {}

// Twice the worker is killed while every kind of activity there is is under
// way, side by side in many environments: first when each has made its first
// call and has no answer, then when each has done everything and has told
// nobody. Then everything comes to its right end, and nothing is there twice.
func TestA8_KilledInTheMiddleOfEveryKindOfActivity(t *testing.T) {
	t.Parallel() // it waits more than it works
	begun := time.Now()
	hold := rules()
	var kinds registered
	activities.New(activities.Config{}).Register(&kinds)
	slices.Sort(kinds)
	for _, kind := range kinds {
		require.True(t, slices.ContainsFunc(hold, func(r gate.Rule) bool { return r.Activity == kind }), "no row is about %s", kind)
	}

	// As many slots as there are environments, so that one more is refused.
	limit := len(fresh) + len(atWork) + len(doomed)
	s, g := behindGate(t, map[string]string{"environment-limit": fmt.Sprint(limit), "flow-logs": "arn:aws:s3:::logs", "reconcile-interval": "0"})
	c := dial(t, s)
	commits := newCommits(t, s)
	commits.push(freed, "develop", 1)
	for name := range doomed {
		commits.push(firm, name, 1)
	}
	for name, w := range atWork {
		commits.push(firm, name, 1, w.before...)
	}
	before := commits.wait()
	for name, o := range before {
		require.Contains(t, []string{contract.OutcomeDeployed, contract.OutcomeUnchanged}, o.Outcome, "%s: %s", name, o.Reason)
	}
	ids := map[string]string{}
	for _, slot := range slots(t, c, firm) {
		ids[slot.Environment] = slot.EnvironmentID
	}
	require.NoError(t, s.Control().SetBoots(t.Context(), ec2sim.BootRule{Commit: drive.SHA(666)}))
	t.Logf("%s: %d environments are ready", time.Since(begun).Round(time.Second), len(before))

	g.Hold(gate.Begun, hold...)
	for name := range fresh {
		commits.push(firm, name, 1)
	}
	require.NoError(t, c.SignalWorkflow(t.Context(), contract.EnvironmentWorkflowID(freed, "develop"), "", contract.DeleteEnvironmentSignal, nil))
	for name := range doomed {
		require.NoError(t, c.SignalWorkflow(t.Context(), contract.EnvironmentWorkflowID(firm, name), "", contract.DeleteEnvironmentSignal, nil))
	}
	for name, w := range atWork {
		switch w.activity {
		case activities.FindDrift:
			go func() {
				_ = s.Tool(t.Context(), "starter", "reconcile", "--project", firm, "--environment", name).Run()
			}()
			continue
		case activities.Discover:
			require.NoError(t, c.TerminateWorkflow(t.Context(), contract.EnvironmentWorkflowID(firm, name), "", "a test"))
		}
		n := 2
		if w.fails {
			n = 666
		}
		commits.push(firm, name, n, w.after...)
	}
	commits.push(asked, "develop", 1)
	for _, project := range []string{found, started} {
		go func() { _ = s.Tool(t.Context(), "starter", "create-project", "--project", project).Run() }()
	}
	drive.Eventually(t, drive.Deadline, "every slot is taken", func() bool { return len(slots(t, c, firm)) == limit })
	commits.push(firm, "one-too-many", 1)

	held := func(point gate.Point) {
		deadline := time.Now().Add(2 * drive.Deadline)
		for len(g.Missing()) > 0 {
			require.True(t, time.Now().Before(deadline), "not %s: %v", point, g.Missing())
			time.Sleep(100 * time.Millisecond)
		}
		t.Logf("%s: %d activities of %d kinds have %s", time.Since(begun).Round(time.Second), len(hold), len(kinds), point)
	}
	held(gate.Begun)
	// Every call has its effect, and its answer does not come any more.
	require.NoError(t, s.Control().SetFaults(t.Context(), ec2sim.Fault{DelayMillis: 5000}))
	g.Deliver()
	drive.Eventually(t, drive.Deadline, "the worker has them all", g.Delivered)
	time.Sleep(500 * time.Millisecond)
	s.Kill("worker")
	require.NoError(t, s.Control().SetFaults(t.Context()))
	g.Lose()
	g.Hold(gate.Ended, hold...)
	require.NoError(t, s.StartWorker(t.Context(), "worker"))
	held(gate.Ended)
	for _, r := range hold {
		require.True(t, g.Resumed(r), "%s was not begun again", r)
	}
	s.Kill("worker")
	g.Lose()
	require.NoError(t, s.StartWorker(t.Context(), "worker"))

	after := commits.wait()
	t.Logf("%s: every commit has its outcome", time.Since(begun).Round(time.Second))
	for _, r := range hold {
		// Not every one is part of a commit's way.
		drive.Eventually(t, drive.Deadline, r.String()+" is begun again", func() bool { return g.Resumed(r) })
	}
	for name := range fresh {
		assert.Equal(t, contract.OutcomeUnchanged, after[firm+" "+name].Outcome, "%s: %s", name, after[firm+" "+name].Reason)
		assertWhole(t, s, firm, name, "")
	}
	for name, w := range atWork {
		want, pipelines := contract.OutcomeDeployed, w.after
		if w.fails {
			want, pipelines = contract.OutcomeFailed, nil
		}
		if w.activity != activities.FindDrift {
			assert.Equal(t, want, after[firm+" "+name].Outcome, "%s: %s", name, after[firm+" "+name].Reason)
		}
		assertWhole(t, s, firm, name, ids[name], pipelines...)
	}
	// Asked again after the kills, it may have found a slot that was free by then.
	assert.Contains(t, []string{contract.OutcomeRefused, contract.OutcomeUnchanged}, after[firm+" one-too-many"].Outcome)
	assert.LessOrEqual(t, len(slots(t, c, firm)), limit)
	for name := range doomed {
		drive.Eventually(t, drive.Deadline, name+" is deleted", func() bool {
			return !slices.ContainsFunc(slots(t, c, firm), func(held contract.Slot) bool { return held.Environment == name })
		})
		assert.Empty(t, drive.Roles(t, s, ids[name]), name)
	}
	drive.Eventually(t, drive.Deadline, "the slot is given back", func() bool { return len(slots(t, c, freed)) == 1 })
	for _, project := range []string{found, started, asked} {
		for _, name := range contract.InitialEnvironments {
			drive.Eventually(t, drive.Deadline, name+" of "+project+" is ready", func() bool {
				return drive.Status(t, s, project, name).Status == contract.StatusReady
			})
			assertWhole(t, s, project, name, "")
		}
	}
	t.Logf("%s: killed twice in %d kinds of activity", time.Since(begun).Round(time.Second), len(kinds))
}

// behindGate starts a stack whose worker works through a gate; its programs
// have these variables over their own.
func behindGate(t *testing.T, settings map[string]string, variables ...string) (*stack.Stack, *gate.Gate) {
	t.Helper()
	all := map[string]string{"readiness-timeout": "20s", "deletion-grace": "1s"}
	for k, v := range settings {
		all[k] = v
	}
	s, err := stack.New(stack.Options{Dir: t.TempDir(), Speed: drive.Speed, WorkerSettings: all, Env: variables})
	require.NoError(t, err)
	g, err := gate.New(s.Temporal)
	require.NoError(t, err)
	t.Cleanup(g.Close)
	all["address"] = g.Address
	require.NoError(t, s.Start(t.Context()))
	t.Cleanup(func() {
		_ = s.Stop()
		if t.Failed() {
			t.Log("the worker's log ends:\n" + s.Log("worker"))
		}
	})
	return s, g
}

// commits are pushes under way, side by side.
type commits struct {
	t        *testing.T
	s        *stack.Stack
	group    sync.WaitGroup
	mu       sync.Mutex
	outcomes map[string]contract.Outcome
}

func newCommits(t *testing.T, s *stack.Stack) *commits {
	return &commits{t: t, s: s, outcomes: map[string]contract.Outcome{}}
}

// push pushes the n-th commit, which lists pipelines for its environment.
func (c *commits) push(project, environment string, n int, pipelines ...string) {
	file := drive.DeployFile(c.t, drive.Listing(environment, pipelines...))
	c.group.Go(func() {
		var o contract.Outcome
		// While nobody works the starter gives up after a while, and says that
		// it may still be applied: people push again.
		for o.Outcome = contract.OutcomePending; o.Outcome == contract.OutcomePending && c.t.Context().Err() == nil; {
			var errs string
			if o, _, errs = drive.Push(c.t.Context(), c.s, project, environment, file, n); o.Outcome == "" {
				o.Reason = errs
			}
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.outcomes[project+" "+environment] = o
	})
}

// wait is how they ended, by project and environment.
func (c *commits) wait() map[string]contract.Outcome {
	c.group.Wait()
	ended := c.outcomes
	c.outcomes = map[string]contract.Outcome{}
	return ended
}

// dial is a connection to the stack's Temporal.
func dial(t *testing.T, s *stack.Stack) client.Client {
	t.Helper()
	c, err := client.DialContext(t.Context(), client.Options{HostPort: s.Temporal, Logger: log.NewStructuredLogger(slog.New(slog.DiscardHandler))})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// slots are those of a project.
func slots(t *testing.T, c client.Client, project string) []contract.Slot {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), drive.Deadline)
	defer cancel()
	answer, err := c.QueryWorkflow(ctx, contract.ProjectWorkflowID(project), "", contract.StatusQuery)
	require.NoError(t, err)
	var status contract.ProjectStatus
	require.NoError(t, answer.Get(&status))
	return status.Slots
}

// assertWhole asserts that an environment has each thing once, under the id
// that it had, where that is known.
func assertWhole(t *testing.T, s *stack.Stack, project, environment, id string, pipelines ...string) {
	t.Helper()
	e := drive.Status(t, s, project, environment)
	if id != "" {
		assert.Equal(t, id, e.EnvironmentID, environment)
	}
	t.Run(environment, func(t *testing.T) { drive.AssertWhole(t, s, e.EnvironmentID, pipelines...) })
	running := 0
	for _, p := range e.Pipelines {
		if p.InstanceID != "" {
			running++
		}
	}
	assert.Equal(t, len(pipelines), running, "%s runs %+v", environment, e.Pipelines)
}
