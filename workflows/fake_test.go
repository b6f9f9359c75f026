package workflows_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"

	"github.com/aineko-dev/environments/activities"
	"github.com/aineko-dev/environments/internal/compute"
	"github.com/aineko-dev/environments/internal/contract"
	"github.com/aineko-dev/environments/workflows"
)

// fake stands for the account and the project: what the activities do, in memory.
type fake struct {
	mu        sync.Mutex
	calls     []string
	instances []compute.Instance
	launched  int
	settings  activities.Settings
	// broken are digests' commits whose instances never become ready.
	broken map[string]bool
	// terminal makes the next calls of an activity fail for good.
	terminal map[string]int
	// shortages is how many placements have no capacity.
	shortages int
	broker    string
	slot      contract.TakeSlotAnswer
	free      bool // whether the environment's slot is not held yet
	found     activities.Discovery
	missing   []string
	freed     []string
	left      int // rounds of a tear-down that still find something
	during    func(call string)
}

func newFake() *fake {
	return &fake{
		broken: map[string]bool{}, terminal: map[string]int{},
		settings: activities.Settings{
			Installation: "test", Zones: 2, Limits: contract.DefaultLimits, EnvironmentLimit: 4, InitializeTimeout: 3 * time.Hour,
			DeletionGrace: 24 * time.Hour, ReadinessTimeout: 15 * time.Minute,
		},
		slot: contract.TakeSlotAnswer{Granted: true, Limit: 4, Slot: contract.Slot{Environment: "develop", EnvironmentID: "env-1", Account: "1", Region: "r", Incarnation: 1}},
		left: 1,
	}
}

func (f *fake) call(format string, args ...any) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	call := fmt.Sprintf(format, args...)
	f.calls = append(f.calls, call)
	if f.during != nil {
		f.during(call)
	}
	name, _, _ := strings.Cut(call, " ")
	if f.terminal[name] > 0 {
		f.terminal[name]--
		return temporal.NewNonRetryableApplicationError(name+" is not allowed", activities.ErrTerminal, nil)
	}
	return nil
}

// change changes or reads what the activities share.
func (f *fake) change(do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do()
}

func (f *fake) frame() activities.Frame {
	return activities.Frame{Settings: f.settings, Account: activities.Account{ID: "1", Region: "r"}}
}

func (f *fake) work() activities.Work {
	f.mu.Lock()
	defer f.mu.Unlock()
	return activities.Work{Frame: f.frame(), Instances: slices.Clone(f.instances), BrokerDown: f.broker}
}

// register gives the fake's functions to a test environment under the activities' names.
func (f *fake) register(env *testsuite.TestWorkflowEnvironment) {
	steps := []activities.Step{
		{Role: "vpc", Kind: "vpc", Summary: "VPC"},
		{Role: "nat-a", Kind: "nat-gateway", Summary: "NAT gateway", After: []string{"vpc"}},
		{Role: "broker", Kind: "broker", Summary: "broker", After: []string{"nat-a"}},
	}
	all := map[string]any{
		activities.ReadSettings: func(context.Context) (activities.Frame, error) { return f.frame(), f.call("read-settings") },
		activities.TakeSlot: func(_ context.Context, in activities.TakeSlotInput) (contract.TakeSlotAnswer, error) {
			err := f.call("take-slot")
			if in.Held && f.free {
				return contract.TakeSlotAnswer{Limit: 4}, err
			}
			return f.slot, err
		},
		activities.FreeSlot: func(_ context.Context, in activities.FreeSlotInput) error {
			f.change(func() { f.freed = append(f.freed, in.EnvironmentID) })
			return f.call("free-slot %s", in.EnvironmentID)
		},
		activities.ReadIdentity: func(_ context.Context, in activities.IdentityInput) (string, error) {
			return fmt.Sprintf("%s%s %d", in.Signal, in.UpdateID, in.Count), nil
		},
		activities.Discover: func(context.Context, activities.BeginWorkInput) (activities.Discovery, error) {
			return f.found, f.call("discover")
		},
		activities.BeginWork: func(context.Context, activities.BeginWorkInput) (activities.Work, error) {
			return f.work(), f.call("begin-work")
		},
		activities.CheckBroker: func(context.Context, activities.BeginWorkInput) (string, error) { return f.broker, nil },
		activities.PlanResources: func(context.Context, activities.PlanResourcesInput) (activities.Resources, error) {
			return activities.Resources{Steps: steps}, f.call("plan-resources")
		},
		activities.Sweep: func(context.Context, activities.SweepInput) ([]string, error) { return nil, f.call("sweep-duplicates") },
		activities.VerifyIsolation: func(context.Context, activities.VerifyInput) (contract.Verified, error) {
			return contract.Verified{Findings: []contract.Finding{}}, f.call("verify-isolation")
		},
		activities.FindDrift: func(context.Context, activities.DriftInput) (activities.Drift, error) {
			drift := activities.Drift{Work: f.work()}
			f.change(func() { drift.Lacking = f.missing })
			return drift, f.call("find-drift")
		},
		activities.ChoosePlacements: func(context.Context, activities.PlacementsInput) ([]compute.Placement, error) {
			return []compute.Placement{{InstanceType: "m7i.large", Zone: "a"}, {InstanceType: "m7i.large", Zone: "b"}, {InstanceType: "m6i.large", Zone: "a"}}, nil
		},
		activities.LaunchPipeline: f.launch,
		activities.CheckPipeline:  f.check,
		activities.StopPipeline: func(_ context.Context, in activities.StopInput) (struct{}, error) {
			err := f.call("stop-pipeline %s %s", in.Pipeline, strings.Join(in.InstanceIDs, ","))
			f.mu.Lock()
			defer f.mu.Unlock()
			if err == nil {
				f.instances = slices.DeleteFunc(f.instances, func(i compute.Instance) bool { return slices.Contains(in.InstanceIDs, i.ID) })
			}
			return struct{}{}, err
		},
		activities.FindResources: func(context.Context, activities.FindInput) (activities.TearDown, error) {
			err := f.call("find-resources")
			left := 0
			f.change(func() { f.left--; left = f.left })
			if left >= 0 {
				return activities.TearDown{Steps: []activities.Step{{Role: "vpc-1", Kind: "vpc", Summary: "delete vpc", ResourceID: "vpc-1"}}}, err
			}
			return activities.TearDown{}, err
		},
		activities.DeleteActivity("vpc"): func(context.Context, activities.DeleteInput) (struct{}, error) {
			return struct{}{}, f.call("delete-vpc")
		},
	}
	for _, s := range steps {
		all[activities.EnsureActivity(s.Kind)] = func(_ context.Context, in activities.EnsureInput) (activities.Ensured, error) {
			return activities.Ensured{ID: in.Step.Role + "-1"}, f.call("ensure-%s", in.Step.Kind)
		}
	}
	for name, function := range all {
		env.RegisterActivityWithOptions(function, activity.RegisterOptions{Name: name})
	}
}

func (f *fake) launch(_ context.Context, in activities.LaunchInput) (compute.Launched, error) {
	if err := f.call("launch-pipeline %s %.4s try %d in %s", in.Pipeline.Pipeline, in.Commit, in.Try, in.Placement.Zone); err != nil {
		return compute.Launched{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.shortages > 0 {
		f.shortages--
		return compute.Launched{Capacity: "InsufficientInstanceCapacity"}, nil
	}
	f.launched++
	id := fmt.Sprintf("i-%d", f.launched)
	f.instances = append(f.instances, compute.Instance{ID: id, Role: "pipeline", Pipeline: in.Pipeline.Pipeline, Commit: in.Commit, Digest: in.Digest, Deployment: in.Deployment, State: "running"})
	return compute.Launched{InstanceID: id}, nil
}

func (f *fake) check(_ context.Context, in activities.CheckInput) (compute.Readiness, error) {
	if err := f.call("check-pipeline %s", in.InstanceID); err != nil {
		return compute.Readiness{}, err
	}
	if f.broken[in.Commit] {
		return compute.Readiness{Reason: "its unit failed", Journal: "ImportError"}, nil
	}
	return compute.Readiness{Ready: true}, nil
}

// count is how many calls begin with a name.
func (f *fake) count(prefix string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, c := range f.calls {
		if strings.HasPrefix(c, prefix) {
			n++
		}
	}
	return n
}

// scene is one environment in a test: things happen at given times.
type scene struct {
	*fake
	t   *testing.T
	env *testsuite.TestWorkflowEnvironment
	n   int
}

func newScene(t *testing.T) *scene {
	suite := &testsuite.WorkflowTestSuite{}
	suite.SetLogger(quiet{})
	s := &scene{fake: newFake(), t: t, env: suite.NewTestWorkflowEnvironment()}
	workflows.Register(s.env)
	s.register(s.env)
	// A machine that is slow for a second is not a workflow that hangs.
	s.env.SetWorkerOptions(worker.Options{DeadlockDetectionTimeout: time.Minute})
	s.env.SetTestTimeout(2 * time.Minute)
	s.env.SetStartWorkflowOptions(client.StartWorkflowOptions{ID: contract.EnvironmentWorkflowID("acme/churn", "develop"), TaskQueue: "q"})
	return s
}

type quiet struct{}

func (quiet) Debug(string, ...any) {}
func (quiet) Info(string, ...any)  {}
func (quiet) Warn(string, ...any)  {}
func (quiet) Error(string, ...any) {}

// run lets the environment live until the end, and then deletes it nowhere: it is cancelled.
func (s *scene) run(until time.Duration) {
	s.t.Helper()
	s.env.RegisterDelayedCallback(s.env.CancelWorkflow, until)
	s.env.ExecuteWorkflow(contract.EnvironmentWorkflow, contract.EnvironmentInput{Project: "acme/churn", Environment: "develop"})
	require.True(s.t, s.env.IsWorkflowCompleted())
}

// answer is what an update was told.
type answer struct {
	rejected error
	err      error
	result   any
}

func (a *answer) failed() error {
	if a.rejected != nil {
		return a.rejected
	}
	return a.err
}

// kind is the type of the error by which an update was refused.
func (a *answer) kind() string {
	var application *temporal.ApplicationError
	if err := a.failed(); err != nil {
		if as(err, &application) {
			return application.Type()
		}
		return err.Error()
	}
	return ""
}

// update sends an update at a time.
func (s *scene) update(at time.Duration, name string, args ...any) *answer {
	a := &answer{}
	s.n++
	id := fmt.Sprintf("update-%d", s.n)
	s.env.RegisterDelayedCallback(func() {
		s.env.UpdateWorkflow(name, id, &testsuite.TestUpdateCallback{
			OnAccept: func() {}, OnReject: func(err error) { a.rejected = err },
			OnComplete: func(result any, err error) { a.result, a.err = result, err },
		}, args...)
	}, at)
	return a
}

// commit pushes a commit at a time.
func (s *scene) commit(at time.Duration, c contract.Commit) *answer {
	return s.update(at, contract.CommitUpdate, c)
}

// status asks at a time.
func (s *scene) status(at time.Duration) *contract.EnvironmentStatus {
	var status contract.EnvironmentStatus
	s.env.RegisterDelayedCallback(func() { status = s.now() }, at)
	return &status
}

func (s *scene) now() contract.EnvironmentStatus {
	var status contract.EnvironmentStatus
	value, err := s.env.QueryWorkflow(contract.StatusQuery)
	require.NoError(s.t, err)
	require.NoError(s.t, value.Get(&status))
	return status
}

// sha makes a commit's SHA out of a letter.
func sha(letter string) string { return strings.Repeat(letter, 40) }

// pushed is a commit of develop that wants these pipelines, newer than another.
func pushed(letter, than string, pipelines ...string) contract.Commit {
	c := contract.Commit{
		Project: "acme/churn", Branch: "develop", SHA: sha(letter), FileDigest: strings.Repeat(letter, 64), Code: "commit:" + sha(letter),
		Desired: contract.Desired{Listed: true, Environments: []string{"develop", "production"}},
	}
	if than != "" {
		c.Evidence = contract.Evidence{ComparedWith: sha(than), Kind: contract.EvidenceDescent, Newer: true}
	}
	for _, p := range pipelines {
		c.Desired.Pipelines = append(c.Desired.Pipelines, contract.Pipeline{Pipeline: p, Source: "conf/" + p + ".yml", Machine: contract.DefaultMachine})
	}
	return c
}
