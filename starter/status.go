package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/aineko-dev/environments/internal/contract"
)

// statusFlags are those of status.
type statusFlags struct {
	project, environment string
	commit, repo         string
	verify, watch        bool
	timeout              time.Duration
}

func (a *app) statusCommand() *cobra.Command {
	ci := readCI(a.env)
	var f statusFlags
	c := &cobra.Command{
		Use:   "status",
		Short: "Show a project's environments: what runs, what is under way, why a commit is not live",
		Example: `  starter status --project acme/churn --watch
  starter status --project acme/churn --environment develop --commit 2c74e92f   # why is my commit not live?`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := contract.CheckProject(f.project); err != nil {
				return usage("--project is needed: %w", err)
			}
			if f.watch && f.commit == "" && a.output == "json" {
				return usage("--watch with --output json needs --commit: one document is printed, when there is an outcome")
			}
			if err := a.connect(c.Context()); err != nil {
				return err
			}
			switch {
			case f.commit != "":
				return a.whyNotLive(c.Context(), f)
			case f.watch:
				return a.watch(c.Context(), f)
			}
			s, err := a.status(c.Context(), f.project, f.environment, f.verify)
			if err != nil {
				return err
			}
			if a.output == "json" {
				a.json(s)
				return nil
			}
			for _, line := range a.statusLines(s, time.Now()) {
				a.say("%s", line)
			}
			return nil
		},
	}
	c.Flags().StringVar(&f.project, "project", ci.project, "owner/repo")
	c.Flags().StringVar(&f.environment, "environment", "", "only this environment")
	c.Flags().StringVar(&f.commit, "commit", "", "say what became of this commit, and why it is not live; exit codes as push")
	c.Flags().StringVar(&f.repo, "repo", "", "with --commit: Git checkout, for revisions and ancestry")
	c.Flags().BoolVar(&f.verify, "verify", false, "check the isolation against the account first")
	c.Flags().BoolVar(&f.watch, "watch", false, "follow: live on a terminal, until interrupted; with --commit until its outcome")
	c.Flags().DurationVar(&f.timeout, "timeout", 2*time.Hour, "with --commit and --watch: how long")
	a.completeEnvironments(c)
	return c
}

// watch shows the status as it changes, until interrupted.
func (a *app) watch(ctx context.Context, f statusFlags) error {
	screen := screen{out: a.out, size: a.size}
	shown, lastSay := "", time.Time{}
	for {
		s, err := a.status(ctx, f.project, f.environment, f.verify)
		f.verify = false // once, for it costs a look at the whole account
		now := time.Now()
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && shown == "":
			return err
		case err != nil:
			a.warn("%s  no answer, trying again: %s", now.UTC().Format(time.TimeOnly), err)
		case a.terminal:
			shown = "drawn"
			screen.draw(append(a.statusLines(s, now), styledf("%s", a.colour(faint, now.UTC().Format(time.TimeOnly)+" UTC · Ctrl-C ends this, the work goes on"))))
		default:
			state, _ := json.Marshal(s)
			if string(state) != shown || now.Sub(lastSay) > lifeSign {
				shown, lastSay = string(state), now
				a.say("%s", now.UTC().Format(time.RFC3339))
				for _, line := range a.statusLines(s, now) {
					a.say("%s", line)
				}
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(lookEvery):
		}
	}
}

// status joins the project's slots with its environments.
func (a *app) status(ctx context.Context, project, only string, verify bool) (contract.Status, error) {
	held, err := a.project(ctx, project)
	if errors.Is(err, errNoWorkflow) {
		return contract.Status{}, &exit{code: exitUsage, err: fmt.Errorf("project %s does not exist: create it with `starter create-project --project %s`, or push a commit", project, project)}
	}
	if err != nil {
		return contract.Status{}, a.failed(err)
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
			return s, a.failed(err)
		}
		if !running {
			s.Environments = append(s.Environments, gone)
			continue
		}
		if verify {
			if err := a.update(ctx, updateID(), id, contract.VerifyUpdate, contract.OperatorRequest{}, nil); err != nil {
				a.warn("warning: %s was not verified: %s", slot.Environment, messageOf(err))
			}
		}
		e, err := a.environment(ctx, project, slot.Environment)
		if err != nil {
			return s, a.failed(err)
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
