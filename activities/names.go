package activities

// Activity types, as workflows call them and the Web UI shows them. Those that
// make one kind of resource exist are named by EnsureActivity, those that
// delete one by DeleteActivity.
const (
	ReadSettings     = "read-settings"
	BeginWork        = "begin-work"
	TakeSlot         = "take-slot"
	FreeSlot         = "free-slot"
	StartEnvironment = "start-environment"
	InspectSlot      = "inspect-slot"
	RecoverSlots     = "recover-slots"
	Discover         = "discover"
	PlanResources    = "plan-resources"
	EnsureBroker     = "ensure-broker"
	Sweep            = "sweep-duplicates"
	VerifyIsolation  = "verify-isolation"
	FindDrift        = "find-drift"
	ChoosePlacements = "choose-placements"
	LaunchPipeline   = "launch-pipeline"
	CheckPipeline    = "check-pipeline"
	StopPipeline     = "stop-pipeline"
	CheckBroker      = "check-broker"
	FindResources    = "find-resources"
)

// EnsureActivity is the type of the activity that makes a resource of the kind exist.
func EnsureActivity(kind string) string { return "ensure-" + kind }

// DeleteActivity is the type of the activity that deletes a resource of the kind.
func DeleteActivity(kind string) string { return "delete-" + kind }

// Types of the application errors of activities.
const (
	// ErrTerminal: trying again cannot help; a person has to act.
	ErrTerminal = "Terminal"
	// ErrBlocked: something that is not the environment's own holds a deletion up (X4).
	ErrBlocked = "Blocked"
	// ErrOtherAccount: this worker's account or region is not the environment's (A10).
	ErrOtherAccount = "OtherAccount"
	// ErrWorkerStopping: the worker goes; another takes over at once.
	ErrWorkerStopping = "WorkerStopping"
)

// Roles that workflows know by name.
const (
	VPCRole    = "vpc"
	BrokerRole = "broker"
)
