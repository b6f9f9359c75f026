package workflows

import (
	"fmt"
	"strings"

	"go.temporal.io/sdk/workflow"

	"github.com/aineko-dev/environments/activities"
	"github.com/aineko-dev/environments/internal/contract"
)

// takeSlot asks the project for a slot, and with it for the environment's id
// (C6). Where an earlier workflow of the same life is gone, what it left is
// found by its tags.
func (e *environment) takeSlot(ctx workflow.Context) (bool, error) {
	e.show(ctx)
	var frame activities.Frame
	if err := workflow.ExecuteActivity(quickContext(ctx, "read the worker's settings and account"), activities.ReadSettings).Get(ctx, &frame); err != nil {
		return false, err
	}
	ask := activities.TakeSlotInput{Project: e.Project, TaskQueue: e.taskQueue}
	ask.Environment, ask.Run = e.Environment, workflow.GetInfo(ctx).WorkflowExecution.RunID
	ask.Account, ask.Region, ask.Endpoint, ask.Limit = frame.Account.ID, frame.Account.Region, frame.Account.Endpoint, frame.Settings.EnvironmentLimit
	var answer contract.TakeSlotAnswer
	for {
		// Only a commit that lists the environment makes a new one (C2, C3).
		ask.Held = !e.wanted
		if err := workflow.ExecuteActivity(quickContext(ctx, "ask "+contract.ProjectWorkflowID(e.Project)+" for a slot"), activities.TakeSlot, ask).Get(ctx, &answer); err != nil {
			return false, err
		}
		if answer.Granted || !ask.Held || !e.wanted {
			break
		}
		// Such a commit came in while the project was asked.
	}
	if !answer.Granted {
		reason := "no such environment exists, and no commit asks for it"
		if e.wanted {
			reason = fmt.Sprintf("all %d environments of %s are taken: %s. Delete one to make room", answer.Limit, e.Project, strings.Join(answer.Holders, ", "))
		}
		outcome := e.verdict(contract.Commit{Branch: e.Environment}, contract.OutcomeRefused, reason)
		e.noSlot = &outcome
		workflow.GetLogger(ctx).Warn("no slot", "reason", outcome.Reason)
		return false, nil
	}
	e.Settings = frame.Settings
	e.Incarnation = answer.Slot.Incarnation
	e.Account = activities.AccountOf(answer.Slot)
	id := answer.Slot.EnvironmentID
	if answer.Resumed {
		target := e.target()
		target.EnvironmentID = id
		var found activities.Discovery
		if err := workflow.ExecuteActivity(ec2Context(ctx, stepTimeout, "look what exists of "+id+", by tags: an earlier workflow is gone"), activities.Discover,
			activities.BeginWorkInput{Target: target}).Get(ctx, &found); err != nil {
			return false, err
		}
		e.VPCID, e.Begun = found.VPCID, true
		e.Next = max(e.Next, found.LastDeployment+1)
		for _, p := range found.Pipelines {
			e.setPipeline(p)
		}
	}
	// From here on the handlers that waited for the slot go on.
	e.ID = id
	return true, nil
}

// awaitSlot lets an update wait until the environment has its slot, or none: a
// workflow asks for it when it starts, which takes moments. The loop begins
// after those that waited.
func (e *environment) awaitSlot(ctx workflow.Context) error {
	e.asking++
	defer func() { e.asking-- }()
	return workflow.Await(ctx, func() bool { return e.ID != "" || e.noSlot != nil })
}
