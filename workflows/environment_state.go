package workflows

import (
	"errors"
	"slices"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/aineko-dev/environments/activities"
	"github.com/aineko-dev/environments/internal/contract"
)

// environmentState is what an environment knows, and carries over when it
// continues as new. What exists in the account is found there, by tags; the
// IDs here are hints, and for people to read.
type environmentState struct {
	Project     string             `json:"project"`
	Environment string             `json:"environment"`
	ID          string             `json:"id,omitempty"`
	Incarnation int                `json:"incarnation,omitempty"`
	Account     activities.Account `json:"account"`

	// Settings as the last piece of work found them.
	Settings activities.Settings `json:"settings"`

	Initialized     bool   `json:"initialized,omitempty"`
	InitializeError string `json:"initializeError,omitempty"`
	// Begun is whether initialising ever began: things may exist.
	Begun     bool                      `json:"begun,omitempty"`
	VPCID     string                    `json:"vpcId,omitempty"`
	Ground    activities.Ground         `json:"ground"`
	Services  []contract.ServiceStatus  `json:"services,omitempty"`
	Pipelines []contract.PipelineStatus `json:"pipelines,omitempty"` // the deployed state, by name
	Verified  *contract.Verified        `json:"verified,omitempty"`
	Foreign   []string                  `json:"foreign,omitempty"`
	// Unread is why the last reconcile could not read the account; "" where it did.
	Unread string `json:"unread,omitempty"`

	Next    int              `json:"next"` // number of the next deployment
	Newest  *contract.Commit `json:"newest,omitempty"`
	Waiting *work            `json:"waiting,omitempty"`

	// Requests are what operators asked last.
	Requests []contract.Request `json:"requests,omitempty"`
	// Unidentified are the newest of them, whose sender is not known yet (T6).
	Unidentified []activities.IdentityInput `json:"unidentified,omitempty"`
	Deletion     *contract.Deletion         `json:"deletion,omitempty"`
	// DeletionPhase is empty, deletionScheduled or deletionRunning.
	DeletionPhase string    `json:"deletionPhase,omitempty"`
	AcceptedAt    time.Time `json:"acceptedAt,omitzero"`
	Closed        bool      `json:"closed,omitempty"`

	ReconcileAt time.Time `json:"reconcileAt,omitzero"`
	// Repairs counts by pipeline what reconcile replaced on RepairDay (C14).
	Repairs   map[string]int `json:"repairs,omitempty"`
	RepairDay string         `json:"repairDay,omitempty"`

	Outcomes []contract.Outcome `json:"outcomes,omitempty"`
	// Answered holds the newest update IDs and what they were told, since the
	// server forgets them when the workflow continues as new.
	Answered []answered `json:"answered,omitempty"`
}

// answered is an update that was accepted, and its answer: the deployment's
// number. Short, for there are many.
type answered struct {
	UpdateID string `json:"u"`
	N        int    `json:"n"`
	Joined   bool   `json:"j,omitempty"`
}

// work is a piece of work: a deployment of a commit, or initialising without one.
type work struct {
	N      int              `json:"n"`
	Commit *contract.Commit `json:"commit,omitempty"`
	Why    string           `json:"why,omitempty"` // other than a push: "retry", "reconcile: …"
	Since  time.Time        `json:"since"`
	// Repair is whether the network or the broker has to be made whole first (C14).
	Repair bool `json:"repair,omitempty"`
	// Failed are instances that a reconcile judged to have failed, with the reason.
	Failed map[string]string `json:"failed,omitempty"`
	// Only, for a reconcile, are the pipelines that it may touch; nil: all.
	Only []string `json:"only,omitempty"`
}

const (
	deletionScheduled = "scheduled"
	deletionRunning   = "running"

	// maxAnswered is how many update IDs are remembered: more than are
	// accepted in the 30 s for which a starter brings one back (S4), at the
	// pace of an entity.
	maxAnswered = 1000
)

func newEnvironment(ctx workflow.Context, in EnvironmentInput) (*environment, error) {
	if err := errors.Join(contract.CheckProject(in.Project), contract.CheckEnvironment(in.Environment)); err != nil {
		return nil, temporal.NewNonRetryableApplicationError(err.Error(), contract.ErrInvalid, nil)
	}
	info := workflow.GetInfo(ctx)
	if want := contract.EnvironmentWorkflowID(in.Project, in.Environment); info.WorkflowExecution.ID != want {
		return nil, temporal.NewNonRetryableApplicationError("the ID of this workflow must be "+want, contract.ErrInvalid, nil)
	}
	e := &environment{taskQueue: info.TaskQueueName, received: map[string]int{}}
	if in.State != nil {
		e.environmentState = *in.State
	}
	e.Project, e.Environment = in.Project, in.Environment
	if e.Next == 0 {
		e.Next = 1
	}
	return e, e.listen(ctx)
}

// listen sets the handlers; it comes after the state is there.
func (e *environment) listen(ctx workflow.Context) error {
	handlers := []error{
		workflow.SetQueryHandlerWithOptions(ctx, contract.StatusQuery, func() (contract.EnvironmentStatus, error) { return e.status(), nil },
			workflow.QueryHandlerOptions{Description: "Status, pipelines, services, progress and the last outcomes"}),
		workflow.SetUpdateHandlerWithOptions(ctx, contract.CommitUpdate, e.handleCommit, workflow.UpdateHandlerOptions{
			Validator:   e.validateCommit,
			Description: "A commit of the deployment branch, sent by `starter push`",
		}),
		workflow.SetUpdateHandlerWithOptions(ctx, contract.RetryUpdate, e.handleRetry, workflow.UpdateHandlerOptions{
			Validator:   e.validateRetry,
			Description: "Try the newest accepted commit again",
		}),
		workflow.SetUpdateHandlerWithOptions(ctx, contract.ReconcileUpdate, e.handleReconcile, workflow.UpdateHandlerOptions{
			Validator:   e.validateReconcile,
			Description: "Compare the account with the desired state now, and repair",
		}),
		workflow.SetUpdateHandlerWithOptions(ctx, contract.VerifyUpdate, e.handleVerify, workflow.UpdateHandlerOptions{
			Validator:   e.validateVerify,
			Description: "Check the isolation against the account; changes nothing",
		}),
		workflow.SetUpdateHandlerWithOptions(ctx, contract.DeleteEnvironmentUpdate, e.handleDelete, workflow.UpdateHandlerOptions{
			Validator:   e.validateDelete,
			Description: "Delete this environment; refused while pipelines run",
		}),
		workflow.SetUpdateHandlerWithOptions(ctx, contract.CancelDeletionUpdate, e.handleCancel, workflow.UpdateHandlerOptions{
			Validator:   e.validateCancel,
			Description: "Cancel the deletion during its grace period",
		}),
	}
	e.listenToOperators(ctx)
	workflow.Go(ctx, e.identify)
	e.listenToChildren(ctx)
	return errors.Join(handlers...)
}

func (e *environment) target() activities.Target {
	t := activities.Target{Account: e.Account}
	t.Installation, t.Project, t.Environment, t.EnvironmentID = e.Settings.Installation, e.Project, e.Environment, e.ID
	return t
}

// newWork numbers a piece of work.
func (e *environment) newWork(ctx workflow.Context, commit *contract.Commit, why string) *work {
	w := &work{N: e.Next, Commit: commit, Why: why, Since: workflow.Now(ctx)}
	e.Next++
	return w
}

func (e *environment) deploymentID(w *work) string { return contract.DeploymentID(e.ID, w.N) }

// holdsPipelines is whether an instance of a pipeline exists, healthy or not (X2).
func (e *environment) holdsPipelines() bool {
	return slices.ContainsFunc(e.Pipelines, func(p contract.PipelineStatus) bool { return p.InstanceID != "" })
}

// setPipeline puts one pipeline of the deployed state, kept in the order of names.
func (e *environment) setPipeline(p contract.PipelineStatus) {
	i, found := slices.BinarySearchFunc(e.Pipelines, p.Name, func(have contract.PipelineStatus, name string) int {
		return compareNames(have.Name, name)
	})
	if found {
		e.Pipelines[i] = p
		return
	}
	e.Pipelines = slices.Insert(e.Pipelines, i, p)
}

// setError says of a pipeline what went wrong with it, and leaves what runs as it is.
func (e *environment) setError(name, why string) {
	for i := range e.Pipelines {
		if e.Pipelines[i].Name == name {
			e.Pipelines[i].Error = why
		}
	}
}

func (e *environment) removePipeline(name string) {
	e.Pipelines = slices.DeleteFunc(e.Pipelines, func(p contract.PipelineStatus) bool { return p.Name == name })
}

func compareNames(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
