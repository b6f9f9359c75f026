package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/aineko-dev/environments/internal/contract"
)

func (a *app) createCommand() *cobra.Command {
	var project string
	c := &cobra.Command{
		Use:   "create-project",
		Short: "Create a project with its environments develop and production",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := contract.CheckProject(project); err != nil {
				return usage("--project is needed: %w", err)
			}
			if err := a.connect(c.Context()); err != nil {
				return err
			}
			err := a.updateWithStart(c.Context(), updateID(), a.startOptions(project, ""), contract.ProjectWorkflow,
				contract.ProjectInput{Project: project}, contract.CreateProjectUpdate, nil, nil)
			if err != nil {
				return a.operatorError(err)
			}
			s, err := a.status(c.Context(), project, "", false)
			if err != nil {
				return err
			}
			if a.output == "json" {
				a.json(s)
			} else {
				for _, line := range a.statusLines(s, time.Now()) {
					a.say("%s", line)
				}
			}
			return nil
		},
	}
	c.Flags().StringVar(&project, "project", readCI(a.env).project, "owner/repo")
	return c
}

// operatorFlags are those of what an operator does to an environment.
type operatorFlags struct {
	project, environment string
	contract.OperatorRequest
}

func (a *app) operatorCommand(use, short string, do func(c *cobra.Command, f operatorFlags) error) *cobra.Command {
	var f operatorFlags
	c := &cobra.Command{
		Use: use, Short: short, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := errors.Join(contract.CheckProject(f.project), contract.CheckEnvironment(f.environment)); err != nil {
				return usage("--project and --environment are needed: %w", err)
			}
			if err := a.connect(c.Context()); err != nil {
				return err
			}
			return do(c, f)
		},
	}
	c.Flags().StringVar(&f.project, "project", readCI(a.env).project, "owner/repo")
	c.Flags().StringVar(&f.environment, "environment", "", "the environment")
	a.completeEnvironments(c)
	c.Flags().StringVar(&f.RequestedBy, "requested-by", first(a.env("GITHUB_ACTOR"), a.env("GITLAB_USER_LOGIN"), a.env("USER")), "who asks; shown as a claim")
	c.Flags().StringVar(&f.Reason, "reason", "", "why; shown beside it")
	return c
}

// operatorError gives an update's error its exit code.
func (a *app) operatorError(err error) error {
	kind, message, _ := refusal(err)
	switch {
	case errors.Is(err, errNoWorkflow):
		return &exit{code: exitRefused, err: errors.New("there is no such environment")}
	case errors.Is(err, errNoAnswer):
		return &exit{code: exitPending, err: err}
	case kind == contract.ErrInvalid:
		return &exit{code: exitUsage, err: errors.New(message)}
	case kind != "":
		return &exit{code: exitRefused, err: errors.New(message)}
	}
	return a.failed(err)
}

func (a *app) deleteCommand() *cobra.Command {
	return a.operatorCommand("delete-environment", "Delete an environment, after a grace period; refused while pipelines run", func(c *cobra.Command, f operatorFlags) error {
		var d contract.Deletion
		if err := a.delete(c.Context(), f, &d); err != nil {
			return a.operatorError(err)
		}
		if a.output == "json" {
			a.json(d)
			return nil
		}
		a.say("%s is to be deleted: tearing down begins %s", f.environment, d.At.Format(time.RFC3339))
		a.say("until then: starter cancel-deletion --project %s --environment %s", f.project, f.environment)
		return nil
	})
}

// delete asks the environment to be deleted. Where its workflow is gone while
// its slot is held, another is started for it, which finds what there is (C6).
func (a *app) delete(ctx context.Context, f operatorFlags, d *contract.Deletion) error {
	id, update := contract.EnvironmentWorkflowID(f.project, f.environment), updateID()
	err := a.update(ctx, update, id, contract.DeleteEnvironmentUpdate, f.OperatorRequest, d)
	if !errors.Is(err, errNoWorkflow) {
		return err
	}
	project, projectErr := a.project(ctx, f.project)
	if projectErr != nil {
		return projectErr
	}
	if !slices.ContainsFunc(project.Slots, func(s contract.Slot) bool { return s.Environment == f.environment }) {
		return err
	}
	return a.updateWithStart(ctx, update, a.startOptions(f.project, f.environment), contract.EnvironmentWorkflow,
		contract.EnvironmentInput{Project: f.project, Environment: f.environment}, contract.DeleteEnvironmentUpdate, f.OperatorRequest, d)
}

func (a *app) cancelCommand() *cobra.Command {
	return a.operatorCommand("cancel-deletion", "Cancel a deletion during its grace period", func(c *cobra.Command, f operatorFlags) error {
		var d contract.Deletion
		if err := a.update(c.Context(), updateID(), contract.EnvironmentWorkflowID(f.project, f.environment), contract.CancelDeletionUpdate, f.OperatorRequest, &d); err != nil {
			return a.operatorError(err)
		}
		if a.output == "json" {
			a.json(d)
			return nil
		}
		a.say("the deletion of %s is cancelled, and nothing is lost", f.environment)
		return nil
	})
}

func (a *app) retryCommand() *cobra.Command {
	var noWait bool
	var timeout time.Duration
	c := a.operatorCommand("retry", "Try the newest accepted commit again, or initialising", func(c *cobra.Command, f operatorFlags) error {
		var answer contract.CommitAnswer
		id := contract.EnvironmentWorkflowID(f.project, f.environment)
		if err := a.update(c.Context(), updateID(), id, contract.RetryUpdate, f.OperatorRequest, &answer); err != nil {
			return a.operatorError(err)
		}
		o := contract.Outcome{Project: f.project, Environment: f.environment, Branch: f.environment, Outcome: contract.OutcomeAccepted,
			Deployment: answer.Deployment, WorkflowID: id, Pipelines: []contract.PipelineResult{}, Warnings: []string{}}
		if s, err := a.environment(c.Context(), f.project, f.environment); err == nil {
			o.Commit = s.Commit
		}
		o.URL = a.link(id)
		if !noWait && o.Commit != "" {
			o = a.wait(c.Context(), o, watched{commit: o.Commit, deployment: o.Deployment, since: time.Now(), url: o.URL}, timeout)
		}
		return a.finish(o)
	})
	c.Flags().BoolVar(&noWait, "no-wait", false, "end when it is accepted")
	c.Flags().DurationVar(&timeout, "timeout", 2*time.Hour, "how long to wait for the outcome")
	return c
}

func (a *app) reconcileCommand() *cobra.Command {
	return a.operatorCommand("reconcile", "Compare the account with the desired state now, and repair", func(c *cobra.Command, f operatorFlags) error {
		var answer contract.CommitAnswer
		if err := a.update(c.Context(), updateID(), contract.EnvironmentWorkflowID(f.project, f.environment), contract.ReconcileUpdate, f.OperatorRequest, &answer); err != nil {
			return a.operatorError(err)
		}
		if a.output == "json" {
			a.json(answer)
			return nil
		}
		if answer.Deployment == "" {
			a.say("nothing to repair in %s", f.environment)
			return nil
		}
		a.say("%s repairs; see it with: %s --environment %s", answer.Deployment, fmt.Sprintf("starter status --project %s", f.project), f.environment)
		return nil
	})
}
