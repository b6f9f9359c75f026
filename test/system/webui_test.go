package system_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	sdkpb "go.temporal.io/api/sdk/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"github.com/aineko-dev/environments/internal/contract"
	"github.com/aineko-dev/environments/test/stack"
)

// workflowMetadata is the query that the Web UI asks for what a workflow says of itself.
const workflowMetadata = "__temporal_workflow_metadata"

// assertReadable walks every history of a stack: each workflow says what it is
// for, each activity, timer and child what it does to what, each signal, query
// and update what it is, and the details of what runs are current (T2).
func assertReadable(t *testing.T, s *stack.Stack) {
	t.Helper()
	c, err := client.Dial(client.Options{HostPort: s.Temporal})
	require.NoError(t, err)
	defer c.Close()
	listed, err := c.ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{PageSize: 1000})
	require.NoError(t, err)
	types, timers, activities := map[string]bool{}, 0, 0
	for _, w := range listed.GetExecutions() {
		id, kind := w.GetExecution().GetWorkflowId(), w.GetType().GetName()
		types[kind] = true
		history := c.GetWorkflowHistory(t.Context(), id, w.GetExecution().GetRunId(), false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		for history.HasNext() {
			event, err := history.Next()
			require.NoError(t, err)
			summary, details := text(t, event.GetUserMetadata().GetSummary()), text(t, event.GetUserMetadata().GetDetails())
			switch event.GetEventType() {
			case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
				if event.GetWorkflowExecutionStartedEventAttributes().GetContinuedExecutionRunId() == "" {
					assert.NotEmpty(t, details, "%s has no details", id)
				}
			case enumspb.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
				activities++
			case enumspb.EVENT_TYPE_TIMER_STARTED:
				timers++
			case enumspb.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED:
			default:
				continue
			}
			assert.NotEmpty(t, summary, "%s, event %d, %s, says nothing", id, event.GetEventId(), event.GetEventType())
		}
		if w.GetStatus() != enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING {
			continue
		}
		answer, err := c.QueryWorkflow(t.Context(), id, "", workflowMetadata)
		require.NoError(t, err)
		var metadata sdkpb.WorkflowMetadata
		require.NoError(t, answer.Get(&metadata))
		assert.NotEmpty(t, metadata.GetCurrentDetails(), id)
		for _, all := range [][]*sdkpb.WorkflowInteractionDefinition{metadata.GetDefinition().GetSignalDefinitions(), metadata.GetDefinition().GetQueryDefinitions(), metadata.GetDefinition().GetUpdateDefinitions()} {
			for _, d := range all {
				assert.NotEmpty(t, d.GetDescription(), "%s of %s is not described", d.GetName(), id)
			}
		}
	}
	for _, kind := range []string{contract.ProjectWorkflow, contract.EnvironmentWorkflow, contract.InitializeEnvironmentWorkflow,
		contract.DeployPipelinesWorkflow, contract.DestroyPipelinesWorkflow, contract.DeleteEnvironmentWorkflow} {
		assert.True(t, types[kind], "no %s was seen", kind)
	}
	assert.NotZero(t, timers)
	assert.Greater(t, activities, 50)
}

func text(t *testing.T, p *commonpb.Payload) string {
	t.Helper()
	if p == nil {
		return ""
	}
	var s string
	require.NoError(t, converter.GetDefaultDataConverter().FromPayload(p, &s))
	return s
}
