package histories_test

import (
	"log/slog"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/aineko-dev/environments/internal/contract"
	"github.com/aineko-dev/environments/test/histories"
	"github.com/aineko-dev/environments/workflows"
)

// recorded are the histories of every version.
func recorded(t *testing.T) []histories.Recorded {
	t.Helper()
	versions, err := histories.Versions(".")
	require.NoError(t, err)
	require.NotEmpty(t, versions, "record some: ./task histories:record")
	var all []histories.Recorded
	for _, version := range versions {
		some, err := histories.Load(".", version)
		require.NoError(t, err)
		require.NotEmpty(t, some, version)
		all = append(all, some...)
	}
	return all
}

// replay lets the workflows of today go through a history of another build.
func replay(t *testing.T, r histories.Recorded) error {
	t.Helper()
	replayer, err := worker.NewWorkflowReplayerWithOptions(worker.WorkflowReplayerOptions{})
	require.NoError(t, err)
	workflows.Register(replayer)
	started := r.History.GetEvents()[0].GetWorkflowExecutionStartedEventAttributes()
	quiet := log.NewStructuredLogger(slog.New(slog.DiscardHandler))
	return replayer.ReplayWorkflowHistoryWithOptions(quiet, r.History, worker.ReplayWorkflowHistoryOptions{
		OriginalExecution: workflow.Execution{ID: started.GetWorkflowId(), RunID: started.GetOriginalExecutionRunId()},
	})
}

// Whatever earlier builds have begun, this one carries on: the same commands,
// in the same order, up to where the history ends.
func TestT5_RecordedHistoriesReplay(t *testing.T) {
	for _, r := range recorded(t) {
		t.Run(r.Version+"/"+r.Name, func(t *testing.T) {
			assert.NoError(t, replay(t, r), "a change of the workflows breaks what is in flight; docs/design.md, \"How to change a workflow\", says how to make it")
		})
	}
}

// Every version holds each type of workflow in the middle of its work and at
// its end, as far as it has one.
func TestT5_EveryTypeOfWorkflowIsRecorded(t *testing.T) {
	versions, err := histories.Versions(".")
	require.NoError(t, err)
	for _, version := range versions {
		all, err := histories.Load(".", version)
		require.NoError(t, err)
		open, closed := map[string]int{}, map[string]int{}
		for _, r := range all {
			if ended(r) {
				closed[r.Type()]++
			} else {
				open[r.Type()]++
			}
		}
		for _, name := range []string{contract.ProjectWorkflow, contract.EnvironmentWorkflow, contract.InitializeEnvironmentWorkflow,
			contract.DeployPipelinesWorkflow, contract.DestroyPipelinesWorkflow, contract.DeleteEnvironmentWorkflow} {
			assert.NotZero(t, open[name], "%s: no %s under way", version, name)
			if name != contract.ProjectWorkflow { // it has no end
				assert.NotZero(t, closed[name], "%s: no %s that has ended", version, name)
			}
		}
	}
}

// ended is whether a history goes to its workflow's end.
func ended(r histories.Recorded) bool {
	switch last := r.History.GetEvents()[len(r.History.GetEvents())-1]; last.GetEventType() {
	case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED, enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED, enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED,
		enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW:
		return true
	}
	return false
}

// A replay that cannot fail proves nothing: another activity in the place of
// the recorded one is found.
func TestT5_AnotherCommandIsFound(t *testing.T) {
	found := 0
	for _, r := range recorded(t) {
		events := r.History.GetEvents()
		of := func(kind enumspb.EventType) func(*historypb.HistoryEvent) bool {
			return func(e *historypb.HistoryEvent) bool { return e.GetEventType() == kind }
		}
		i := slices.IndexFunc(events, of(enumspb.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED))
		// The commands of a history's last task are not compared any more.
		if i < 0 || !slices.ContainsFunc(events[i:], of(enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED)) {
			continue
		}
		found++
		events[i].GetActivityTaskScheduledEventAttributes().GetActivityType().Name = "another-activity"
		assert.ErrorContains(t, replay(t, r), "TMPRL1100", r.Name) // non-determinism
	}
	assert.NotZero(t, found)
}
