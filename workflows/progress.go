package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/aineko-dev/environments/internal/contract"
)

// report is what a child tells its environment while it works, by
// contract.ProgressSignal: always the whole of it, so that a lost or late one
// does no harm.
type report struct {
	WorkflowID string                    `json:"workflowId"`
	Progress   contract.Progress         `json:"progress"`
	Pipelines  []contract.PipelineStatus `json:"pipelines,omitempty"`
	Blocked    string                    `json:"blocked,omitempty"`
}

// reporter keeps the progress of a child: in its own Web UI details, and at
// its environment. Signals are sent one at a time, and while one is on its way
// further changes join the next, so that histories stay small.
type reporter struct {
	report
	title   string
	changed bool
	stopped bool
}

func newReporter(ctx workflow.Context, title string, steps []string) *reporter {
	r := &reporter{title: title}
	r.WorkflowID = workflow.GetInfo(ctx).WorkflowExecution.ID
	r.Progress.Total = len(steps)
	workflow.Go(ctx, r.send)
	r.touch(ctx)
	return r
}

func (r *reporter) send(ctx workflow.Context) {
	parent := workflow.GetInfo(ctx).ParentWorkflowExecution
	for {
		if workflow.Await(ctx, func() bool { return r.changed || r.stopped }) != nil || r.stopped {
			return
		}
		r.changed = false
		// An environment that is gone cannot be told; its children end with it.
		_ = workflow.SignalExternalWorkflow(ctx, parent.ID, parent.RunID, contract.ProgressSignal, r.report).Get(ctx, nil)
	}
}

// stop ends the sending: what the child returns says the rest.
func (r *reporter) stop() { r.stopped = true }

func (r *reporter) touch(ctx workflow.Context) {
	r.changed = true
	workflow.SetCurrentDetails(ctx, stepsMarkdown(r.title, r.Progress, r.Blocked, workflow.Now(ctx)))
}

func (r *reporter) start(ctx workflow.Context, name string) {
	for i := range r.Progress.Steps {
		if s := &r.Progress.Steps[i]; s.Name == name {
			s.State, s.Detail, s.Ended = contract.StepRunning, "", time.Time{}
			r.Progress.Step = name
			r.touch(ctx)
			return
		}
	}
	r.Progress.Steps = append(r.Progress.Steps, contract.Step{Name: name, State: contract.StepRunning, Started: workflow.Now(ctx)})
	r.Progress.Step = name
	r.touch(ctx)
}

// phase says how far a pipeline's step has got.
func (r *reporter) phase(ctx workflow.Context, name, pipeline, phase, detail string) {
	for i := range r.Progress.Steps {
		if s := &r.Progress.Steps[i]; s.Name == name {
			s.Pipeline, s.Phase, s.Detail = pipeline, phase, detail
		}
	}
	r.touch(ctx)
}

func (r *reporter) end(ctx workflow.Context, name, detail string, err error) {
	for i := range r.Progress.Steps {
		s := &r.Progress.Steps[i]
		if s.Name != name {
			continue
		}
		s.Ended, s.State, s.Detail = workflow.Now(ctx), contract.StepDone, detail
		if err != nil {
			s.State, s.Detail = contract.StepFailed, failure(err)
		} else {
			r.Progress.Done++
		}
	}
	for _, s := range r.Progress.Steps {
		if s.State == contract.StepRunning {
			r.Progress.Step = s.Name
		}
	}
	r.touch(ctx)
}
