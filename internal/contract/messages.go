package contract

// CommitAnswer is the result of the updates "commit", "retry" and "reconcile":
// the deployment whose outcome to look for in the status.
type CommitAnswer struct {
	Deployment string `json:"deployment"`
	// Joined is whether an equal commit was under way already.
	Joined bool `json:"joined,omitempty"`
}

// OperatorRequest is the input of the signals and updates by which operators
// delete an environment, cancel that, retry, reconcile or verify. Everything is optional.
type OperatorRequest struct {
	RequestedBy string `json:"requestedBy,omitempty"`
	Reason      string `json:"reason,omitempty"`
}

// Types of the application errors by which updates refuse. The errors' details
// hold an Outcome where the update was "commit".
const (
	// ErrInvalid: the message's values are wrong. Not to be sent again.
	ErrInvalid = "Invalid"
	// ErrRefused: a rule refuses it; the message says which and why (exit code 3).
	ErrRefused = "Refused"
	// ErrSuperseded: the commit is not newer than the newest accepted (C8).
	ErrSuperseded = "Superseded"
	// ErrCompareAgain: another commit was accepted since; the details hold the
	// newest accepted SHA. Compare with it and send again.
	ErrCompareAgain = "CompareAgain"
	// ErrBusy: the history is long and the work under way has to end first (T4). Send again later.
	ErrBusy = "Busy"
)

// EnvironmentInput starts an environment's workflow. State is what an earlier
// run carried over, and empty for starters.
type EnvironmentInput struct {
	Project     string `json:"project"`
	Environment string `json:"environment"`
}

// ProjectInput starts a project's workflow.
type ProjectInput struct {
	Project string `json:"project"`
}

// TakeSlotRequest asks a project for an environment's slot (C6). Asking again
// for the same run answers the same.
type TakeSlotRequest struct {
	Environment string `json:"environment"`
	// Run is the first run ID of the asking environment workflow.
	Run string `json:"run"`
	// Account and region that the worker sees; kept with a new slot.
	Account string `json:"account"`
	Region  string `json:"region"`
	// Endpoint of EC2, where it is not AWS's own.
	Endpoint string `json:"endpoint,omitempty"`
	// Limit of environments, the worker's setting.
	Limit int `json:"limit"`
	// Held asks only for a slot that the environment holds already: nobody
	// asked for a new environment (C2, C5).
	Held bool `json:"held,omitempty"`
}

// TakeSlotAnswer is a granted slot, or the refusal with the names that hold the slots.
type TakeSlotAnswer struct {
	Granted bool     `json:"granted"`
	Slot    Slot     `json:"slot"`
	Holders []string `json:"holders,omitempty"`
	Limit   int      `json:"limit"`
	// Resumed is whether the slot was held by an earlier workflow of the same life.
	Resumed bool `json:"resumed,omitempty"`
}

// FreeSlotRequest gives a slot back, by id: a late one frees nothing of a later life.
type FreeSlotRequest struct {
	EnvironmentID string `json:"environmentId"`
}
