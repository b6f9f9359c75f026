package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	sdk "go.temporal.io/sdk/temporal"

	"github.com/aineko-dev/environments/internal/contract"
)

func (a *app) pushCommand() *cobra.Command {
	ci := readCI(a.env)
	var f commitFlags
	var noWait bool
	var timeout time.Duration
	c := &cobra.Command{
		Use:   "push",
		Short: "Bring the environment of the branch to what the commit's deploy.yml says",
		Example: `  starter push --project acme/churn --branch develop --commit HEAD --repo .
  starter push --repo . --output json          # in CI: the rest comes from its variables`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if ci.pullRequest {
				return usage("push does nothing in a pull request: its branch may be called as anything; run `starter plan` there, and push when it is merged")
			}
			s, err := a.read(f)
			if err != nil {
				return err
			}
			outcome, err := a.push(c.Context(), s, noWait, timeout)
			if err != nil {
				return err
			}
			return a.finish(outcome)
		},
	}
	f.add(c, ci)
	c.Flags().BoolVar(&noWait, "no-wait", false, "end when the commit is accepted")
	c.Flags().DurationVar(&timeout, "timeout", 2*time.Hour, "how long to wait for the outcome")
	return c
}

// push sends a commit and waits for its outcome.
func (a *app) push(ctx context.Context, s *sent, noWait bool, timeout time.Duration) (contract.Outcome, error) {
	if s.notAnEnvironment != "" {
		return s.outcome(contract.OutcomeIgnored, s.notAnEnvironment), nil
	}
	if err := a.connect(ctx); err != nil {
		return contract.Outcome{}, err
	}
	answer, outcome, err := a.send(ctx, s)
	if outcome != nil || err != nil {
		if outcome == nil {
			outcome = &contract.Outcome{}
		}
		return *outcome, err
	}
	accepted := s.outcome(contract.OutcomeAccepted, "")
	accepted.Deployment, accepted.WorkflowID = answer.Deployment, contract.EnvironmentWorkflowID(s.Project, s.Branch)
	if noWait {
		return accepted, nil
	}
	return a.wait(ctx, accepted, timeout), nil
}

// send hands the commit to its environment. It returns the answer, or the
// outcome where there is nothing to wait for.
func (a *app) send(ctx context.Context, s *sent) (contract.CommitAnswer, *contract.Outcome, error) {
	var answer contract.CommitAnswer
	id := updateID()
	exists, err := a.exists(ctx, s)
	if err != nil {
		return answer, nil, err
	}
	if !exists && !s.Desired.Listed {
		o := s.outcome(contract.OutcomeIgnored, s.ignored())
		return answer, &o, nil
	}
	newest := ""
	if running, err := a.running(ctx, contract.EnvironmentWorkflowID(s.Project, s.Branch)); err != nil {
		return answer, nil, &exit{code: exitUnexpected, err: err}
	} else if running {
		if status, err := a.environment(ctx, s.Project, s.Branch); err == nil {
			newest = status.Commit
		}
	}
	for {
		s.compare(ctx, newest)
		err := a.updateWithStart(ctx, id, a.startOptions(s.Project, s.Branch), contract.EnvironmentWorkflow,
			contract.EnvironmentInput{Project: s.Project, Environment: s.Branch}, contract.CommitUpdate, s.Commit, &answer)
		if err == nil {
			return answer, nil, nil
		}
		if errors.Is(err, errNoAnswer) {
			o := s.outcome(contract.OutcomePending, errNoAnswer.Error()+"; is a worker running? Push again, or look with `"+a.comeBack(s.Project)+"`")
			return answer, &o, nil
		}
		kind, message, outcome := refusal(err)
		switch kind {
		case contract.ErrCompareAgain:
			var application *sdk.ApplicationError
			if errors.As(err, &application) && application.Details(&newest) == nil {
				continue
			}
			return answer, nil, &exit{code: exitUnexpected, err: err}
		case contract.ErrInvalid:
			return answer, nil, &exit{code: exitUsage, err: errors.New(message)}
		case contract.ErrSuperseded, contract.ErrRefused, contract.ErrBusy:
			o := s.outcome(contract.OutcomeRefused, message)
			if kind == contract.ErrSuperseded {
				o.Outcome = contract.OutcomeSuperseded
			}
			if outcome != nil {
				o.Outcome, o.WorkflowID = outcome.Outcome, outcome.WorkflowID
			}
			return answer, &o, nil
		}
		var e *exit
		if errors.As(err, &e) {
			return answer, nil, err
		}
		return answer, nil, &exit{code: exitUnexpected, err: err}
	}
}

// exists is whether the environment does: its workflow runs, or its slot is
// held while the workflow is gone (C6).
func (a *app) exists(ctx context.Context, s *sent) (bool, error) {
	running, err := a.running(ctx, contract.EnvironmentWorkflowID(s.Project, s.Branch))
	if err != nil {
		return false, &exit{code: exitUnexpected, err: err}
	}
	if running {
		return true, nil
	}
	project, err := a.project(ctx, s.Project)
	if errors.Is(err, errNoWorkflow) {
		return false, nil
	}
	if err != nil {
		return false, &exit{code: exitUnexpected, err: err}
	}
	for _, slot := range project.Slots {
		if slot.Environment == s.Branch {
			return true, nil
		}
	}
	return false, nil
}

func (s *sent) ignored() string {
	reason := fmt.Sprintf("branch %s is no key under environments (%s), and no such environment exists", s.Branch, strings.Join(s.Desired.Environments, ", "))
	if meant := contract.NearMiss(s.Branch, s.Desired.Environments); meant != "" {
		reason += fmt.Sprintf("; did you mean %s?", meant)
	}
	return reason
}

func (a *app) comeBack(project string) string { return "starter status --project " + project }

// finish shows the outcome and ends with its code (S4).
func (a *app) finish(o contract.Outcome) error {
	if a.output == "json" {
		a.json(o)
	} else {
		a.showOutcome(o)
	}
	a.stepSummary(o)
	code := map[string]int{
		contract.OutcomeRefused: exitRefused, contract.OutcomeFailed: exitFailed, contract.OutcomePending: exitPending,
	}[o.Outcome]
	if code == exitOK {
		return nil
	}
	return &exit{code: code, err: errors.New(o.Outcome), quiet: true}
}
