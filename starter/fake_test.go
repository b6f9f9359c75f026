package main

import (
	"context"
	"encoding/json"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	sdk "go.temporal.io/sdk/temporal"

	"github.com/aineko-dev/environments/internal/contract"
)

// fake is a Temporal whose workflows answer what a test wants. What travels
// goes through the SDK's own converter, as JSON.
type fake struct {
	client.Client
	mu sync.Mutex
	// status of running workflows, by ID: a value, or JSON as a string.
	status map[string]any
	// update answers updates; updates are those that came.
	update  func(ctx context.Context, n int, o client.UpdateWorkflowOptions) (any, error)
	updates []client.UpdateWorkflowOptions
}

func payloads(v any) *commonpb.Payloads {
	if text, ok := v.(string); ok {
		v = json.RawMessage(text)
	}
	p, err := converter.GetDefaultDataConverter().ToPayloads(v)
	if err != nil {
		panic(err)
	}
	return p
}

func (f *fake) DescribeWorkflowExecution(_ context.Context, id, _ string) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.status[id] == nil {
		return nil, serviceerror.NewNotFound("no such workflow")
	}
	return &workflowservice.DescribeWorkflowExecutionResponse{
		WorkflowExecutionInfo: &workflowpb.WorkflowExecutionInfo{Status: enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING},
	}, nil
}

func (f *fake) QueryWorkflow(_ context.Context, id, _, _ string, _ ...any) (converter.EncodedValue, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.status[id] == nil {
		return nil, serviceerror.NewNotFound("no such workflow")
	}
	return client.NewValue(payloads(f.status[id])), nil
}

func (f *fake) UpdateWorkflow(ctx context.Context, o client.UpdateWorkflowOptions) (client.WorkflowUpdateHandle, error) {
	f.mu.Lock()
	f.updates = append(f.updates, o)
	n := len(f.updates)
	f.mu.Unlock()
	answer, err := f.update(ctx, n, o)
	if err != nil {
		return nil, err
	}
	return handle{answer: answer}, nil
}

func (f *fake) UpdateWithStartWorkflow(ctx context.Context, o client.UpdateWithStartWorkflowOptions) (client.WorkflowUpdateHandle, error) {
	return f.UpdateWorkflow(ctx, o.UpdateOptions)
}

func (f *fake) NewWithStartWorkflowOperation(client.StartWorkflowOptions, any, ...any) client.WithStartWorkflowOperation {
	return nil
}

// sent is the commit of the nth update.
func (f *fake) sent(n int) contract.Commit { return f.updates[n].Args[0].(contract.Commit) }

type handle struct {
	client.WorkflowUpdateHandle
	answer any
}

func (h handle) Get(_ context.Context, out any) error {
	return client.NewValue(payloads(h.answer)).Get(out)
}

// refuse is an update's refusal, as it is after it has travelled.
func refuse(kind, message string, details ...any) error {
	c := sdk.GetDefaultFailureConverter()
	return c.FailureToError(c.ErrorToFailure(sdk.NewApplicationError(message, kind, details...)))
}

const (
	developID = "environment:acme/churn:develop"
	projectID = "project:acme/churn"
)

// develop is a status of that environment.
func develop(change func(*contract.EnvironmentStatus)) contract.EnvironmentStatus {
	s := contract.EnvironmentStatus{
		Name: "develop", Status: contract.StatusReady, EnvironmentID: "env-a",
		Services: []contract.ServiceStatus{}, Pipelines: []contract.PipelineStatus{}, Outcomes: []contract.Outcome{},
	}
	if change != nil {
		change(&s)
	}
	return s
}

// accepting answers commits with a deployment, whose outcome is there at once.
func accepting(t *testing.T, outcome contract.Outcome) *fake {
	t.Helper()
	require.NotEmpty(t, outcome.Deployment)
	return &fake{
		status: map[string]any{developID: develop(func(s *contract.EnvironmentStatus) { s.Outcomes = append(s.Outcomes, outcome) })},
		update: func(context.Context, int, client.UpdateWorkflowOptions) (any, error) {
			return contract.CommitAnswer{Deployment: outcome.Deployment}, nil
		},
	}
}
