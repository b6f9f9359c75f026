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
	if workflow.GetInfo(ctx).GetCurrentHistoryLength() > busyEvents {
		return temporal.NewApplicationError("much has happened since the work under way began; send the commit again when it has ended", contract.ErrBusy)
	}
	return e.admit(ctx, c)
}

// handleCommit records a commit and returns at once. It looks again at what
// the validator saw: another commit may have been accepted in between.
func (e *environment) handleCommit(ctx workflow.Context, c contract.Commit) (contract.CommitAnswer, error) {
	e.handled++
	if answer, known := e.answeredBefore(ctx); known {
		return answer, nil
	}
	e.asking++
	defer func() { e.asking-- }()
	// A new environment asks for its slot first; that takes moments.
	if err := workflow.Await(ctx, func() bool { return e.ID != "" || e.noSlot != nil }); err != nil {
		return contract.CommitAnswer{}, err
	}
	if e.noSlot != nil {
		outcome := *e.noSlot
		outcome.Commit, outcome.Warnings = c.SHA, c.Warnings
		return contract.CommitAnswer{}, temporal.NewApplicationError(outcome.Reason, contract.ErrRefused, outcome)
	}
	if err := e.admit(ctx, c); err != nil {
		return contract.CommitAnswer{}, err
	}
	answer := e.accept(ctx, c)
	e.remember(ctx, answer)
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
		return contract.CommitAnswer{Deployment: e.deploymentID(e.Waiting), Joined: true}
	}
	if same && e.Waiting == nil && e.current != nil && e.current.Commit != nil {
		return contract.CommitAnswer{Deployment: e.deploymentID(e.current), Joined: true}
	}
	e.Newest = &c
	return e.queue(ctx, e.newWork(ctx, &c, ""))
}

// queue lets a piece of work wait; an older one that waited is superseded.
func (e *environment) queue(ctx workflow.Context, w *work) contract.CommitAnswer {
	if old := e.Waiting; old != nil && old.Commit != nil {
		outcome := e.outcome(old, contract.OutcomeSuperseded)
		outcome.Reason = "superseded by " + w.Commit.SHA + ", which arrived while this commit waited"
		outcome.Ended = workflow.Now(ctx)
		e.record(outcome)
	}
	e.Waiting = w
	return contract.CommitAnswer{Deployment: e.deploymentID(w)}
}

// holdsOrAwaitsPipelines is whether there is something to lose for a commit
// that does not list the environment (C4).
func (e *environment) holdsOrAwaitsPipelines() bool {
	return e.holdsPipelines() || (e.Newest != nil && len(e.Newest.Desired.Pipelines) > 0)
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
			return a.Answer, true
		}
	}
	return contract.CommitAnswer{}, false
}

func (e *environment) remember(ctx workflow.Context, answer contract.CommitAnswer) {
	if info := workflow.GetCurrentUpdateInfo(ctx); info != nil {
		e.Answered = append(e.Answered, answered{UpdateID: info.ID, Answer: answer})
	}
	if surplus := len(e.Answered) - maxAnswered; surplus > 0 {
		e.Answered = e.Answered[surplus:]
	}
}

// validateRetry refuses a retry where there is nothing to try.
func (e *environment) validateRetry(_ workflow.Context, r contract.OperatorRequest) error {
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
	if err := workflow.Await(ctx, func() bool { return e.ID != "" || e.noSlot != nil }); err != nil {
		return contract.CommitAnswer{}, err
	}
	if e.noSlot != nil {
		return contract.CommitAnswer{}, temporal.NewApplicationError(e.noSlot.Reason, contract.ErrRefused)
	}
	if err := e.validateRetry(ctx, r); err != nil {
		return contract.CommitAnswer{}, err
	}
	answer := contract.CommitAnswer{Joined: true}
	switch {
	case e.Waiting != nil:
		answer.Deployment = e.deploymentID(e.Waiting)
	case e.current != nil:
		answer.Deployment = e.deploymentID(e.current)
	default:
		answer = e.queue(ctx, e.newWork(ctx, e.Newest, strings.TrimSpace("retry "+claim(r))))
	}
	e.remember(ctx, answer)
	return answer, nil
}
