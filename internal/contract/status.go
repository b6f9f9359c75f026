package contract

import "time"

// EnvironmentStatus is the answer of an environment to StatusQuery, and one
// element of what `starter status` prints (S3).
type EnvironmentStatus struct {
	Name          string           `json:"name"`
	Status        string           `json:"status"`
	EnvironmentID string           `json:"environmentId,omitempty"`
	VPCID         string           `json:"vpcId,omitempty"`
	Commit        string           `json:"commit,omitempty"` // the newest accepted one
	Progress      Progress         `json:"progress"`
	Services      []ServiceStatus  `json:"services"`
	Pipelines     []PipelineStatus `json:"pipelines"`
	Deletion      *Deletion        `json:"deletion,omitempty"`
	Verified      *Verified        `json:"verified,omitempty"`
	Outcomes      []Outcome        `json:"outcomes"`

	// What follows is beyond S3, and optional for readers.

	Reason     string   `json:"reason,omitempty"`     // why failed or degraded, or what could not be looked at
	Deployment string   `json:"deployment,omitempty"` // the one under way
	UnderWay   *Waiting `json:"underWay,omitempty"`   // the commit that it is for, and since when
	Waiting    *Waiting `json:"waiting,omitempty"`    // the commit that waits (C7)
	// Requests are what operators asked last, and what they were told.
	Requests []Request `json:"requests,omitempty"`
	// Plan of the deployment under way, once it is made.
	Plan     *PlanSummary `json:"plan,omitempty"`
	NewestAt time.Time    `json:"committedAt,omitzero"` // commit time of Commit
	Account  string       `json:"account,omitempty"`    // AWS account, frozen (A10)
	Region   string       `json:"region,omitempty"`     // AWS region, frozen (A10)
	Endpoint string       `json:"endpoint,omitempty"`   // EC2's, where it is not AWS's own (A10)
	// Foreign is what the last reconcile found in the VPC that is not the
	// environment's own: it is left alone (C14).
	Foreign []string `json:"foreign,omitempty"`
	// Digest of Commit's deploy.yml: the same SHA with another file is newer (C8).
	FileDigest string `json:"fileDigest,omitempty"`
	// Work is the workflow of the step under way, to look at in the Web UI.
	Work string `json:"work,omitempty"`
}

// Values of EnvironmentStatus.Status, in the order in which the first that
// applies is shown (S3).
const (
	StatusDeleting          = "deleting"
	StatusDeletionScheduled = "deletion-scheduled"
	StatusInitializing      = "initializing"
	StatusUpdating          = "updating"
	StatusFailed            = "failed"
	StatusDegraded          = "degraded"
	StatusReady             = "ready"
)

// Progress of the work under way.
type Progress struct {
	Step  string `json:"step"`
	Done  int    `json:"done"`
	Total int    `json:"total"`
	// Steps under way or done, by name, for a live display.
	Steps []Step `json:"steps,omitempty"`
}

// Step is one step of the work under way.
type Step struct {
	Name    string    `json:"name"`
	State   string    `json:"state"` // StepRunning, StepDone, StepFailed
	Started time.Time `json:"started,omitzero"`
	Ended   time.Time `json:"ended,omitzero"`
	Detail  string    `json:"detail,omitempty"` // a resource ID, what it waits for, an error
	// Pipeline is the one that the step is about; empty for the network's steps.
	Pipeline string `json:"pipeline,omitempty"`
	// Phase is how far a pipeline's step has got: PhaseStarting, …
	Phase string `json:"phase,omitempty"`
}

// Values of Step.Phase, in the order in which a pipeline's replacement goes
// through them (C9).
const (
	PhaseStarting  = "starting"  // the instance is launched
	PhaseChecking  = "checking"  // it runs, and is not yet ready
	PhaseRemoving  = "removing"  // it did not become ready, and goes
	PhaseSwitching = "switching" // it is ready, and the old one is stopped
	PhaseStopping  = "stopping"  // the pipeline is destroyed
)

// Values of Step.State.
const (
	StepRunning = "running"
	StepDone    = "done"
	StepFailed  = "failed"
)

// ServiceStatus is a background service of the environment (A3).
type ServiceStatus struct {
	Name       string `json:"name"`
	Status     string `json:"status"`
	InstanceID string `json:"instanceId,omitempty"`
	Address    string `json:"address,omitempty"`
	Error      string `json:"error,omitempty"`
}

// PipelineStatus is a pipeline of the environment.
type PipelineStatus struct {
	Name       string   `json:"name"`
	Status     string   `json:"status"`
	Commit     string   `json:"commit,omitempty"`
	Digest     string   `json:"digest,omitempty"`
	Source     string   `json:"source,omitempty"`
	Machine    *Machine `json:"machine,omitempty"`
	InstanceID string   `json:"instanceId,omitempty"`
	Error      string   `json:"error,omitempty"`
	Deployment string   `json:"deployment,omitempty"`
	// Override is the name that it runs under, where deploy.yml gives one.
	Override string `json:"override,omitempty"`
}

// Values of PipelineStatus.Status, and of ServiceStatus.Status.
const (
	PipelineStarting = "starting"
	PipelineRunning  = "running"
	PipelineFailed   = "failed"
	PipelineStopping = "stopping"
)

// Waiting is a commit that waits until the work under way has ended, or the
// commit that this work is for.
type Waiting struct {
	Commit     string    `json:"commit"`
	Deployment string    `json:"deployment"`
	Since      time.Time `json:"since"`
	Why        string    `json:"why,omitempty"` // other than a push: a retry, a reconcile's repairs
}

// Deletion is what is known of deleting the environment (§4).
type Deletion struct {
	RequestedBy string `json:"requestedBy,omitempty"` // a claim, see Identity
	Identity    string `json:"identity,omitempty"`    // what Temporal recorded
	Reason      string `json:"reason,omitempty"`
	// AskedAt is when it was asked for.
	AskedAt time.Time `json:"askedAt,omitzero"`
	// At is when tearing down begins, or began: acceptance plus grace period.
	At time.Time `json:"at,omitzero"`
	// Refusal is why the last request was refused; with RefusedAt.
	Refusal   string    `json:"refusal,omitempty"`
	RefusedAt time.Time `json:"refusedAt,omitzero"`
	// Requests counts repeated requests since acceptance or refusal (T4).
	Requests int `json:"requests,omitempty"`
	// Blocked names what holds tearing down up (X4).
	Blocked string `json:"blocked,omitempty"`
}

// Request is what an operator asked of an environment, and what was answered:
// a signal cannot answer, so it stands here (X2).
type Request struct {
	What        string    `json:"what"` // the signal's or update's name
	At          time.Time `json:"at"`
	RequestedBy string    `json:"requestedBy,omitempty"` // a claim, see Identity
	Identity    string    `json:"identity,omitempty"`    // what Temporal recorded (T6)
	Reason      string    `json:"reason,omitempty"`
	Answer      string    `json:"answer"`
	// Times is how often the same was asked in a row, and answered the same (T4).
	Times int `json:"times,omitempty"`
}

// Verified is the last check of the isolation (A7).
type Verified struct {
	At       time.Time `json:"at"`
	Findings []Finding `json:"findings"`
}

// Finding is one violated rule of the isolation, or a difference from the settings (A11).
type Finding struct {
	Rule     string `json:"rule"`     // "A7 peering", "A11 image"
	Resource string `json:"resource"` // the resource's ID
	Message  string `json:"message"`
	// Notice is a difference that does not degrade the environment.
	Notice bool `json:"notice,omitempty"`
}

// ProjectStatus is the answer of a project to StatusQuery.
type ProjectStatus struct {
	Project string `json:"project"`
	Limit   int    `json:"limit"`
	Slots   []Slot `json:"slots"`
}

// Slot is held by one life of an environment (C6).
type Slot struct {
	Environment   string    `json:"environment"`
	EnvironmentID string    `json:"environmentId"`
	Since         time.Time `json:"since"`
	// Account and region that the environment was initialised in, once known (A10).
	Account string `json:"account,omitempty"`
	Region  string `json:"region,omitempty"`
	// Endpoint of EC2, where it is not AWS's own: a stand-in's account may have
	// the same number.
	Endpoint string `json:"endpoint,omitempty"`
	// Incarnation counts the environment's workflows that took up this slot;
	// a new one must not reuse the tokens of one that is gone.
	Incarnation int `json:"incarnation,omitempty"`
	// Run is the first run ID of the workflow that took it up last.
	Run string `json:"run,omitempty"`
}

// Status is what `starter status` prints: the project joined with its environments.
type Status struct {
	Project      string              `json:"project"`
	Limit        int                 `json:"limit"`
	Environments []EnvironmentStatus `json:"environments"`
}
