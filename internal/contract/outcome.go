package contract

import "time"

// Outcome is how a commit ended: the document that push prints (S2).
type Outcome struct {
	Project     string           `json:"project"`
	Environment string           `json:"environment"`
	Branch      string           `json:"branch"`
	Commit      string           `json:"commit"`
	Outcome     string           `json:"outcome"`
	Reason      string           `json:"reason,omitempty"`
	WorkflowID  string           `json:"workflowId,omitempty"`
	Deployment  string           `json:"deployment,omitempty"`
	Plan        PlanSummary      `json:"plan"`
	Pipelines   []PipelineResult `json:"pipelines"`
	Warnings    []string         `json:"warnings"`

	// What follows is beyond S2, and optional for readers.

	// Began is when work on the commit began, after it had waited; Ended when
	// it had its outcome.
	Began time.Time `json:"began,omitzero"`
	Ended time.Time `json:"ended,omitzero"`
	// URL is the environment's workflow in Temporal's Web UI, where the starter knows it.
	URL string `json:"url,omitempty"`
}

// Values of Outcome.Outcome (S2).
const (
	OutcomeDeployed   = "deployed"
	OutcomeUnchanged  = "unchanged"
	OutcomeIgnored    = "ignored"
	OutcomeSuperseded = "superseded"
	OutcomeRefused    = "refused"
	OutcomeFailed     = "failed"
	OutcomeAccepted   = "accepted" // --no-wait
	OutcomePending    = "pending"  // time ran out, or interrupted
)

// PlanSummary lists the pipelines by what is done to them, and why.
type PlanSummary struct {
	Deploy    []string `json:"deploy"`
	Update    []string `json:"update"`
	Destroy   []string `json:"destroy"`
	Unchanged []string `json:"unchanged"`
	// Reasons says for each pipeline why, one clause: "new", "code changed",
	// "machine 2 vCPU, 8 GiB → 8 vCPU, 32 GiB".
	Reasons map[string]string `json:"reasons,omitempty"`
}

// PipelineResult is what became of one pipeline.
type PipelineResult struct {
	Name       string `json:"name"`
	Action     string `json:"action"`
	Result     string `json:"result"`
	Commit     string `json:"commit,omitempty"`
	InstanceID string `json:"instanceId,omitempty"`
	Error      string `json:"error,omitempty"`
}

// Values of PipelineResult.Action.
const (
	ActionDeploy  = "deploy"
	ActionUpdate  = "update"
	ActionDestroy = "destroy"
	ActionNone    = "none"
)

// Values of PipelineResult.Result.
const (
	ResultDone    = "done"
	ResultFailed  = "failed"
	ResultSkipped = "skipped"
)
