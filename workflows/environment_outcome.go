package workflows

import (
	"encoding/json"
	"slices"

	"github.com/aineko-dev/environments/internal/contract"
)

const (
	// maxOutcomes is how many outcomes the status shows (S3).
	maxOutcomes = 256
	// maxOutcomesSize bounds what outcomes add to a payload, in bytes of JSON:
	// a payload may have 2 MiB, and the state holds more than these.
	maxOutcomesSize = 512 << 10
	// maxErrorSize bounds one pipeline's error, in bytes: a reason and the
	// last lines of its journal, at most 8 KiB (A5).
	maxErrorSize = 9 << 10
	// shortError is what is kept of an error when the whole would not fit.
	shortError = 200
)

// outcome begins the document of how a piece of work ended.
func (e *environment) outcome(w *work, outcome string) contract.Outcome {
	o := contract.Outcome{
		Project: e.Project, Environment: e.Environment, Branch: e.Environment,
		Outcome: outcome, Reason: w.Why, Deployment: e.deploymentID(w),
		WorkflowID: contract.EnvironmentWorkflowID(e.Project, e.Environment),
		Pipelines:  []contract.PipelineResult{}, Warnings: []string{},
	}
	o.Plan = contract.PlanSummary{Deploy: []string{}, Update: []string{}, Destroy: []string{}, Unchanged: []string{}}
	if w.Commit != nil {
		o.Commit, o.Branch = w.Commit.SHA, w.Commit.Branch
		o.Warnings = append(o.Warnings, w.Commit.Warnings...)
	}
	return o
}

// record keeps an outcome, the last maxOutcomes of them. Where they grow too
// large, the oldest lose their details first: an outcome itself is never lost
// before its turn.
func (e *environment) record(o contract.Outcome) {
	for i := range o.Pipelines {
		o.Pipelines[i].Error = contract.Clip(contract.Clean(o.Pipelines[i].Error), maxErrorSize)
	}
	o.Reason = contract.Clip(o.Reason, maxErrorSize)
	e.Outcomes = append(e.Outcomes, o)
	if surplus := len(e.Outcomes) - maxOutcomes; surplus > 0 {
		e.Outcomes = slices.Clone(e.Outcomes[surplus:])
		e.measured = e.measured[min(surplus, len(e.measured)):]
	}
	e.boundOutcomes()
}

// measure is the size of an outcome, in bytes of JSON, and how often it was shortened.
type measure struct{ size, shortened int }

// boundOutcomes shortens the oldest outcomes until all fit, and shortens them
// more where that is not enough.
func (e *environment) boundOutcomes() {
	for i := len(e.measured); i < len(e.Outcomes); i++ {
		e.measured = append(e.measured, measure{size: sizeOf(e.Outcomes[i])})
	}
	total := 0
	for _, m := range e.measured {
		total += m.size
	}
	for round, shorten := range []func(contract.Outcome) contract.Outcome{shortened, brief} {
		for i := 0; i < len(e.Outcomes)-1 && total > maxOutcomesSize; i++ {
			m := &e.measured[i]
			if m.shortened > round {
				continue
			}
			e.Outcomes[i] = shorten(e.Outcomes[i])
			size := sizeOf(e.Outcomes[i])
			total += size - m.size
			*m = measure{size: size, shortened: round + 1}
		}
	}
}

func sizeOf(o contract.Outcome) int {
	encoded, _ := json.Marshal(o)
	return len(encoded)
}

// shortened is an outcome without what takes most room.
func shortened(o contract.Outcome) contract.Outcome {
	o.Reason = contract.Clip(o.Reason, shortError)
	o.Warnings = []string{}
	o.Plan.Reasons = nil
	pipelines := make([]contract.PipelineResult, len(o.Pipelines))
	for i, p := range o.Pipelines {
		p.Error = contract.Clip(p.Error, shortError)
		pipelines[i] = p
	}
	o.Pipelines = pipelines
	return o
}

// brief is an outcome that says of pipelines only what the plan was for them;
// twenty of them that fail in each of 256 deployments would not fit.
func brief(o contract.Outcome) contract.Outcome {
	o = shortened(o)
	o.Pipelines = []contract.PipelineResult{}
	if size := sizeOf(o); size > maxOutcomesSize/maxOutcomes {
		o.Plan = contract.PlanSummary{Deploy: []string{}, Update: []string{}, Destroy: []string{}, Unchanged: []string{}}
	}
	return o
}
