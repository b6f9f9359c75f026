package workflows

import (
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/aineko-dev/environments/internal/contract"
)

// validateCommit rejects what need not enter the history.
func (e *environment) validateCommit(ctx workflow.Context, c contract.Commit) error {
	if _, known := e.answeredBefore(ctx); known {
		return nil
	}
	if c.Project != e.Project || c.Branch != e.Environment {
		return temporal.NewApplicationError(fmt.Sprintf("a commit of %s on %s was sent to environment %s of %s",
			contract.Clip(c.Project, 100), contract.Clip(c.Branch, 100), e.Environment, e.Project), contract.ErrInvalid)
	}
	if err := c.Check(); err != nil {
		return temporal.NewApplicationError(err.Error(), contract.ErrInvalid)
	}
	if e.noSlot != nil {
		// This run ends; a new one asks for a slot again.
		return temporal.NewApplicationError("the environment got no slot just now; send the commit again", contract.ErrBusy)
	}
	return e.unlessBusy(ctx, e.admit(ctx, c))
}

// handleCommit records a commit and returns at once. It looks again at what
// the validator saw: another commit may have been accepted in between.
func (e *environment) handleCommit(ctx workflow.Context, c contract.Commit) (contract.CommitAnswer, error) {
	e.handled++
	if answer, known := e.answeredBefore(ctx); known {
		return answer, nil
	}
	e.wanted = e.wanted || c.Desired.Listed
	if err := e.awaitSlot(ctx); err != nil {
		return contract.CommitAnswer{}, err
	}
	if e.noSlot != nil {
		outcome := *e.noSlot
		outcome.Commit, outcome.Warnings = c.SHA, c.Warnings
		if !c.Desired.Listed {
			outcome = e.verdict(c, contract.OutcomeIgnored, ignored(c))
		}
		return contract.CommitAnswer{}, temporal.NewApplicationError(outcome.Reason, contract.ErrRefused, outcome)
	}
	if err := e.admit(ctx, c); err != nil {
		return contract.CommitAnswer{}, err
	}
	answer := e.accept(ctx, c)
	e.describe(ctx, e.status())
	return answer, nil
}

// admit says whether a commit may be accepted as things stand now.
func (e *environment) admit(ctx workflow.Context, c contract.Commit) error {
	refuse := func(reason string) error {
		return temporal.NewApplicationError(reason, contract.ErrRefused, e.verdict(c, contract.OutcomeRefused, reason))
	}
	if reason := e.deletionInTheWay(); reason != "" {
		return refuse(reason)
	}
	if err := e.order(ctx, c); err != nil {
		return err
	}
	if e.Settings.Limits.Pipelines > 0 {
		if err := c.Desired.CheckLimits(e.Settings.Limits); err != nil {
			return temporal.NewApplicationError(err.Error(), contract.ErrInvalid)
		}
	}
	if !c.Desired.Listed && !c.AllowDestroy && e.holdsOrAwaitsPipelines() {
		if meant := contract.NearMiss(e.Environment, c.Desired.Environments); meant != "" {
			return refuse(fmt.Sprintf("deploy.yml lists %q, but not %q: all pipelines of %s would be destroyed. If %q was meant, mend the key; if not, push with --allow-destroy",
				meant, e.Environment, e.Environment, e.Environment))
		}
	}
	return nil
}

// order is C8: whether a commit is newer than the newest accepted one.
func (e *environment) order(ctx workflow.Context, c contract.Commit) error {
	if e.Newest == nil || c.AllowRollback || c.SHA == e.Newest.SHA {
		return nil
	}
	if c.Evidence.ComparedWith != e.Newest.SHA {
		return temporal.NewApplicationError("another commit was accepted meanwhile; compare with it", contract.ErrCompareAgain, e.Newest.SHA)
	}
	superseded := func(evidence, detail string) error {
		reason := fmt.Sprintf("superseded by %s, by %s%s", e.Newest.SHA, evidence, detail)
		return temporal.NewApplicationError(reason, contract.ErrSuperseded, e.verdict(c, contract.OutcomeSuperseded, reason))
	}
	switch {
	case c.Evidence.Kind != "" && c.Evidence.Newer:
		return nil
	case c.Evidence.Kind == contract.EvidenceOrigin:
		return superseded(c.Evidence.Kind, ": the branch points there")
	case c.Evidence.Kind == contract.EvidenceDescent:
		return superseded(c.Evidence.Kind, ": this commit is its ancestor")
	}
	// Commit time, capped at arrival; equal or unknown, the later arrival is newer.
	at := commitTime(ctx, c)
	if !c.CommittedAt.IsZero() && !e.Newest.CommittedAt.IsZero() && at.Before(e.Newest.CommittedAt) {
		return superseded(contract.EvidenceTime, fmt.Sprintf(": %s is earlier than %s", at.Format(time.RFC3339), e.Newest.CommittedAt.Format(time.RFC3339)))
	}
	return nil
}

// commitTime is the commit's time, capped at arrival (C8).
func commitTime(ctx workflow.Context, c contract.Commit) time.Time {
	if now := workflow.Now(ctx); c.CommittedAt.After(now) {
		return now.UTC()
	}
	return c.CommittedAt.UTC()
}

// accept makes a commit the newest. It joins an equal one under way, or waits
// in the place of one that waited (C7).
func (e *environment) accept(ctx workflow.Context, c contract.Commit) contract.CommitAnswer {
	if !c.CommittedAt.IsZero() {
		c.CommittedAt = commitTime(ctx, c)
	}
	same := e.Newest != nil && e.Newest.SHA == c.SHA && e.Newest.FileDigest == c.FileDigest
	if same && e.Waiting != nil && e.Waiting.Commit != nil {
		return e.remember(ctx, e.Waiting, true)
	}
	// Repairs touch only what differs; a commit is planned afresh after them.
	if same && e.Waiting == nil && e.current != nil && e.current.Commit != nil && e.current.Only == nil {
		return e.remember(ctx, e.current, true)
	}
	e.Newest = &c
	w := e.newWork(ctx, &c, "")
	e.queue(ctx, w)
	return e.remember(ctx, w, false)
}

// queue lets a piece of work wait; an older one that waited is superseded.
func (e *environment) queue(ctx workflow.Context, w *work) {
	if old := e.Waiting; old != nil && old.Commit != nil {
		outcome := e.outcome(old, contract.OutcomeSuperseded)
		outcome.Reason = "superseded by " + w.Commit.SHA + ", which arrived while this commit waited"
		outcome.Ended = workflow.Now(ctx)
		e.record(outcome)
	}
	e.Waiting = w
}

// holdsOrAwaitsPipelines is whether there is something to lose for a commit
// that does not list the environment (C4).
func (e *environment) holdsOrAwaitsPipelines() bool {
	return e.holdsPipelines() || (e.Newest != nil && len(e.Newest.Desired.Pipelines) > 0)
}

// ignored is why a commit that does not list the environment concerns none (C2).
func ignored(c contract.Commit) string {
	return fmt.Sprintf("branch %s is no key under environments (%s), and no such environment exists", c.Branch, strings.Join(c.Desired.Environments, ", "))
}

// verdict is the outcome of a commit that is not accepted.
func (e *environment) verdict(c contract.Commit, outcome, reason string) contract.Outcome {
	return contract.Outcome{
		Project: e.Project, Environment: e.Environment, Branch: c.Branch, Commit: c.SHA,
		Outcome: outcome, Reason: reason, WorkflowID: contract.EnvironmentWorkflowID(e.Project, e.Environment),
		Pipelines: []contract.PipelineResult{}, Warnings: c.Warnings,
	}
}

func (e *environment) answeredBefore(ctx workflow.Context) (contract.CommitAnswer, bool) {
	info := workflow.GetCurrentUpdateInfo(ctx)
	if info == nil {
		return contract.CommitAnswer{}, false
	}
	for _, a := range e.Answered {
		if a.UpdateID == info.ID {
			return contract.CommitAnswer{Deployment: contract.DeploymentID(e.ID, a.N), Joined: a.Joined}, true
		}
	}
	return contract.CommitAnswer{}, false
}

// remember keeps what this update is answered: that it waits in w, or joined it.
func (e *environment) remember(ctx workflow.Context, w *work, joined bool) contract.CommitAnswer {
	e.Answered = append(e.Answered, answered{UpdateID: workflow.GetCurrentUpdateInfo(ctx).ID, N: w.N, Joined: joined})
	if surplus := len(e.Answered) - maxAnswered; surplus > 0 {
		e.Answered = e.Answered[surplus:]
	}
	return contract.CommitAnswer{Deployment: e.deploymentID(w), Joined: joined}
}

// validateRetry refuses a retry where there is nothing to try.
func (e *environment) validateRetry(ctx workflow.Context, r contract.OperatorRequest) error {
	return e.unlessBusy(ctx, e.mayRetry(r))
}

func (e *environment) mayRetry(r contract.OperatorRequest) error {
	if err := checkRequest(r); err != nil {
		return err
	}
	reason := e.deletionInTheWay()
	if reason == "" && e.Newest == nil && e.Initialized {
		reason = "no commit was accepted yet: there is nothing to retry"
	}
	if reason != "" {
		return temporal.NewApplicationError(reason, contract.ErrRefused)
	}
	return nil
}

// handleRetry tries the newest accepted commit again (C13).
func (e *environment) handleRetry(ctx workflow.Context, r contract.OperatorRequest) (contract.CommitAnswer, error) {
	e.handled++
	if answer, known := e.answeredBefore(ctx); known {
		return answer, nil
	}
	if err := e.awaitSlot(ctx); err != nil {
		return contract.CommitAnswer{}, err
	}
	if e.noSlot != nil {
		return contract.CommitAnswer{}, temporal.NewApplicationError(e.noSlot.Reason, contract.ErrRefused)
	}
	if err := e.mayRetry(r); err != nil {
		return contract.CommitAnswer{}, err
	}
	e.note(ctx, e.byUpdate(ctx, r), accepted)
	switch {
	case e.Waiting != nil:
		return e.remember(ctx, e.Waiting, true), nil
	case e.current != nil && e.current.Only == nil:
		return e.remember(ctx, e.current, true), nil
	}
	w := e.newWork(ctx, e.Newest, strings.TrimSpace("retry "+claim(r)))
	e.queue(ctx, w)
	return e.remember(ctx, w, false), nil
}
