package activities

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/aineko-dev/environments/internal/awsec2"
	"github.com/aineko-dev/environments/internal/contract"
)

// ReadSettings returns the worker's settings, and where its EC2 calls go (A11, A10).
func (a *Activities) ReadSettings(context.Context) (Frame, error) {
	return Frame{Settings: a.Settings, Account: a.Account}, nil
}

// TakeSlot asks the project for a slot, and starts the project where it is new.
func (a *Activities) TakeSlot(ctx context.Context, in TakeSlotInput) (contract.TakeSlotAnswer, error) {
	var answer contract.TakeSlotAnswer
	if in.Held {
		// A project that never was holds none, and is not made by this question.
		_, err := a.Temporal.DescribeWorkflowExecution(ctx, contract.ProjectWorkflowID(in.Project), "")
		var none *serviceerror.NotFound
		if errors.As(err, &none) {
			return answer, nil
		}
		if err != nil {
			return answer, fmt.Errorf("looking for project %s: %w", in.Project, err)
		}
	}
	start := a.Temporal.NewWithStartWorkflowOperation(client.StartWorkflowOptions{
		ID:                       contract.ProjectWorkflowID(in.Project),
		TaskQueue:                in.TaskQueue,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		StaticSummary:            contract.ProjectSummary(in.Project),
		StaticDetails:            contract.ProjectDetails(in.Project),
		TypedSearchAttributes:    searchAttributes(in.Project, ""),
	}, contract.ProjectWorkflow, contract.ProjectInput{Project: in.Project})
	update, err := a.Temporal.UpdateWithStartWorkflow(ctx, client.UpdateWithStartWorkflowOptions{
		StartWorkflowOperation: start,
		UpdateOptions: client.UpdateWorkflowOptions{
			UpdateName:   contract.TakeSlotUpdate,
			Args:         []any{in.TakeSlotRequest},
			WaitForStage: client.WorkflowUpdateStageCompleted,
		},
	})
	if err != nil {
		return answer, fmt.Errorf("asking project %s for a slot: %w", in.Project, err)
	}
	return answer, update.Get(ctx, &answer)
}

// FreeSlot gives a slot back. A project that is gone holds none.
func (a *Activities) FreeSlot(ctx context.Context, in FreeSlotInput) error {
	update, err := a.Temporal.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID:   contract.ProjectWorkflowID(in.Project),
		UpdateName:   contract.FreeSlotUpdate,
		Args:         []any{in.FreeSlotRequest},
		WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	var gone *serviceerror.NotFound
	if errors.As(err, &gone) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("giving slot %s of %s back: %w", in.EnvironmentID, in.Project, err)
	}
	return update.Get(ctx, nil)
}

// StartEnvironment starts an environment's workflow, unless one runs.
func (a *Activities) StartEnvironment(ctx context.Context, in StartEnvironmentInput) error {
	_, err := a.Temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID:                       contract.EnvironmentWorkflowID(in.Project, in.Environment),
		TaskQueue:                in.TaskQueue,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		StaticSummary:            contract.EnvironmentSummary(in.Project, in.Environment),
		StaticDetails:            contract.EnvironmentDetails(in.Project, in.Environment),
		TypedSearchAttributes:    searchAttributes(in.Project, in.Environment),
	}, contract.EnvironmentWorkflow, contract.EnvironmentInput{Project: in.Project, Environment: in.Environment})
	return err
}

// InspectSlot finds out whether anything stands behind a slot: a workflow that
// runs, or a resource. In doubt, and on a worker elsewhere, it is held.
func (a *Activities) InspectSlot(ctx context.Context, in InspectSlotInput) (SlotInspection, error) {
	running, err := a.runs(ctx, contract.EnvironmentWorkflowID(in.Project, in.Slot.Environment))
	if err != nil {
		return SlotInspection{}, err
	}
	if running {
		return SlotInspection{Why: "its workflow runs"}, nil
	}
	target := Target{Account: AccountOf(in.Slot), Identity: awsec2.Identity{
		Installation: in.Installation, Project: in.Project, Environment: in.Slot.Environment, EnvironmentID: in.Slot.EnvironmentID,
	}}
	return on(ctx, a, target, func(ctx context.Context, _ awsec2.Beat) (SlotInspection, error) {
		found, err := a.network(a.Settings).Find(ctx, target.Identity, nil)
		if err != nil {
			return SlotInspection{}, err
		}
		if len(found) > 0 {
			return SlotInspection{Why: fmt.Sprintf("%d resources exist, %s among them", len(found), found[0].ID)}, nil
		}
		return SlotInspection{Empty: true, Why: "neither workflow nor resource"}, nil
	})
}

// runs is whether a workflow with the ID runs.
func (a *Activities) runs(ctx context.Context, id string) (bool, error) {
	description, err := a.Temporal.DescribeWorkflowExecution(ctx, id, "")
	var gone *serviceerror.NotFound
	if errors.As(err, &gone) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("looking for workflow %s: %w", id, err)
	}
	return description.GetWorkflowExecutionInfo().GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, nil
}

// RecoverSlots finds the environments of a project whose own workflow is gone:
// by their workflows that run, and by their VPCs.
func (a *Activities) RecoverSlots(ctx context.Context, in RecoverSlotsInput) ([]contract.Slot, error) {
	target := Target{Account: a.Account}
	return on(ctx, a, target, func(ctx context.Context, _ awsec2.Beat) ([]contract.Slot, error) {
		slots, err := a.runningEnvironments(ctx, in.Project)
		if err != nil {
			return nil, err
		}
		owned, err := a.network(a.Settings).Environments(ctx, in.Installation, in.Project)
		if err != nil {
			return nil, err
		}
		for _, id := range owned {
			if slices.ContainsFunc(slots, func(s contract.Slot) bool {
				return s.EnvironmentID == id.EnvironmentID || s.Environment == id.Environment
			}) {
				continue
			}
			slots = append(slots, contract.Slot{
				Environment: id.Environment, EnvironmentID: id.EnvironmentID, Since: time.Now().UTC(),
				Account: a.Account.ID, Region: a.Account.Region, Endpoint: a.Account.Endpoint, Incarnation: int(time.Now().Unix()),
			})
		}
		slices.SortFunc(slots, func(x, y contract.Slot) int { return strings.Compare(x.Environment, y.Environment) })
		return slots, nil
	})
}

// runningEnvironments asks the environments of a project that run for their ids.
func (a *Activities) runningEnvironments(ctx context.Context, project string) ([]contract.Slot, error) {
	var slots []contract.Slot
	list := &workflowservice.ListWorkflowExecutionsRequest{
		Query: fmt.Sprintf("WorkflowType = '%s' AND ExecutionStatus = 'Running' AND %s = '%s'",
			contract.EnvironmentWorkflow, contract.ProjectAttribute, project),
	}
	for {
		page, err := a.Temporal.ListWorkflow(ctx, list)
		if err != nil {
			return nil, fmt.Errorf("listing the environments of %s: %w", project, err)
		}
		for _, execution := range page.GetExecutions() {
			answer, err := a.Temporal.QueryWorkflow(ctx, execution.GetExecution().GetWorkflowId(), "", contract.StatusQuery)
			if err != nil {
				return nil, fmt.Errorf("asking %s for its id: %w", execution.GetExecution().GetWorkflowId(), err)
			}
			var status contract.EnvironmentStatus
			if err := answer.Get(&status); err != nil {
				return nil, err
			}
			if status.EnvironmentID == "" {
				continue // it asks for its slot just now
			}
			slots = append(slots, contract.Slot{
				Environment: status.Name, EnvironmentID: status.EnvironmentID, Since: execution.GetStartTime().AsTime(),
				Account: status.Account, Region: status.Region, Endpoint: status.Endpoint, Incarnation: int(time.Now().Unix()),
			})
		}
		if len(page.GetNextPageToken()) == 0 {
			return slots, nil
		}
		list.NextPageToken = page.GetNextPageToken()
	}
}

func searchAttributes(project, environment string) temporal.SearchAttributes {
	set := []temporal.SearchAttributeUpdate{temporal.NewSearchAttributeKeyKeyword(contract.ProjectAttribute).ValueSet(project)}
	if environment != "" {
		set = append(set, temporal.NewSearchAttributeKeyKeyword(contract.EnvironmentAttribute).ValueSet(environment))
	}
	return temporal.NewSearchAttributes(set...)
}
