package world

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/aineko-dev/environments/internal/contract"
)

// Commit is the n-th commit of an environment's branch, whose file lists these
// pipelines. It is newer than all with smaller numbers.
func Commit(project, environment string, n int, pipelines ...string) contract.Commit {
	sha := SHA(n)
	c := contract.Commit{
		Project: project, Branch: environment, SHA: sha, FileDigest: strings.Repeat("0", 24) + sha, Code: contract.CodeCommit + ":" + sha,
		Desired: contract.Desired{Listed: true, Environments: []string{environment}},
	}
	for _, p := range pipelines {
		c.Desired.Pipelines = append(c.Desired.Pipelines, contract.Pipeline{Pipeline: p, Source: "conf/" + p + ".yml", Machine: contract.DefaultMachine})
	}
	return c
}

// SHA is the n-th commit's.
func SHA(n int) string { return fmt.Sprintf("%040x", n) }

// Answer is what a push was told.
type Answer struct {
	contract.CommitAnswer
	// Refused is the type of the error by which it was refused; empty: accepted.
	Refused string
	Message string
	// Outcome is the one that came with the refusal.
	Outcome contract.Outcome
}

// Push sends a commit as a starter does: with an update that starts the
// workflow where none runs, compared again where another was accepted
// meanwhile (by the numbers of the SHAs), sent again with the same update ID
// where the workflow is busy or changes runs.
func (w *World) Push(ctx context.Context, updateID string, c contract.Commit) (Answer, error) {
	newest := ""
	if s, err := w.Status(ctx, c.Project, c.Branch); err == nil {
		newest = s.Commit
	}
	for compared := 1; ; compared++ {
		c.Evidence = contract.Evidence{ComparedWith: newest}
		if newest != "" && newest != c.SHA {
			c.Evidence.Kind, c.Evidence.Newer = contract.EvidenceDescent, c.SHA > newest
		}
		a, err := w.Send(ctx, fmt.Sprintf("%s-%d", updateID, compared), c)
		if err != nil || a.Refused != contract.ErrCompareAgain {
			return a, err
		}
		newest = a.Message
	}
}

// Send sends a commit with the evidence that it carries. Where it has to be
// compared again, Message is the newest accepted SHA.
func (w *World) Send(ctx context.Context, updateID string, c contract.Commit) (Answer, error) {
	start := client.StartWorkflowOptions{
		ID: contract.EnvironmentWorkflowID(c.Project, c.Branch), TaskQueue: contract.TaskQueue,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
	}
	for {
		var a Answer
		attempt, cancel := context.WithTimeout(ctx, 20*time.Second)
		handle, err := w.Client.UpdateWithStartWorkflow(attempt, client.UpdateWithStartWorkflowOptions{
			StartWorkflowOperation: w.Client.NewWithStartWorkflowOperation(start, contract.EnvironmentWorkflow,
				contract.EnvironmentInput{Project: c.Project, Environment: c.Branch}),
			UpdateOptions: client.UpdateWorkflowOptions{UpdateID: updateID, UpdateName: contract.CommitUpdate, Args: []any{c}, WaitForStage: client.WorkflowUpdateStageCompleted},
		})
		if err == nil {
			err = handle.Get(attempt, &a.CommitAnswer)
		}
		cancel()
		if err == nil {
			return a, nil
		}
		again, err := a.refuse(err)
		if !again {
			return a, err
		}
		if ctx.Err() != nil {
			return a, ctx.Err()
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// refuse takes over what an update's error says; again is whether to send it again.
func (a *Answer) refuse(err error) (again bool, _ error) {
	var application *temporal.ApplicationError
	if errors.As(err, &application) {
		a.Refused, a.Message = application.Type(), application.Message()
		switch a.Refused {
		case contract.ErrBusy:
			return true, nil
		case contract.ErrCompareAgain:
			return false, application.Details(&a.Message)
		case contract.ErrRefused, contract.ErrSuperseded:
			if application.HasDetails() {
				return false, application.Details(&a.Outcome)
			}
		}
		return false, nil
	}
	var notReady *serviceerror.WorkflowNotReady
	var gone *serviceerror.NotFound
	var timeout *client.WorkflowUpdateServiceTimeoutOrCanceledError
	if errors.As(err, &notReady) || errors.As(err, &gone) || errors.As(err, &timeout) || errors.Is(err, context.DeadlineExceeded) {
		return true, nil
	}
	return false, err
}

// Ask sends one of an operator's updates, and says how it was refused.
func (w *World) Ask(ctx context.Context, project, environment, update string, r contract.OperatorRequest, out any) (Answer, error) {
	var a Answer
	handle, err := w.Client.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID: contract.EnvironmentWorkflowID(project, environment), UpdateName: update, Args: []any{r}, WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	if err == nil {
		err = handle.Get(ctx, out)
	}
	if err != nil {
		_, err = a.refuse(err)
	}
	return a, err
}

// Outcome waits for the outcome of a deployment.
func (w *World) Outcome(ctx context.Context, project, environment, deployment string) (contract.Outcome, error) {
	for {
		s, err := w.Status(ctx, project, environment)
		if err == nil {
			for _, o := range s.Outcomes {
				if o.Deployment == deployment {
					return o, nil
				}
			}
		}
		select {
		case <-ctx.Done():
			return contract.Outcome{}, fmt.Errorf("no outcome of %s: %w", deployment, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}
