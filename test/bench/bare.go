package main

import (
	"context"
	"slices"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

// bareQueue is the task queue of bare workflows, which this process works on itself.
const bareQueue = "bench-bare"

// bareStep is one activity of a bare workflow, with its payloads' sizes.
type bareStep struct {
	Name        string
	After       []string
	InputBytes  int
	ResultBytes int
}

// bare runs activities in their order, and nothing else: no children, no
// progress, no state, no handlers. It is what a workflow costs at the least.
func bare(ctx workflow.Context, steps []bareStep) error {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
	done := map[string]bool{}
	var failed error
	group := workflow.NewWaitGroup(ctx)
	for _, s := range steps {
		group.Add(1)
		workflow.Go(ctx, func(ctx workflow.Context) {
			defer group.Done()
			if err := workflow.Await(ctx, func() bool {
				return !slices.ContainsFunc(s.After, func(before string) bool { return !done[before] })
			}); err != nil {
				return
			}
			if err := workflow.ExecuteActivity(ctx, bareActivity, strings.Repeat("x", s.InputBytes), s.ResultBytes).Get(ctx, nil); err != nil {
				failed = err
			}
			done[s.Name] = true
		})
	}
	group.Wait(ctx)
	return failed
}

// bareActivity answers at once.
func bareActivity(_ context.Context, _ string, bytes int) (string, error) {
	return strings.Repeat("y", bytes), nil
}

// bareWorker works on bare workflows until stopped.
func (r *rig) bareWorker() (stop func(), err error) {
	w := worker.New(r.client, bareQueue, worker.Options{MaxConcurrentActivityExecutionSize: 1000})
	w.RegisterWorkflowWithOptions(bare, workflow.RegisterOptions{Name: "bare"})
	w.RegisterActivityWithOptions(bareActivity, activity.RegisterOptions{Name: "bareActivity"})
	return w.Stop, w.Start()
}

// runBare runs one bare workflow to its end.
func (r *rig) runBare(ctx context.Context, id string, steps []bareStep) error {
	run, err := r.client.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: id, TaskQueue: bareQueue}, "bare", steps)
	if err != nil {
		return err
	}
	return run.Get(ctx, nil)
}

// activitiesOf are the activities that events tell of, as bare steps: with
// their payloads' sizes, in the order in which they were scheduled, and with
// what had been completed before.
func activitiesOf(events []*historypb.HistoryEvent) []bareStep {
	var steps []bareStep
	at := map[int64]int{}
	var completed []string
	for _, event := range events {
		switch event.GetEventType() {
		case enumspb.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
			a := event.GetActivityTaskScheduledEventAttributes()
			at[event.GetEventId()] = len(steps)
			steps = append(steps, bareStep{Name: a.GetActivityId(), After: slices.Clone(completed), InputBytes: a.GetInput().Size()})
		case enumspb.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
			a := event.GetActivityTaskCompletedEventAttributes()
			if i, found := at[a.GetScheduledEventId()]; found {
				steps[i].ResultBytes = a.GetResult().Size()
				completed = append(completed, steps[i].Name)
			}
		}
	}
	return steps
}
