package workflows

import (
	"slices"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/aineko-dev/environments/internal/contract"
	"github.com/aineko-dev/environments/internal/plan"
)

// listenToChildren takes in what the children say of their progress.
func (e *environment) listenToChildren(ctx workflow.Context) {
	reports := workflow.GetSignalChannelWithOptions(ctx, contract.ProgressSignal, workflow.SignalChannelOptions{
		Description: "From this environment's own child workflows; not for operators",
	})
	workflow.Go(ctx, func(ctx workflow.Context) {
		for {
			var r report
			if more := reports.Receive(ctx, &r); !more || ctx.Err() != nil {
				return
			}
			// One that comes late, from a child that has ended, finds no place.
			i := slices.IndexFunc(e.children, func(have report) bool { return have.WorkflowID == r.WorkflowID })
			if i < 0 {
				continue
			}
			e.children[i] = r
			if r.Blocked != "" && e.Deletion != nil {
				e.Deletion.Blocked = contract.Clip(r.Blocked, maxErrorSize)
			}
			for _, s := range r.Progress.Steps {
				if s.Name == "vpc" && s.State == contract.StepDone {
					e.VPCID = s.Detail
				}
			}
			e.show(ctx)
		}
	})
}

// status is the answer to the query: one element of what `starter status` prints (S3).
func (e *environment) status() contract.EnvironmentStatus {
	s := contract.EnvironmentStatus{
		Name: e.Environment, EnvironmentID: e.ID, VPCID: e.VPCID,
		Services: append([]contract.ServiceStatus{}, e.Services...), Pipelines: e.shownPipelines(),
		Deletion: e.Deletion, Requests: append([]contract.Request{}, e.Requests...), Verified: e.Verified, Outcomes: append([]contract.Outcome{}, e.Outcomes...),
		Progress: e.shownProgress(), Account: e.Account.ID, Region: e.Account.Region, Endpoint: e.Account.Endpoint,
	}
	s.Foreign = e.Foreign
	s.Status, s.Reason = e.statusAndReason()
	if e.Newest != nil {
		s.Commit, s.NewestAt, s.FileDigest = e.Newest.SHA, e.Newest.CommittedAt, e.Newest.FileDigest
	}
	if e.current != nil && e.ID != "" {
		s.Deployment, s.Plan = e.deploymentID(e.current), e.planned
		s.UnderWay = &contract.Waiting{Deployment: s.Deployment, Since: e.began, Why: e.current.Why}
		if e.current.Commit != nil {
			s.UnderWay.Commit = e.current.Commit.SHA
		}
	}
	if len(e.children) > 0 {
		s.Work = e.children[0].WorkflowID
	}
	if w := e.Waiting; w != nil && w.Commit != nil && e.ID != "" {
		s.Waiting = &contract.Waiting{Commit: w.Commit.SHA, Deployment: e.deploymentID(w), Since: w.Since, Why: w.Why}
	}
	return s
}

// statusAndReason is the first status that applies (S3).
func (e *environment) statusAndReason() (status, reason string) {
	switch {
	case e.noSlot != nil:
		return contract.StatusFailed, e.noSlot.Reason
	case e.DeletionPhase == deletionRunning || (e.Closed && e.DeletionPhase != ""):
		return contract.StatusDeleting, ""
	case e.DeletionPhase == deletionScheduled:
		return contract.StatusDeletionScheduled, ""
	case !e.Initialized && (e.InitializeError == "" || e.current != nil):
		return contract.StatusInitializing, ""
	case e.current != nil || e.Waiting != nil:
		return contract.StatusUpdating, ""
	case !e.Initialized:
		return contract.StatusFailed, e.InitializeError
	}
	if reason := e.degraded(); reason != "" {
		return contract.StatusDegraded, reason
	}
	// What was last seen still counts; but nobody has looked since.
	return contract.StatusReady, e.Unread
}

// degraded is why what runs is not what is desired; empty where it is.
func (e *environment) degraded() string {
	for _, s := range e.Services {
		if s.Status != contract.PipelineRunning {
			return "the broker is down: " + s.Error
		}
	}
	if e.Newest != nil {
		for _, c := range plan.Make(e.Newest.Code, e.Newest.Desired, e.Pipelines).Changes {
			if c.Action == contract.ActionNone {
				continue
			}
			for _, p := range e.Pipelines {
				if p.Name == c.Name && p.Error != "" {
					return "pipeline " + c.Name + ": " + p.Error
				}
			}
			return "pipeline " + c.Name + ": not as the newest commit wants it (" + c.Reason + ")"
		}
	}
	for _, p := range e.Pipelines {
		// One that runs as it should has an error where an old instance of it could not be stopped.
		if p.Status != contract.PipelineRunning || p.Error != "" {
			return "pipeline " + p.Name + ": " + p.Error
		}
	}
	if e.Verified != nil {
		for _, f := range e.Verified.Findings {
			if !f.Notice {
				return "isolation: " + f.Message
			}
		}
	}
	return ""
}

// shownPipelines is what is deployed, with what the work under way does to it.
func (e *environment) shownPipelines() []contract.PipelineStatus {
	shown := append([]contract.PipelineStatus{}, e.Pipelines...)
	for _, child := range e.children {
		for _, p := range child.Pipelines {
			i := slices.IndexFunc(shown, func(have contract.PipelineStatus) bool { return have.Name == p.Name })
			if i < 0 {
				shown = append(shown, p)
			} else if p.Status != contract.PipelineStarting {
				shown[i] = p
			}
		}
	}
	slices.SortStableFunc(shown, func(a, b contract.PipelineStatus) int { return compareNames(a.Name, b.Name) })
	return shown
}

// shownProgress joins the progress of the children under way.
func (e *environment) shownProgress() contract.Progress {
	var p contract.Progress
	for _, child := range e.children {
		p.Done += child.Progress.Done
		p.Total += child.Progress.Total
		p.Steps = append(p.Steps, child.Progress.Steps...)
		if child.Progress.Step != "" {
			p.Step = child.Progress.Step
		}
	}
	return p
}

// describe brings the Web UI's details up to date, which costs no history.
func (e *environment) describe(ctx workflow.Context, status contract.EnvironmentStatus) {
	details := page{namespace: workflow.GetInfo(ctx).Namespace, project: e.Project, status: status, now: workflow.Now(ctx)}
	for _, c := range e.children {
		details.children = append(details.children, c.WorkflowID)
	}
	workflow.SetCurrentDetails(ctx, environmentMarkdown(details))
}

// show brings the Web UI up to date: the details, and the search attributes
// where they changed.
func (e *environment) show(ctx workflow.Context) {
	status := e.status()
	e.describe(ctx, status)
	if status.Status == e.shownStatus && status.Commit == e.shownCommit {
		return
	}
	e.shownStatus, e.shownCommit = status.Status, status.Commit
	updates := []temporal.SearchAttributeUpdate{
		temporal.NewSearchAttributeKeyKeyword(contract.ProjectAttribute).ValueSet(e.Project),
		temporal.NewSearchAttributeKeyKeyword(contract.EnvironmentAttribute).ValueSet(e.Environment),
		temporal.NewSearchAttributeKeyKeyword(contract.StatusAttribute).ValueSet(status.Status),
	}
	if status.Commit != "" {
		updates = append(updates, temporal.NewSearchAttributeKeyKeyword(contract.CommitAttribute).ValueSet(status.Commit))
	}
	if err := workflow.UpsertTypedSearchAttributes(ctx, updates...); err != nil {
		workflow.GetLogger(ctx).Error("search attributes", "error", err)
	}
}
