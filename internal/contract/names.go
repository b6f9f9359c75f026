package contract

import "fmt"

// TaskQueue is the default task queue; a setting of starter and worker.
const TaskQueue = "environments"

// Workflow types.
const (
	ProjectWorkflow               = "project"
	EnvironmentWorkflow           = "environment"
	InitializeEnvironmentWorkflow = "initialize-environment"
	DeployPipelinesWorkflow       = "deploy-pipelines"
	DestroyPipelinesWorkflow      = "destroy-pipelines"
	DeleteEnvironmentWorkflow     = "delete-environment"
)

// Signals of an environment, for operators (T1). The updates of the same name
// do the same and answer.
const (
	DeleteEnvironmentSignal = "delete-environment"
	CancelDeletionSignal    = "cancel-deletion"
)

// ProgressSignal carries a child's Progress to its environment. It is plumbing,
// not for operators.
const ProgressSignal = "progress"

// Updates of an environment.
const (
	CommitUpdate            = "commit"
	RetryUpdate             = "retry"
	ReconcileUpdate         = "reconcile"
	VerifyUpdate            = "verify"
	DeleteEnvironmentUpdate = "delete-environment"
	CancelDeletionUpdate    = "cancel-deletion"
)

// Updates of a project.
const (
	CreateProjectUpdate = "create-project"
	TakeSlotUpdate      = "take-slot"
	FreeSlotUpdate      = "free-slot"
)

// StatusQuery is answered by environments (EnvironmentStatus) and projects
// (ProjectStatus).
const StatusQuery = "status"

// Search attributes, all of type Keyword.
const (
	ProjectAttribute     = "AinekoProject"
	EnvironmentAttribute = "AinekoEnvironment"
	StatusAttribute      = "AinekoStatus"
	CommitAttribute      = "AinekoCommit"
)

// SearchAttributes lists what the namespace must have registered.
var SearchAttributes = []string{ProjectAttribute, EnvironmentAttribute, StatusAttribute, CommitAttribute}

// Tags that every resource of an environment carries (A6).
const (
	InstallationTag  = "aineko:installation"
	ProjectTag       = "aineko:project"
	EnvironmentTag   = "aineko:environment"
	EnvironmentIDTag = "aineko:environment-id"
	RoleTag          = "aineko:role"
	PipelineTag      = "aineko:pipeline"
	CommitTag        = "aineko:commit"
	DeploymentTag    = "aineko:deployment"
	DigestTag        = "aineko:digest"
	// LayoutTag is on the VPC alone: what A11 freezes when initialising begins,
	// so that an environment whose workflow is gone keeps its shape.
	LayoutTag = "aineko:layout"
	// The broker's program is frozen with its data volume, which outlives the
	// broker's instances (A3).
	KafkaVersionTag = "aineko:kafka-version"
	KafkaURLTag     = "aineko:kafka-url"
	KafkaSHA512Tag  = "aineko:kafka-sha512"
)

// InitialEnvironments are the ones that every project has from its creation (C5).
var InitialEnvironments = []string{"develop", "production"}

// ProjectWorkflowID returns the ID of a project's workflow.
func ProjectWorkflowID(project string) string { return "project:" + project }

// EnvironmentWorkflowID returns the ID of an environment's workflow.
func EnvironmentWorkflowID(project, environment string) string {
	return "environment:" + project + ":" + environment
}

// InitializeWorkflowID returns the ID of the child that initialises for deployment n.
func InitializeWorkflowID(project, environment string, n int) string {
	return fmt.Sprintf("%s:initialize:%d", EnvironmentWorkflowID(project, environment), n)
}

// DeployWorkflowID returns the ID of the child that deploys pipelines for deployment n.
func DeployWorkflowID(project, environment string, n int) string {
	return fmt.Sprintf("%s:deploy:%d", EnvironmentWorkflowID(project, environment), n)
}

// DestroyWorkflowID returns the ID of the child that destroys pipelines for deployment n.
func DestroyWorkflowID(project, environment string, n int) string {
	return fmt.Sprintf("%s:destroy:%d", EnvironmentWorkflowID(project, environment), n)
}

// DeleteWorkflowID returns the ID of the child that tears the environment down.
func DeleteWorkflowID(project, environment string) string {
	return EnvironmentWorkflowID(project, environment) + ":delete"
}

// DeploymentID names deployment n of an environment's life: <environment-id>/<n>.
func DeploymentID(environmentID string, n int) string {
	return fmt.Sprintf("%s/%d", environmentID, n)
}
