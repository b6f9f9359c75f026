package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/aineko-dev/environments/internal/contract"
)

// EnvironmentInput starts an environment's workflow: what the contract says,
// and the state that an earlier run carried over.
type EnvironmentInput struct {
	contract.EnvironmentInput
	State *environmentState `json:"state,omitempty"`
}

// Environment is one environment of a project, for as long as it lives, and
// its only writer. Commits come in as updates, operators' wishes as signals or
// updates; it does one piece of work at a time, and what arrives meanwhile
// waits (C7). It closes when the environment is deleted, or got no slot.
func Environment(ctx workflow.Context, in EnvironmentInput) error {
	e, err := newEnvironment(ctx, in)
	if err != nil {
		return err
	}
	return e.run(ctx)
}

// environment is the running workflow: what is carried over, and what is not.
type environment struct {
	environmentState
	taskQueue string

	// current is the piece of work under way, since began, with its plan once it is made.
	current *work
	began   time.Time
	planned *contract.PlanSummary
	// children under way, and what each said last.
	children []report

	// noSlot is why the project granted none; the workflow then closes.
	noSlot *contract.Outcome
	// wanted is whether a commit asked for the environment to exist (C3).
	wanted bool

	// received counts this run's signals by name.
	received map[string]int

	// reconcileRequested is whether somebody asked for one now.
	reconcileRequested bool
	// reconciling is whether one reads, or repairs.
	reconciling bool
	// nextWake fires at wakeAt, when the next reconcile is due.
	nextWake workflow.Future
	wakeAt   time.Time

	// asking counts the updates that wait for the slot.
	asking int
	// measured are the sizes of the outcomes, so that each is looked at once.
	measured []measure
	// handled counts updates and signalled signals, to see whether more came in.
	handled, signalled int
	// shownStatus and shownCommit are what the search attributes say.
	shownStatus, shownCommit string
}

// run is the life of an environment: one piece of work after the other.
func (e *environment) run(ctx workflow.Context) error {
	if e.ID == "" {
		granted, err := e.takeSlot(ctx)
		if err != nil {
			return err
		}
		if !granted {
			return e.close(ctx)
		}
		// What this workflow was started for comes first: a commit, or a deletion
		// of what an earlier workflow left.
		if err := workflow.Await(ctx, func() bool { return e.asking == 0 }); err != nil {
			return err
		}
	}
	for {
		e.show(ctx)
		var err error
		switch {
		case e.deletionAccepted():
			var deleted bool
			if deleted, err = e.delete(ctx); deleted && err == nil {
				return e.close(ctx)
			}
		case e.Waiting != nil:
			w := e.Waiting
			e.Waiting = nil
			err = e.perform(ctx, w)
		case !e.Initialized && e.InitializeError == "":
			err = e.perform(ctx, e.newWork(ctx, nil, "the project's creation"))
		case e.reconcileDue(ctx):
			err = e.reconcile(ctx)
		case e.isLong(ctx) && e.quiet(ctx):
			return e.continueAsNew(ctx)
		default:
			err = e.idle(ctx)
		}
		if err != nil {
			return err
		}
	}
}

// idle waits until there is something to do.
func (e *environment) idle(ctx workflow.Context) error {
	timer := e.wake(ctx)
	return workflow.Await(ctx, func() bool {
		return e.deletionAccepted() || e.Waiting != nil || e.reconcileRequested ||
			(timer != nil && timer.IsReady()) || (e.isLong(ctx) && e.atRest(ctx))
	})
}

// wake is the timer of the next reconcile. It is kept over commits, so that
// they do not each cost one.
func (e *environment) wake(ctx workflow.Context) workflow.Future {
	if e.ReconcileAt.IsZero() {
		return nil
	}
	if e.nextWake == nil || e.nextWake.IsReady() || !e.wakeAt.Equal(e.ReconcileAt) {
		e.wakeAt = e.ReconcileAt
		e.nextWake = workflow.NewTimerWithOptions(ctx, max(e.ReconcileAt.Sub(workflow.Now(ctx)), time.Second),
			workflow.TimerOptions{Summary: "until the account is compared with the desired state again"})
	}
	return e.nextWake
}

// close ends the workflow, when no handler runs and no signal is unread (T4).
func (e *environment) close(ctx workflow.Context) error {
	e.Closed = true
	if err := listenersFirst(ctx); err != nil {
		return err
	}
	if err := workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) && len(unread(ctx)) == 0 }); err != nil {
		return err
	}
	e.show(ctx)
	return nil
}

// busyEvents is when commits are sent away until the work under way has ended,
// since a history may not grow without bounds (T4); manyEvents is when an
// environment at rest continues as new.
const busyEvents = 3000

func (e *environment) isLong(ctx workflow.Context) bool {
	info := workflow.GetInfo(ctx)
	return info.GetCurrentHistoryLength() > manyEvents || info.GetContinueAsNewSuggested()
}

// settle is how long an environment that wants to continue as new waits for
// more, so that the task that ends a run never ends a handler as well: the
// server may give such an update to the next run again.
const settle = time.Second

// late is how long after the moment a task that ends a run may begin where
// signals came with it, and how long the next moment then is.
const late = settle / 5

// quiet is whether no update comes for a moment, and all that came is in the
// state. Signals may come all the while. But the server refuses to end a run with
// a task during which one came (UnhandledCommand), and gives that task again,
// with the signal, and with the history to be read from its beginning. Where that
// takes long, more signals come meanwhile, and it would be refused for ever. Such
// a task takes in what came, and ends; a later one, with nothing to read, ends
// the run.
func (e *environment) quiet(ctx workflow.Context) bool {
	ends := workflow.GetVersion(ctx, "what-comes-ends-the-quiet", workflow.DefaultVersion, 1) >= 1
	handled, deleting := e.handled, e.deletionAccepted()
	for wait := settle; ; wait = late {
		begun, signalled := workflow.Now(ctx), e.signalled
		timerCtx, cancel := workflow.WithCancel(ctx)
		moment := workflow.NewTimerWithOptions(timerCtx, wait, workflow.TimerOptions{Summary: "a moment of quiet before a new run takes over (continue-as-new)"})
		err := workflow.Await(ctx, func() bool {
			if moment.IsReady() {
				return true
			}
			signalled = e.signalled // with earlier tasks
			return ends && (e.handled != handled || e.deletionAccepted() != deleting)
		})
		over := moment.IsReady() // before it is cancelled, which makes it ready, too
		cancel()
		if err != nil || !over || listenersFirst(ctx) != nil || !e.atRest(ctx) || e.handled != handled {
			return false
		}
		if !ends || e.signalled == signalled || workflow.Now(ctx).Sub(begun) <= wait+late {
			return true
		}
	}
}

// listenersFirst lets every listener and handler take in what this task
// brought, before the run ends with it.
func listenersFirst(ctx workflow.Context) error {
	ran := false
	workflow.Go(ctx, func(workflow.Context) { ran = true })
	return workflow.Await(ctx, func() bool { return ran })
}

// atRest is whether nothing comes in beside the loop: no handler runs, no
// signal is unread. What waits is carried in the state; so are the requests
// whose sender is still to be looked up.
func (e *environment) atRest(ctx workflow.Context) bool {
	return workflow.AllHandlersFinished(ctx) && len(unread(ctx)) == 0
}

// unlessBusy is a validator's answer: err, or that the history is long. What is
// under way has to end first then, so that the environment can continue as new
// (T4). Handlers never say so: an update that was answered is not asked again.
func (e *environment) unlessBusy(ctx workflow.Context, err error) error {
	if err != nil || workflow.GetInfo(ctx).GetCurrentHistoryLength() <= busyEvents {
		return err
	}
	return temporal.NewApplicationError("much has happened since the work under way began; send it again when that has ended", contract.ErrBusy)
}

func (e *environment) continueAsNew(ctx workflow.Context) error {
	state := e.environmentState
	return workflow.NewContinueAsNewError(ctx, contract.EnvironmentWorkflow, EnvironmentInput{
		EnvironmentInput: contract.EnvironmentInput{Project: e.Project, Environment: e.Environment},
		State:            &state,
	})
}
