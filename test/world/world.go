package world

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	sdkpb "go.temporal.io/api/sdk/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"

	"github.com/aineko-dev/environments/internal/contract"
	"github.com/aineko-dev/environments/test/stack"
	"github.com/aineko-dev/environments/workflows"
)

// Deadline of what must be so in the end; it bounds a broken test.
const Deadline = 2 * time.Minute

// World is a Temporal server with a worker of this process.
type World struct {
	*Account
	Client  client.Client
	Address string

	mu     sync.Mutex
	worker worker.Worker
}

// Options of a world.
type Options struct {
	// ContinueAfter is the number of events after which the server suggests to
	// continue as new; 0 leaves it as the server has it.
	ContinueAfter int
}

// New starts a world; it ends with the test.
func New(t testing.TB, o Options) *World {
	t.Helper()
	var names []temporal.SearchAttributeUpdate
	for _, name := range contract.SearchAttributes {
		names = append(names, temporal.NewSearchAttributeKeyKeyword(name).ValueSet(""))
	}
	options := testsuite.DevServerOptions{
		ExistingPath: filepath.Join(stack.Root(), "bin", "temporal"), LogLevel: "error", Stdout: io.Discard, Stderr: io.Discard,
		SearchAttributes: temporal.NewSearchAttributes(names...),
		ClientOptions:    &client.Options{Logger: silent{}, Identity: "starter@test"},
	}
	if o.ContinueAfter > 0 {
		options.ExtraArgs = []string{"--dynamic-config-value", fmt.Sprintf("limit.historyCount.suggestContinueAsNew=%d", o.ContinueAfter)}
	}
	server, err := testsuite.StartDevServer(context.Background(), options)
	require.NoError(t, err)
	w := &World{Account: newAccount(), Client: server.Client(), Address: server.FrontendHostPort()}
	w.temporal = w.Client
	w.StartWorker(t)
	t.Cleanup(func() {
		w.StopWorker()
		w.Client.Close()
		_ = server.Stop()
	})
	return w
}

// StartWorker starts the worker.
func (w *World) StartWorker(t require.TestingT) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.worker = worker.New(w.Client, contract.TaskQueue, worker.Options{
		MaxConcurrentWorkflowTaskPollers: 8, MaxConcurrentActivityTaskPollers: 8,
		// The SDK takes a machine that is slow for a second for a workflow that hangs.
		DeadlockDetectionTimeout: time.Minute,
	})
	workflows.Register(w.worker)
	w.register(w.worker)
	require.NoError(t, w.worker.Start())
}

// StopWorker stops the worker; whatever it did not end is done again by the next.
func (w *World) StopWorker() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.worker != nil {
		w.worker.Stop()
		w.worker = nil
	}
}

// RestartWorker forgets every workflow that a worker has in memory: the next
// replays them from their histories.
func (w *World) RestartWorker(t require.TestingT) {
	w.StopWorker()
	worker.PurgeStickyWorkflowCache()
	w.StartWorker(t)
}

// Status of an environment.
func (w *World) Status(ctx context.Context, project, environment string) (contract.EnvironmentStatus, error) {
	var s contract.EnvironmentStatus
	answer, err := w.Client.QueryWorkflow(ctx, contract.EnvironmentWorkflowID(project, environment), "", contract.StatusQuery)
	if err != nil {
		return s, err
	}
	return s, answer.Get(&s)
}

// Project is the status of a project.
func (w *World) Project(ctx context.Context, project string) (contract.ProjectStatus, error) {
	var s contract.ProjectStatus
	answer, err := w.Client.QueryWorkflow(ctx, contract.ProjectWorkflowID(project), "", contract.StatusQuery)
	if err != nil {
		return s, err
	}
	return s, answer.Get(&s)
}

// Details is what the Web UI shows of a workflow.
func (w *World) Details(ctx context.Context, workflowID string) (string, error) {
	answer, err := w.Client.QueryWorkflow(ctx, workflowID, "", "__temporal_workflow_metadata")
	if err != nil {
		return "", err
	}
	var metadata sdkpb.WorkflowMetadata
	if err := answer.Get(&metadata); err != nil {
		return "", err
	}
	return metadata.GetCurrentDetails(), nil
}

// Running is whether a workflow runs.
func (w *World) Running(ctx context.Context, workflowID string) (bool, error) {
	d, err := w.Client.DescribeWorkflowExecution(ctx, workflowID, "")
	var gone *serviceerror.NotFound
	if errors.As(err, &gone) {
		return false, nil
	}
	return d.GetWorkflowExecutionInfo().GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, err
}

// Runs are the runs of every workflow that a query finds, with the lengths and
// sizes of their histories, as the server measures them.
func (w *World) Runs(ctx context.Context, query string) ([]*workflow.WorkflowExecutionInfo, error) {
	var runs []*workflow.WorkflowExecutionInfo
	request := &workflowservice.ListWorkflowExecutionsRequest{Query: query}
	for {
		page, err := w.Client.ListWorkflow(ctx, request)
		if err != nil {
			return nil, err
		}
		for _, e := range page.GetExecutions() {
			d, err := w.Client.DescribeWorkflowExecution(ctx, e.GetExecution().GetWorkflowId(), e.GetExecution().GetRunId())
			if err != nil {
				return nil, err
			}
			runs = append(runs, d.GetWorkflowExecutionInfo())
		}
		if len(page.GetNextPageToken()) == 0 {
			return runs, nil
		}
		request.NextPageToken = page.GetNextPageToken()
	}
}

// Eventually waits until something is so.
func Eventually(t require.TestingT, what string, is func() bool) {
	for deadline := time.Now().Add(Deadline); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			require.FailNow(t, "not so after "+Deadline.String()+": "+what)
		}
	}
}

type silent struct{}

func (silent) Debug(string, ...any) {}
func (silent) Info(string, ...any)  {}
func (silent) Warn(string, ...any)  {}
func (silent) Error(string, ...any) {}
