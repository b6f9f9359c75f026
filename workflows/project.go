package workflows

import (
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/aineko-dev/environments/activities"
	"github.com/aineko-dev/environments/internal/contract"
)

// ProjectInput starts a project's workflow: what the contract says, and the
// state that an earlier run carried over.
type ProjectInput struct {
	contract.ProjectInput
	State *projectState `json:"state,omitempty"`
}

// projectState is what a project knows, and carries over.
type projectState struct {
	Limit        int             `json:"limit"`
	Installation string          `json:"installation"`
	Slots        []contract.Slot `json:"slots"`
	// Recovered is whether slots of an earlier, lost workflow were looked for.
	Recovered bool `json:"recovered,omitempty"`
	// Initial is whether develop and production were started, which happens
	// once in a project's life (C5).
	Initial bool `json:"initial,omitempty"`
}

// Project says who holds the slots of one project (C6). It lives as long as
// the project; it starts develop and production once (C5).
func Project(ctx workflow.Context, in ProjectInput) error {
	if err := contract.CheckProject(in.Project); err != nil {
		return temporal.NewNonRetryableApplicationError(err.Error(), contract.ErrInvalid, nil)
	}
	info := workflow.GetInfo(ctx)
	if want := contract.ProjectWorkflowID(in.Project); info.WorkflowExecution.ID != want {
		return temporal.NewNonRetryableApplicationError("the ID of this workflow must be "+want, contract.ErrInvalid, nil)
	}
	p := &project{name: in.Project, taskQueue: info.TaskQueueName, lock: workflow.NewMutex(ctx)}
	if in.State != nil {
		p.projectState = *in.State
	}
	if err := p.listen(ctx); err != nil {
		return err
	}
	return p.run(ctx)
}

type project struct {
	projectState
	name      string
	taskQueue string
	// lock is held by what decides about slots, which may ask what stands
	// behind one before it does (C6: the decision is atomic).
	lock workflow.Mutex
	// reserved is whether the slots of develop and production are issued.
	reserved bool
	// inspections counts how often it was looked what stands behind the slots.
	inspections int
	handled     int
}

func (p *project) run(ctx workflow.Context) error {
	if err := p.create(ctx); err != nil {
		return err
	}
	for {
		p.show(ctx)
		info := workflow.GetInfo(ctx)
		long := func() bool {
			return info.GetCurrentHistoryLength() > manyEvents || info.GetContinueAsNewSuggested()
		}
		if err := workflow.Await(ctx, func() bool { return long() && workflow.AllHandlersFinished(ctx) }); err != nil {
			return err
		}
		// As in an environment: never end a run in the task that ends a handler.
		before := p.handled
		if err := workflow.NewTimerWithOptions(ctx, settle, workflow.TimerOptions{Summary: "a moment of quiet before a new run takes over (continue-as-new)"}).Get(ctx, nil); err != nil {
			return err
		}
		if p.handled == before && workflow.AllHandlersFinished(ctx) {
			state := p.projectState
			return workflow.NewContinueAsNewError(ctx, contract.ProjectWorkflow, ProjectInput{
				ProjectInput: contract.ProjectInput{Project: p.name}, State: &state,
			})
		}
	}
}

// create makes the project what it is from its beginning: the slots of an
// earlier workflow that is gone are found again, else develop and production
// get theirs, and are started side by side (C5).
func (p *project) create(ctx workflow.Context) error {
	if !p.Recovered {
		var frame activities.Frame
		if err := workflow.ExecuteActivity(quickContext(ctx, "read the worker's settings and account"), activities.ReadSettings).Get(ctx, &frame); err != nil {
			return err
		}
		p.Limit, p.Installation = frame.Settings.EnvironmentLimit, frame.Settings.Installation
		var found []contract.Slot
		if err := workflow.ExecuteActivity(ec2Context(ctx, stepTimeout, "look for environments of "+p.name+" that exist already"), activities.RecoverSlots,
			activities.RecoverSlotsInput{Project: p.name, Installation: p.Installation}).Get(ctx, &found); err != nil {
			return err
		}
		p.Slots, p.Recovered = found, true
		// A project that had environments had its beginning.
		p.Initial = len(found) > 0
		if !p.Initial {
			for _, name := range contract.InitialEnvironments {
				p.Slots = append(p.Slots, p.newSlot(ctx, name, frame.Account))
			}
		}
	}
	p.reserved = true
	p.show(ctx)
	if p.Initial {
		return nil
	}
	group := workflow.NewWaitGroup(ctx)
	var failed error
	for _, name := range contract.InitialEnvironments {
		group.Add(1)
		workflow.Go(ctx, func(ctx workflow.Context) {
			defer group.Done()
			err := workflow.ExecuteActivity(quickContext(ctx, "start environment "+name), activities.StartEnvironment,
				activities.StartEnvironmentInput{Project: p.name, Environment: name, TaskQueue: p.taskQueue}).Get(ctx, nil)
			if err != nil {
				failed = err
			}
		})
	}
	group.Wait(ctx)
	p.Initial = failed == nil
	return failed
}

func (p *project) listen(ctx workflow.Context) error {
	if err := workflow.SetQueryHandlerWithOptions(ctx, contract.StatusQuery, func() (contract.ProjectStatus, error) { return p.status(), nil },
		workflow.QueryHandlerOptions{Description: "The slots, and who holds them"}); err != nil {
		return err
	}
	if err := workflow.SetUpdateHandlerWithOptions(ctx, contract.CreateProjectUpdate, p.handleCreate, workflow.UpdateHandlerOptions{
		Description: "Create the project with develop and production; again, it changes nothing",
	}); err != nil {
		return err
	}
	if err := workflow.SetUpdateHandlerWithOptions(ctx, contract.TakeSlotUpdate, p.handleTake, workflow.UpdateHandlerOptions{
		Validator: func(ctx workflow.Context, r contract.TakeSlotRequest) error {
			if err := contract.CheckEnvironment(r.Environment); err != nil {
				return temporal.NewApplicationError(err.Error(), contract.ErrInvalid)
			}
			if r.Run == "" || r.Limit < 1 {
				return temporal.NewApplicationError("run and limit are needed", contract.ErrInvalid)
			}
			if workflow.GetInfo(ctx).GetCurrentHistoryLength() > busyEvents {
				return temporal.NewApplicationError("the project continues as new first; ask again", contract.ErrBusy)
			}
			return nil
		},
		Description: "From an environment that asks for its slot; not for operators",
	}); err != nil {
		return err
	}
	return workflow.SetUpdateHandlerWithOptions(ctx, contract.FreeSlotUpdate, p.handleFree, workflow.UpdateHandlerOptions{
		Description: "From an environment that is deleted; not for operators",
	})
}

// handleCreate answers once develop and production are started.
func (p *project) handleCreate(ctx workflow.Context) (contract.ProjectStatus, error) {
	p.handled++
	err := workflow.Await(ctx, func() bool { return p.Initial })
	return p.status(), err
}

// handleTake grants a slot, or says who holds them. One that is held already
// is taken up again by its environment's next workflow.
func (p *project) handleTake(ctx workflow.Context, r contract.TakeSlotRequest) (contract.TakeSlotAnswer, error) {
	p.handled++
	initial := slices.Contains(contract.InitialEnvironments, r.Environment)
	if err := workflow.Await(ctx, func() bool { return p.reserved && (p.Initial || initial) }); err != nil {
		return contract.TakeSlotAnswer{}, err
	}
	inspections := p.inspections
	if err := p.lock.Lock(ctx); err != nil {
		return contract.TakeSlotAnswer{}, err
	}
	defer p.lock.Unlock()
	defer p.show(ctx)
	p.Limit = r.Limit
	if answer, held := p.takeUp(r); held {
		return answer, nil
	}
	if r.Held {
		return contract.TakeSlotAnswer{Holders: p.holders(), Limit: p.Limit}, nil
	}
	// An inspection that began while this one waited serves it as well.
	if len(p.Slots) >= p.Limit && p.inspections == inspections {
		if err := p.freeEmpty(ctx); err != nil {
			return contract.TakeSlotAnswer{}, err
		}
	}
	if len(p.Slots) >= p.Limit {
		return contract.TakeSlotAnswer{Holders: p.holders(), Limit: p.Limit}, nil
	}
	slot := p.newSlot(ctx, r.Environment, activities.Account{ID: r.Account, Region: r.Region, Endpoint: r.Endpoint})
	slot.Run, slot.Incarnation = r.Run, 1
	p.Slots = append(p.Slots, slot)
	return contract.TakeSlotAnswer{Granted: true, Slot: slot, Limit: p.Limit}, nil
}

// takeUp gives a held slot to its environment's workflow: the same one that
// asks again, or the next one after it is gone.
func (p *project) takeUp(r contract.TakeSlotRequest) (contract.TakeSlotAnswer, bool) {
	i := slices.IndexFunc(p.Slots, func(s contract.Slot) bool { return s.Environment == r.Environment })
	if i < 0 {
		return contract.TakeSlotAnswer{}, false
	}
	slot := &p.Slots[i]
	if slot.Run != r.Run {
		slot.Run = r.Run
		slot.Incarnation++
	}
	return contract.TakeSlotAnswer{Granted: true, Slot: *slot, Limit: p.Limit, Resumed: slot.Incarnation > 1}, true
}

// freeEmpty frees slots with neither a workflow nor a resource behind them,
// before anyone is refused (C6).
func (p *project) freeEmpty(ctx workflow.Context) error {
	p.inspections++
	empty := make([]bool, len(p.Slots))
	group := workflow.NewWaitGroup(ctx)
	for i, slot := range p.Slots {
		group.Add(1)
		workflow.Go(ctx, func(ctx workflow.Context) {
			defer group.Done()
			var found activities.SlotInspection
			// A slot that cannot be looked into is held: one is never freed by mistake.
			err := workflow.ExecuteActivity(ec2Context(ctx, inspectTimeout, fmt.Sprintf("look whether anything stands behind the slot of %s, %s", slot.Environment, slot.EnvironmentID)),
				activities.InspectSlot, activities.InspectSlotInput{Project: p.name, Installation: p.Installation, Slot: slot}).Get(ctx, &found)
			empty[i] = err == nil && found.Empty
		})
	}
	group.Wait(ctx)
	if err := ctx.Err(); err != nil {
		return err
	}
	var kept []contract.Slot
	for i, slot := range p.Slots {
		// Nothing was taken or freed meanwhile, for the lock is held.
		if empty[i] {
			workflow.GetLogger(ctx).Warn("a slot was held by nothing, and is freed", "environment", slot.Environment, "environmentId", slot.EnvironmentID)
			continue
		}
		kept = append(kept, slot)
	}
	p.Slots = kept
	return nil
}

// inspectTimeout bounds how long somebody who asks for a slot waits for the
// others to be looked into.
const inspectTimeout = time.Minute

// handleFree frees the slot with that id; a late one of an earlier life frees nothing.
func (p *project) handleFree(ctx workflow.Context, r contract.FreeSlotRequest) error {
	p.handled++
	if err := p.lock.Lock(ctx); err != nil {
		return err
	}
	defer p.lock.Unlock()
	p.Slots = slices.DeleteFunc(p.Slots, func(s contract.Slot) bool { return s.EnvironmentID == r.EnvironmentID })
	p.show(ctx)
	return nil
}

// newSlot issues a slot with the id of a new life of the environment.
func (p *project) newSlot(ctx workflow.Context, environment string, account activities.Account) contract.Slot {
	var id string
	_ = workflow.SideEffect(ctx, func(workflow.Context) any { return newEnvironmentID() }).Get(&id)
	return contract.Slot{
		Environment: environment, EnvironmentID: id, Since: workflow.Now(ctx),
		Account: account.ID, Region: account.Region, Endpoint: account.Endpoint,
	}
}

func (p *project) holders() []string {
	names := make([]string, len(p.Slots))
	for i, s := range p.Slots {
		names[i] = s.Environment
	}
	slices.Sort(names)
	return names
}

func (p *project) status() contract.ProjectStatus {
	slots := append([]contract.Slot{}, p.Slots...)
	return contract.ProjectStatus{Project: p.name, Limit: p.Limit, Slots: slots}
}

func (p *project) show(ctx workflow.Context) {
	workflow.SetCurrentDetails(ctx, projectMarkdown(workflow.GetInfo(ctx).Namespace, p.status()))
}
