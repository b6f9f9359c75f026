package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/aineko-dev/environments/activities"
	"github.com/aineko-dev/environments/internal/contract"
)

// childPause is how long an environment waits before it starts a child again
// that somebody ended by hand.
const childPause = time.Minute

// delete carries an accepted deletion through: the grace period, tearing down,
// giving the slot back (X3-X5). It returns false when it was cancelled.
func (e *environment) delete(ctx workflow.Context) (bool, error) {
	if e.Deletion.At.IsZero() {
		var frame activities.Frame
		if err := workflow.ExecuteActivity(quickContext(ctx, "read the worker's settings: how long the grace period is"), activities.ReadSettings).Get(ctx, &frame); err != nil {
			return false, err
		}
		if e.DeletionPhase == "" {
			return false, nil
		}
		e.keepSettings(frame.Settings)
		e.Deletion.At = e.AcceptedAt.Add(frame.Settings.DeletionGrace)
		e.show(ctx)
	}
	if e.DeletionPhase == deletionScheduled {
		if left := e.Deletion.At.Sub(workflow.Now(ctx)); left > 0 {
			timerCtx, cancel := workflow.WithCancel(ctx)
			timer := workflow.NewTimerWithOptions(timerCtx, left, workflow.TimerOptions{
				Summary: fmt.Sprintf("grace period: tearing down begins %s", e.Deletion.At.Format(time.RFC3339)),
			})
			// One that was cancelled and asked for again has another grace period.
			at := e.Deletion.At
			changed := func() bool { return e.DeletionPhase == "" || !e.Deletion.At.Equal(at) }
			err := workflow.Await(ctx, func() bool { return timer.IsReady() || changed() || (e.isLong(ctx) && e.atRest(ctx)) })
			over := timer.IsReady() // before it is cancelled, which makes it ready, too
			cancel()
			if err != nil {
				return false, err
			}
			if changed() {
				return false, nil
			}
			if !over {
				if e.quiet(ctx) {
					return false, e.continueAsNew(ctx)
				}
				return false, nil
			}
		}
		e.DeletionPhase = deletionRunning
	}
	e.show(ctx)
	if e.Begun {
		if err := e.tearDown(ctx); err != nil {
			return false, err
		}
	}
	free := activities.FreeSlotInput{Project: e.Project}
	free.EnvironmentID = e.ID
	return true, workflow.ExecuteActivity(quickContext(ctx, "give the slot of "+e.ID+" back"), activities.FreeSlot, free).Get(ctx, nil)
}

// tearDown runs delete-environment until it has ended well, whoever ends it by hand.
func (e *environment) tearDown(ctx workflow.Context) error {
	for {
		err := e.runChild(ctx, contract.DeleteWorkflowID(e.Project, e.Environment), contract.DeleteEnvironmentWorkflow,
			fmt.Sprintf("Deletes everything that %s of %s owns", e.Environment, e.Project), DeleteInput{Target: e.target(), Settings: e.Settings, VPCID: e.VPCID}, nil)
		if err == nil {
			e.VPCID, e.Services, e.Ground = "", nil, activities.Ground{}
			e.Deletion.Blocked = ""
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		e.Deletion.Blocked = failure(err)
		e.show(ctx)
		if err := workflow.NewTimerWithOptions(ctx, childPause, workflow.TimerOptions{Summary: "before tearing down is tried again: " + firstLine(e.Deletion.Blocked)}).Get(ctx, nil); err != nil {
			return err
		}
	}
}
