package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/aineko-dev/environments/internal/contract"
)

func (a *app) statusCommand() *cobra.Command {
	ci := readCI(a.env)
	var project, environment string
	var verify, watch bool
	c := &cobra.Command{
		Use:   "status",
		Short: "Show a project's environments: what runs, what is under way, why something is not live",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := contract.CheckProject(project); err != nil {
				return usage("--project is needed: %w", err)
			}
			if err := a.connect(c.Context()); err != nil {
				return err
			}
			for {
				s, err := a.status(c.Context(), project, environment, verify)
				if err != nil {
					return err
				}
				if a.output == "json" {
					a.json(s)
				} else {
					if watch && a.terminal {
						a.say("\x1b[H\x1b[2J")
					}
					a.showStatus(s)
				}
				if !watch {
					return nil
				}
				select {
				case <-c.Context().Done():
					return nil
				case <-time.After(2 * lookEvery):
				}
			}
		},
	}
	c.Flags().StringVar(&project, "project", ci.project, "owner/repo")
	c.Flags().StringVar(&environment, "environment", "", "only this environment")
	c.Flags().BoolVar(&verify, "verify", false, "check the isolation against the account first")
	c.Flags().BoolVar(&watch, "watch", false, "again and again, until interrupted")
	return c
}

// status joins the project's slots with its environments.
func (a *app) status(ctx context.Context, project, only string, verify bool) (contract.Status, error) {
	held, err := a.project(ctx, project)
	if errors.Is(err, errNoWorkflow) {
		return contract.Status{}, &exit{code: exitUsage, err: fmt.Errorf("project %s does not exist: create it with `starter create-project --project %s`, or push a commit", project, project)}
	}
	if err != nil {
		return contract.Status{}, &exit{code: exitUnexpected, err: err}
	}
	s := contract.Status{Project: project, Limit: held.Limit, Environments: []contract.EnvironmentStatus{}}
	for _, slot := range held.Slots {
		if only != "" && only != slot.Environment {
			continue
		}
		gone := contract.EnvironmentStatus{
			Name: slot.Environment, EnvironmentID: slot.EnvironmentID, Status: contract.StatusFailed, Reason: "its workflow is gone: the next commit takes up what exists",
			Services: []contract.ServiceStatus{}, Pipelines: []contract.PipelineStatus{}, Outcomes: []contract.Outcome{},
		}
		id := contract.EnvironmentWorkflowID(project, slot.Environment)
		running, err := a.running(ctx, id)
		if err != nil {
			return s, &exit{code: exitUnexpected, err: err}
		}
		if !running {
			s.Environments = append(s.Environments, gone)
			continue
		}
		if verify {
			if err := a.update(ctx, updateID(), id, contract.VerifyUpdate, contract.OperatorRequest{}, nil); err != nil {
				_, _ = fmt.Fprintf(a.errs, "warning: %s was not verified: %s\n", slot.Environment, contract.Clean(messageOf(err)))
			}
		}
		e, err := a.environment(ctx, project, slot.Environment)
		if err != nil {
			return s, &exit{code: exitUnexpected, err: err}
		}
		s.Environments = append(s.Environments, *e)
	}
	return s, nil
}

// messageOf is an update's refusal, without the SDK's wrapping.
func messageOf(err error) string {
	if _, message, _ := refusal(err); message != "" {
		return message
	}
	return err.Error()
}
