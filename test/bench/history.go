package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/converter"

	"github.com/aineko-dev/environments/activities"
	"github.com/aineko-dev/environments/internal/contract"
	"github.com/aineko-dev/environments/internal/network"
)

// history is the newest run of a workflow, whole; empty where there is none.
func (r *rig) history(ctx context.Context, workflowID string) ([]*historypb.HistoryEvent, error) {
	var all []*historypb.HistoryEvent
	events := r.client.GetWorkflowHistory(ctx, workflowID, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		event, err := events.Next()
		var none *serviceerror.NotFound
		if errors.As(err, &none) {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("the history of %s: %w", workflowID, err)
		}
		all = append(all, event)
	}
	return all, nil
}

// histories are those of an environment and of its children, by workflow ID.
type histories map[string][]*historypb.HistoryEvent

// maxPieces is more than a benchmark's environment has pieces of work.
const maxPieces = 20

func (r *rig) histories(ctx context.Context, project, environment string) (histories, error) {
	ids := []string{contract.EnvironmentWorkflowID(project, environment)}
	for n := 1; n <= maxPieces; n++ {
		ids = append(ids, contract.InitializeWorkflowID(project, environment, n), contract.DeployWorkflowID(project, environment, n), contract.DestroyWorkflowID(project, environment, n))
	}
	all := histories{}
	for _, id := range ids {
		events, err := r.history(ctx, id)
		if err != nil {
			return nil, err
		}
		all[id] = events
	}
	return all, nil
}

// newer are the events that an earlier look did not see.
func newer(now, before histories) histories {
	all := histories{}
	for id, events := range now {
		all[id] = events[len(before[id]):]
	}
	return all
}

// cost is what histories cost in Temporal.
type cost struct{ events, bytes, tasks, activities int }

func (h histories) cost() cost {
	var c cost
	for _, events := range h {
		for _, event := range events {
			c.events++
			c.bytes += event.Size()
			switch event.GetEventType() {
			case enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
				c.tasks++
			case enumspb.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
				c.activities++
			}
		}
	}
	return c
}

// initialized is what the history of an initialize-environment says: the graph
// that it walked, and how long that took by the server's clock.
type initialized struct {
	steps  []activities.Step
	layout network.Layout
	took   time.Duration
}

func (r *rig) initialized(ctx context.Context, project, environment string) (initialized, error) {
	var done initialized
	events, err := r.history(ctx, contract.InitializeWorkflowID(project, environment, 1))
	if err != nil {
		return done, err
	}
	var planned int64
	for _, event := range events {
		switch event.GetEventType() {
		case enumspb.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
			if event.GetActivityTaskScheduledEventAttributes().GetActivityType().GetName() == activities.PlanResources {
				planned = event.GetEventId()
			}
		case enumspb.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
			if a := event.GetActivityTaskCompletedEventAttributes(); planned != 0 && a.GetScheduledEventId() == planned {
				var resources activities.Resources
				if err := decode(a.GetResult(), &resources); err != nil {
					return done, err
				}
				done.steps, done.layout = resources.Steps, resources.Layout
			}
		}
	}
	if len(done.steps) == 0 {
		return done, errors.New("the history of initialising holds no resource graph")
	}
	last := events[len(events)-1]
	if last.GetEventType() != enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED {
		return done, fmt.Errorf("initialising %s of %s has not completed: %s", environment, project, last.GetEventType())
	}
	done.took = last.GetEventTime().AsTime().Sub(events[0].GetEventTime().AsTime())
	return done, nil
}

func decode(p *commonpb.Payloads, into any) error {
	return converter.GetDefaultDataConverter().FromPayloads(p, into)
}
