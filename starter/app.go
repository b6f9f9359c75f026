package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	sdk "go.temporal.io/sdk/temporal"

	"github.com/aineko-dev/environments/internal/contract"
	"github.com/aineko-dev/environments/internal/temporal"
)

// app is one run of the starter.
type app struct {
	out, errs io.Writer
	env       func(string) string
	// terminal is whether out is one; size is its size in columns and rows.
	terminal bool
	size     func() (width, height int)

	address, namespace, taskQueue, output string
	client                                client.Client
	// patience is how long a worker may take to answer; 0: answerTimeout.
	patience time.Duration
}

// answerTimeout is how long a worker may take to answer an update (S4).
const answerTimeout = 30 * time.Second

func (a *app) patient(ctx context.Context) (context.Context, context.CancelFunc) {
	if a.patience > 0 {
		return context.WithTimeout(ctx, a.patience)
	}
	return context.WithTimeout(ctx, answerTimeout)
}

func (a *app) connect(ctx context.Context) error {
	if a.client != nil {
		return nil
	}
	c, err := temporal.Dial(ctx, temporal.Overrides{Address: a.address, Namespace: a.namespace, Logger: quietLogger()})
	if err != nil {
		return &exit{code: exitUnreachable, err: err}
	}
	a.client, a.address, a.namespace = c.Client, c.Address, c.Namespace
	return nil
}

// link is an environment's workflow in Temporal's Web UI, where a setting says
// where that is: AINEKO_WEB_UI, such as https://cloud.temporal.io.
func (a *app) link(workflowID string) string {
	base := strings.TrimRight(a.env("AINEKO_WEB_UI"), "/")
	if base == "" || workflowID == "" || steersAny(base) {
		return ""
	}
	return base + "/namespaces/" + url.PathEscape(a.namespace) + "/workflows/" + url.PathEscape(workflowID)
}

func steersAny(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return steers(r) || r == ' ' })
}

// updateID is new for each invocation, and kept over its own retries (S4).
var updateID = func() string { return "starter-" + uuid.NewString() }

// failed gives an error from Temporal its exit code, and says what to do.
func (a *app) failed(err error) error {
	var e *exit
	var away *serviceerror.Unavailable
	var late *serviceerror.DeadlineExceeded
	var noNamespace *serviceerror.NamespaceNotFound
	var denied *serviceerror.PermissionDenied
	switch {
	case errors.As(err, &e):
		return err
	case errors.As(err, &noNamespace):
		return &exit{code: exitUsage, err: fmt.Errorf("the Temporal at %s has no namespace %q; set TEMPORAL_NAMESPACE, or --namespace", a.address, a.namespace)}
	case errors.As(err, &denied):
		return &exit{code: exitUnreachable, err: fmt.Errorf("the Temporal at %s refuses; set TEMPORAL_API_KEY or TEMPORAL_TLS_*: %w", a.address, err)}
	case errors.As(err, &away), errors.As(err, &late), errors.Is(err, context.DeadlineExceeded):
		return &exit{code: exitUnreachable, err: fmt.Errorf("the Temporal at %s, or a worker there, does not answer: %w", a.address, err)}
	}
	return &exit{code: exitUnexpected, err: err}
}

// errNoAnswer says that no worker answered in time; the update may still be applied.
var errNoAnswer = errors.New("no worker answered within 30 s; it may still be applied")

// errNoWorkflow says that there is no such workflow.
var errNoWorkflow = errors.New("there is no such workflow")

// update sends an update to a workflow that runs.
func (a *app) update(ctx context.Context, id, workflowID, name string, in, out any) error {
	return a.answered(ctx, func(ctx context.Context) (client.WorkflowUpdateHandle, error) {
		options := client.UpdateWorkflowOptions{UpdateID: id, WorkflowID: workflowID, UpdateName: name, WaitForStage: client.WorkflowUpdateStageCompleted}
		if in != nil {
			options.Args = []any{in}
		}
		return a.client.UpdateWorkflow(ctx, options)
	}, out)
}

// updateWithStart sends an update, and starts the workflow where none runs.
func (a *app) updateWithStart(ctx context.Context, id string, start client.StartWorkflowOptions, workflowType string, startIn any, name string, in, out any) error {
	start.TaskQueue = a.taskQueue
	start.WorkflowIDConflictPolicy = enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING
	return a.answered(ctx, func(ctx context.Context) (client.WorkflowUpdateHandle, error) {
		options := client.UpdateWorkflowOptions{UpdateID: id, UpdateName: name, WaitForStage: client.WorkflowUpdateStageCompleted}
		if in != nil {
			options.Args = []any{in}
		}
		return a.client.UpdateWithStartWorkflow(ctx, client.UpdateWithStartWorkflowOptions{
			StartWorkflowOperation: a.client.NewWithStartWorkflowOperation(start, workflowType, startIn),
			UpdateOptions:          options,
		})
	}, out)
}

// answered sends until there is an answer, with the same update ID: a busy
// workflow, or one that changes runs, is asked again.
func (a *app) answered(ctx context.Context, send func(context.Context) (client.WorkflowUpdateHandle, error), out any) error {
	ctx, cancel := a.patient(ctx)
	defer cancel()
	for {
		handle, err := send(ctx)
		if err == nil {
			err = handle.Get(ctx, out)
		}
		var application *sdk.ApplicationError
		var gone *serviceerror.NotFound
		var notReady *serviceerror.WorkflowNotReady
		var timeout *client.WorkflowUpdateServiceTimeoutOrCanceledError
		switch {
		case err == nil:
			return nil
		case errors.As(err, &application) && application.Type() == contract.ErrBusy, errors.As(err, &notReady):
		case errors.As(err, &application):
			return err
		case errors.As(err, &gone):
			return errNoWorkflow
		case ctx.Err() != nil, errors.As(err, &timeout):
			return errNoAnswer
		default:
			return a.failed(err)
		}
		select {
		case <-ctx.Done():
			if application != nil {
				return err
			}
			return errNoAnswer
		case <-time.After(time.Second):
		}
	}
}

// refusal is what an update's error says: its type, and the outcome in its details.
func refusal(err error) (kind string, message string, outcome *contract.Outcome) {
	var application *sdk.ApplicationError
	if !errors.As(err, &application) {
		return "", "", nil
	}
	if application.HasDetails() {
		var o contract.Outcome
		if application.Details(&o) == nil && o.Outcome != "" {
			outcome = &o
		}
	}
	return application.Type(), application.Message(), outcome
}

// environment asks an environment for its status.
func (a *app) environment(ctx context.Context, project, environment string) (*contract.EnvironmentStatus, error) {
	var s contract.EnvironmentStatus
	if err := a.query(ctx, contract.EnvironmentWorkflowID(project, environment), &s); err != nil {
		return nil, err
	}
	return &s, nil
}

func (a *app) project(ctx context.Context, project string) (*contract.ProjectStatus, error) {
	var s contract.ProjectStatus
	if err := a.query(ctx, contract.ProjectWorkflowID(project), &s); err != nil {
		return nil, err
	}
	return &s, nil
}

func (a *app) query(ctx context.Context, workflowID string, out any) error {
	ctx, cancel := a.patient(ctx)
	defer cancel()
	answer, err := a.client.QueryWorkflow(ctx, workflowID, "", contract.StatusQuery)
	var gone *serviceerror.NotFound
	if errors.As(err, &gone) {
		return errNoWorkflow
	}
	if err != nil {
		return fmt.Errorf("asking %s for its status: %w", workflowID, err)
	}
	return answer.Get(out)
}

// running is whether a workflow runs; a closed one answers queries, too.
func (a *app) running(ctx context.Context, workflowID string) (bool, error) {
	d, err := a.client.DescribeWorkflowExecution(ctx, workflowID, "")
	var gone *serviceerror.NotFound
	if errors.As(err, &gone) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("looking for %s: %w", workflowID, err)
	}
	return d.GetWorkflowExecutionInfo().GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, nil
}

func (a *app) startOptions(project, environment string) client.StartWorkflowOptions {
	keys := []sdk.SearchAttributeUpdate{sdk.NewSearchAttributeKeyKeyword(contract.ProjectAttribute).ValueSet(project)}
	if environment == "" {
		return client.StartWorkflowOptions{
			ID:            contract.ProjectWorkflowID(project),
			StaticSummary: contract.ProjectSummary(project), StaticDetails: contract.ProjectDetails(project),
			TypedSearchAttributes: sdk.NewSearchAttributes(keys...),
		}
	}
	keys = append(keys, sdk.NewSearchAttributeKeyKeyword(contract.EnvironmentAttribute).ValueSet(environment))
	return client.StartWorkflowOptions{
		ID:            contract.EnvironmentWorkflowID(project, environment),
		StaticSummary: contract.EnvironmentSummary(project, environment), StaticDetails: contract.EnvironmentDetails(project, environment),
		TypedSearchAttributes: sdk.NewSearchAttributes(keys...),
	}
}
