// Package world runs the workflows on a real Temporal server, with a worker in
// this process whose account is in memory: it makes thousands of commits cheap
// where EC2 does not matter. What the account holds and how it fails is the
// test's to say.
package world

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"

	"github.com/aineko-dev/environments/activities"
	"github.com/aineko-dev/environments/internal/compute"
	"github.com/aineko-dev/environments/internal/contract"
)

// Account is what stands for EC2: the instances and networks of every
// environment, by its id. Its methods may be called at any time.
type Account struct {
	mu        sync.Mutex
	settings  activities.Settings
	estates   map[string]*estate
	launched  map[string]string // instance IDs by token
	broken    map[string]bool   // commits whose pipelines never become ready
	failures  map[string]int    // terminal failures to come, by activity and environment
	stumbles  map[string]int    // failures to come that pass, likewise
	gates     map[string]chan struct{}
	waiting   map[string]int
	lostSlots int // answers of take-slot to be lost
	temporal  client.Client
}

// estate is what one life of an environment owns.
type estate struct {
	network   map[string]bool // roles made
	made      map[string]int  // how often each role was made
	instances []compute.Instance
	launches  map[string]int // launches by deployment and pipeline
}

func newAccount() *Account {
	return &Account{
		estates: map[string]*estate{}, launched: map[string]string{}, broken: map[string]bool{}, failures: map[string]int{}, stumbles: map[string]int{},
		gates: map[string]chan struct{}{}, waiting: map[string]int{},
		settings: activities.Settings{
			Installation: "test", Zones: 2, Limits: contract.DefaultLimits, EnvironmentLimit: 4, InitializeTimeout: 3 * time.Hour,
			DeletionGrace: time.Hour, ReadinessTimeout: 15 * time.Minute, SettleTime: time.Millisecond,
		},
	}
}

// Set changes the worker's settings.
func (a *Account) Set(change func(*activities.Settings)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	change(&a.settings)
}

// Break makes the pipelines of a commit fail, or not any more.
func (a *Account) Break(sha string, broken bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.broken[sha] = broken
}

// FailNext makes the next calls of an activity fail for good in an environment.
func (a *Account) FailNext(name, environment string, times int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.failures[name+" "+environment] = times
}

// Stumble makes the next calls of an activity fail in a way that passes when
// it is tried again.
func (a *Account) Stumble(name, environment string, times int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stumbles[name+" "+environment] = times
}

// LoseSlots makes answers of take-slot lost: the slot is taken, the
// environment is not told.
func (a *Account) LoseSlots(times int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lostSlots = times
}

// Hold makes an activity wait in an environment until it is let go.
func (a *Account) Hold(name, environment string) (release func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	key, gate := name+" "+environment, make(chan struct{})
	a.gates[key] = gate
	return sync.OnceFunc(func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		close(gate)
		if a.gates[key] == gate {
			delete(a.gates, key)
		}
	})
}

// Held is whether an activity waits in an environment, held.
func (a *Account) Held(name, environment string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.waiting[name+" "+environment] > 0
}

// Instances are the pipelines' of one life of an environment.
func (a *Account) Instances(environmentID string) []compute.Instance {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.estate(environmentID).instances)
}

// Terminate ends an instance behind the product's back.
func (a *Account) Terminate(environmentID, instanceID string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	e := a.estate(environmentID)
	e.instances = slices.DeleteFunc(e.instances, func(i compute.Instance) bool { return i.ID == instanceID })
}

// Twice names what was made more than once: a resource, or an instance of one deployment.
func (a *Account) Twice() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var twice []string
	for id, e := range a.estates {
		for what, n := range e.made {
			if n > 1 {
				twice = append(twice, fmt.Sprintf("%s of %s: %d times", what, id, n))
			}
		}
		for what, n := range e.launches {
			if n > 1 {
				twice = append(twice, fmt.Sprintf("pipeline %s: launched %d times", what, n))
			}
		}
	}
	return twice
}

// Networks are the ids of the environments that own something.
func (a *Account) Networks() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var ids []string
	for id, e := range a.estates {
		if len(e.network) > 0 || len(e.instances) > 0 {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

func (a *Account) estate(id string) *estate {
	if a.estates[id] == nil {
		a.estates[id] = &estate{network: map[string]bool{}, made: map[string]int{}, launches: map[string]int{}}
	}
	return a.estates[id]
}

// enter is what every activity begins with: it waits where it is held, and
// fails where it is to fail. On a worker that stops it hands over.
func (a *Account) enter(ctx context.Context, environment string) error {
	name := activity.GetInfo(ctx).ActivityType.Name
	key := name + " " + environment
	a.mu.Lock()
	gate := a.gates[key]
	a.waiting[key]++
	a.mu.Unlock()
	defer func() {
		a.mu.Lock()
		a.waiting[key]--
		a.mu.Unlock()
	}()
	beat := time.NewTicker(time.Second)
	defer beat.Stop()
	for gate != nil {
		select {
		case <-gate:
			gate = nil
		case <-beat.C:
			activity.RecordHeartbeat(ctx)
		case <-ctx.Done():
			return ctx.Err()
		case <-activity.GetWorkerStopChannel(ctx):
			return temporal.NewApplicationErrorWithOptions("the worker stops", activities.ErrWorkerStopping, temporal.ApplicationErrorOptions{NextRetryDelay: 50 * time.Millisecond})
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.stumbles[key] > 0 {
		a.stumbles[key]--
		return temporal.NewApplicationErrorWithOptions(name+" is throttled", "Throttled", temporal.ApplicationErrorOptions{NextRetryDelay: 20 * time.Millisecond})
	}
	if a.failures[key] > 0 {
		a.failures[key]--
		return temporal.NewNonRetryableApplicationError(name+" is not allowed", activities.ErrTerminal, nil)
	}
	return nil
}

func (a *Account) frame() activities.Frame {
	return activities.Frame{Settings: a.settings, Account: activities.Account{ID: "1", Region: "r"}}
}

// steps of initialising: enough to have an order, and something side by side.
var steps = []activities.Step{
	{Role: activities.VPCRole, Kind: "vpc", Summary: "VPC"},
	{Role: "nat-a", Kind: "nat-gateway", Summary: "NAT gateway", After: []string{activities.VPCRole}},
	{Role: activities.BrokerRole, Kind: "broker", Summary: "broker", After: []string{activities.VPCRole}},
}

// register gives a worker every activity: those that ask Temporal are the
// product's own, those that ask EC2 are the account's.
func (a *Account) register(w worker.Worker) {
	own := activities.New(activities.Config{Temporal: a.temporal})
	all := map[string]any{
		activities.ReadSettings: func(context.Context) (activities.Frame, error) {
			a.mu.Lock()
			defer a.mu.Unlock()
			return a.frame(), nil
		},
		activities.ReadIdentity:     own.ReadIdentity,
		activities.FreeSlot:         own.FreeSlot,
		activities.StartEnvironment: own.StartEnvironment,
		activities.TakeSlot: func(ctx context.Context, in activities.TakeSlotInput) (contract.TakeSlotAnswer, error) {
			if err := a.enter(ctx, in.Environment); err != nil {
				return contract.TakeSlotAnswer{}, err
			}
			answer, err := own.TakeSlot(ctx, in)
			a.mu.Lock()
			defer a.mu.Unlock()
			if err == nil && a.lostSlots > 0 {
				a.lostSlots--
				return answer, errors.New("the answer was lost")
			}
			return answer, err
		},
		activities.InspectSlot:  a.inspect,
		activities.RecoverSlots: func(context.Context, activities.RecoverSlotsInput) ([]contract.Slot, error) { return nil, nil },
		activities.Discover:     a.discover,
		activities.BeginWork: func(ctx context.Context, in activities.BeginWorkInput) (activities.Work, error) {
			err := a.enter(ctx, in.Target.Environment)
			return a.work(in.Target), err
		},
		activities.CheckBroker: func(context.Context, activities.BeginWorkInput) (string, error) { return "", nil },
		activities.PlanResources: func(ctx context.Context, in activities.PlanResourcesInput) (activities.Resources, error) {
			return activities.Resources{Steps: steps}, a.enter(ctx, in.Target.Environment)
		},
		activities.Sweep: func(context.Context, activities.SweepInput) ([]string, error) { return nil, nil },
		activities.VerifyIsolation: func(context.Context, activities.VerifyInput) (contract.Verified, error) {
			return contract.Verified{Findings: []contract.Finding{}}, nil
		},
		activities.FindDrift: func(ctx context.Context, in activities.DriftInput) (activities.Drift, error) {
			err := a.enter(ctx, in.Target.Environment)
			return activities.Drift{Work: a.work(in.Target)}, err
		},
		activities.ChoosePlacements: func(context.Context, activities.PlacementsInput) ([]compute.Placement, error) {
			return []compute.Placement{{InstanceType: "m7i.large", Zone: "a"}}, nil
		},
		activities.LaunchPipeline: a.launch,
		activities.CheckPipeline:  a.check,
		activities.StopPipeline:   a.stop,
		activities.FindResources:  a.find,
	}
	for _, s := range steps {
		all[activities.EnsureActivity(s.Kind)] = a.ensure
	}
	all[activities.DeleteActivity("estate")] = a.delete
	for _, name := range slices.Sorted(maps.Keys(all)) {
		w.RegisterActivityWithOptions(all[name], activity.RegisterOptions{Name: name})
	}
}

func (a *Account) work(target activities.Target) activities.Work {
	a.mu.Lock()
	defer a.mu.Unlock()
	return activities.Work{Frame: a.frame(), Instances: slices.Clone(a.estate(target.EnvironmentID).instances)}
}

func (a *Account) ensure(ctx context.Context, in activities.EnsureInput) (activities.Ensured, error) {
	if err := a.enter(ctx, in.Target.Environment); err != nil {
		return activities.Ensured{}, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	e := a.estate(in.Target.EnvironmentID)
	if !e.network[in.Step.Role] {
		e.network[in.Step.Role] = true
		e.made[in.Step.Role]++
	}
	return activities.Ensured{ID: in.Step.Role + " of " + in.Target.EnvironmentID}, nil
}

func (a *Account) launch(ctx context.Context, in activities.LaunchInput) (compute.Launched, error) {
	if err := a.enter(ctx, in.Target.Environment); err != nil {
		return compute.Launched{}, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	token := fmt.Sprint(in.Target.EnvironmentID, in.Pipeline.Pipeline, in.Deployment, in.Incarnation, in.Try)
	if id, done := a.launched[token]; done {
		return compute.Launched{InstanceID: id}, nil
	}
	e, id := a.estate(in.Target.EnvironmentID), fmt.Sprintf("i-%d", len(a.launched)+1)
	a.launched[token] = id
	e.launches[fmt.Sprintf("%s of %s at %.8s try %d", in.Pipeline.Pipeline, in.Deployment, in.Commit, in.Try)]++
	e.instances = append(e.instances, compute.Instance{
		ID: id, Role: "pipeline", Pipeline: in.Pipeline.Pipeline, Commit: in.Commit, Digest: in.Digest, Deployment: in.Deployment, State: "running",
	})
	return compute.Launched{InstanceID: id}, nil
}

func (a *Account) check(ctx context.Context, in activities.CheckInput) (compute.Readiness, error) {
	if err := a.enter(ctx, in.Target.Environment); err != nil {
		return compute.Readiness{}, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.broken[in.Commit] {
		return compute.Readiness{Reason: "its unit failed", Journal: "ImportError"}, nil
	}
	return compute.Readiness{Ready: true}, nil
}

func (a *Account) stop(ctx context.Context, in activities.StopInput) error {
	if err := a.enter(ctx, in.Target.Environment); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	e := a.estate(in.Target.EnvironmentID)
	e.instances = slices.DeleteFunc(e.instances, func(i compute.Instance) bool { return slices.Contains(in.InstanceIDs, i.ID) })
	return nil
}

func (a *Account) find(ctx context.Context, in activities.FindInput) (activities.TearDown, error) {
	if err := a.enter(ctx, in.Target.Environment); err != nil {
		return activities.TearDown{}, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if e := a.estate(in.Target.EnvironmentID); len(e.network) == 0 && len(e.instances) == 0 {
		return activities.TearDown{}, nil
	}
	return activities.TearDown{Steps: []activities.Step{{Role: "estate", Kind: "estate", Summary: "everything"}}}, nil
}

func (a *Account) delete(ctx context.Context, in activities.DeleteInput) error {
	if err := a.enter(ctx, in.Target.Environment); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	e := a.estate(in.Target.EnvironmentID)
	e.network, e.instances = map[string]bool{}, nil
	return nil
}

// inspect answers as the product's activity does, from this account.
func (a *Account) inspect(ctx context.Context, in activities.InspectSlotInput) (activities.SlotInspection, error) {
	d, err := a.temporal.DescribeWorkflowExecution(ctx, contract.EnvironmentWorkflowID(in.Project, in.Slot.Environment), "")
	var gone *serviceerror.NotFound
	if err != nil && !errors.As(err, &gone) {
		return activities.SlotInspection{}, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	running := d.GetWorkflowExecutionInfo().GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING
	return activities.SlotInspection{Empty: !running && len(a.estate(in.Slot.EnvironmentID).network) == 0}, nil
}

// discover reads the tags of what exists.
func (a *Account) discover(_ context.Context, in activities.BeginWorkInput) (activities.Discovery, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var found activities.Discovery
	for _, i := range a.estate(in.Target.EnvironmentID).instances {
		n := 0
		_, number, _ := strings.Cut(i.Deployment, "/")
		_, _ = fmt.Sscan(number, &n)
		found.LastDeployment = max(found.LastDeployment, n)
		found.Pipelines = append(found.Pipelines, contract.PipelineStatus{
			Name: i.Pipeline, Status: contract.PipelineRunning, Commit: i.Commit, Digest: i.Digest, InstanceID: i.ID, Deployment: i.Deployment,
		})
	}
	return found, nil
}
