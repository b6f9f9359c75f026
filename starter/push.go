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
	before, err := a.before(ctx, s)
	if err != nil {
		return contract.Outcome{}, err
	}
	if !before.exists && !s.Desired.Listed {
		if before.unknown != nil {
			return contract.Outcome{}, a.failed(before.unknown)
		}
		return s.outcome(contract.OutcomeIgnored, s.ignored()), nil
	}
	started := time.Now()
	answer, outcome, err := a.send(ctx, s, before.status.Commit)
	if err != nil {
		return contract.Outcome{}, err
	}
	o := s.outcome(contract.OutcomeAccepted, "")
	if outcome != nil {
		o = *outcome
	}
	o.WorkflowID = contract.EnvironmentWorkflowID(s.Project, s.Branch)
	o.URL = a.link(o.WorkflowID)
	if outcome != nil {
		return o, nil
	}
	o.Deployment = answer.Deployment
	if noWait {
		return o, nil
	}
	w := watched{commit: s.SHA, deployment: answer.Deployment, since: started, url: o.URL}
	if before.unknown == nil {
		w.planned = expected(s.Commit, before.status)
	}
	return a.wait(ctx, o, w, timeout), nil
}

// before is what there is before a commit is sent.
type before struct {
	// exists is whether the environment does: its workflow runs, or its slot is
	// held while the workflow is gone (C6).
	exists, running bool
	status          contract.EnvironmentStatus
	project         *contract.ProjectStatus // nil where there is none, or the environment runs
	// unknown is why nobody could say; push goes on without, for the update
	// itself will tell.
	unknown error
}

// lookPatience is how long the look before sending may take: without a worker
// there is no answer, and the update has its own limit (S4).
const lookPatience = 10 * time.Second

func (a *app) before(ctx context.Context, s *sent) (before, error) {
	var b before
	var err error
	ctx, cancel := context.WithTimeout(ctx, lookPatience)
	defer cancel()
	if b.running, err = a.running(ctx, contract.EnvironmentWorkflowID(s.Project, s.Branch)); err != nil {
		return b, a.failed(err)
	}
	if b.running {
		b.exists = true
		status, err := a.environment(ctx, s.Project, s.Branch)
		if err == nil {
			b.status = *status
		}
		b.unknown = err
		return b, nil
	}
	b.project, err = a.project(ctx, s.Project)
	if err != nil {
		if !errors.Is(err, errNoWorkflow) {
			b.unknown = err
		}
		return b, nil
	}
	for _, slot := range b.project.Slots {
		b.exists = b.exists || slot.Environment == s.Branch
	}
	return b, nil
}

// send hands the commit to its environment. It returns the answer, or the
// outcome where there is nothing to wait for.
func (a *app) send(ctx context.Context, s *sent, newest string) (contract.CommitAnswer, *contract.Outcome, error) {
	var answer contract.CommitAnswer
	id := updateID()
	for compared := 1; ; compared++ {
		s.compare(ctx, newest)
		// Compared again it is another question: the server answers a repeated ID
		// as before, for ever, where the handler gave that answer.
		err := a.updateWithStart(ctx, fmt.Sprintf("%s-%d", id, compared), a.startOptions(s.Project, s.Branch), contract.EnvironmentWorkflow,
			contract.EnvironmentInput{Project: s.Project, Environment: s.Branch}, contract.CommitUpdate, s.Commit, &answer)
		if err == nil {
			return answer, nil, nil
		}
		if errors.Is(err, errNoAnswer) {
			why := errNoAnswer.Error() + "; is a worker running?"
			if ctx.Err() != nil {
				why = "interrupted before a worker answered; it may still be applied"
			}
			o := s.outcome(contract.OutcomePending, "")
			o.Reason = why + " Push again, or look with:\n  " + a.comeBack(o)
			return answer, &o, nil
		}
		kind, message, told := refusal(err)
		switch kind {
		case contract.ErrCompareAgain:
			var application *sdk.ApplicationError
			if errors.As(err, &application) && application.Details(&newest) == nil {
				continue
			}
		case contract.ErrInvalid:
			return answer, nil, &exit{code: exitUsage, err: errors.New(message)}
		case contract.ErrSuperseded, contract.ErrRefused, contract.ErrBusy:
			o := s.outcome(contract.OutcomeRefused, message)
			if kind == contract.ErrSuperseded {
				o.Outcome = contract.OutcomeSuperseded
			}
			if told != nil {
				o.Outcome = told.Outcome
			}
			return answer, &o, nil
		}
		return answer, nil, a.failed(err)
	}
}

func (s *sent) ignored() string {
	reason := fmt.Sprintf("branch %s is no key under environments (%s), and no such environment exists", s.Branch, strings.Join(s.Desired.Environments, ", "))
	if meant := contract.NearMiss(s.Branch, s.Desired.Environments); meant != "" {
		reason += fmt.Sprintf("; did you mean %s?", meant)
	}
	return reason
}

// finish shows the outcome and ends with its code (S4).
func (a *app) finish(o contract.Outcome) error {
	if a.output == "json" {
		a.json(o)
	} else {
		a.showOutcome(o)
	}
	a.stepSummary(outcomeMarkdown(o))
	code := map[string]int{
		contract.OutcomeRefused: exitRefused, contract.OutcomeFailed: exitFailed, contract.OutcomePending: exitPending,
	}[o.Outcome]
	if code == exitOK {
		return nil
	}
	return &exit{code: code, err: errors.New(o.Outcome), quiet: true}
}
