package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/aineko-dev/environments/internal/contract"
	"github.com/aineko-dev/environments/internal/plan"
)

func (a *app) planCommand() *cobra.Command {
	ci := readCI(a.env)
	if ci.pullRequest {
		ci.branch = ci.target // what merging would do
	}
	var f commitFlags
	var detailed bool
	c := &cobra.Command{
		Use:   "plan",
		Short: "Say what push would do, and change nothing",
		Long: `Say what push would do to the environment of the branch, and why; nothing is changed.

In a pull request it plans against the target branch: what merging would do.
--output markdown is for a comment there.`,
		Example: `  starter plan --project acme/churn --branch develop --commit HEAD --repo .
  starter plan --repo . --detailed-exitcode      # in CI: 10 when there are changes
  starter plan --repo . --output markdown > plan.md`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if ci.pullRequest && f.branch == "" {
				return usage("the pull request's target branch is not among the CI's variables: name it with --branch")
			}
			s, err := a.read(f)
			if err != nil {
				return err
			}
			s.pullRequest = ci.pullRequest
			if err := a.connect(c.Context()); err != nil {
				return err
			}
			outcome, changes, err := a.plan(c.Context(), s)
			if err != nil {
				return err
			}
			switch a.output {
			case "json":
				a.json(outcome)
			case "markdown":
				_, _ = fmt.Fprint(a.out, planMarkdown(outcome))
			default:
				a.showPlan(outcome)
			}
			a.stepSummary(planMarkdown(outcome))
			if outcome.Outcome == contract.OutcomeRefused {
				return &exit{code: exitRefused, err: errors.New(outcome.Outcome), quiet: true}
			}
			if detailed && changes {
				return &exit{code: exitChanges, err: errors.New("changes"), quiet: true}
			}
			return nil
		},
	}
	f.add(c, ci)
	c.Flags().BoolVar(&detailed, "detailed-exitcode", false, "end with 10 when there are changes")
	return c
}

// plan says what push would answer: `accepted` with the plan, or why nothing would happen.
func (a *app) plan(ctx context.Context, s *sent) (o contract.Outcome, changes bool, err error) {
	if s.notAnEnvironment != "" {
		return s.outcome(contract.OutcomeIgnored, s.notAnEnvironment), false, nil
	}
	before, err := a.before(ctx, s)
	if err != nil {
		return o, false, err
	}
	if before.unknown != nil {
		return o, false, a.failed(before.unknown)
	}
	status := before.status
	if !before.exists {
		if !s.Desired.Listed {
			return s.outcome(contract.OutcomeIgnored, s.ignored()), false, nil
		}
		if refused := noSlot(before.project); refused != "" {
			return s.outcome(contract.OutcomeRefused, refused), false, nil
		}
	}
	if reason := s.inTheWay(status); reason != "" {
		return s.outcome(contract.OutcomeRefused, reason), false, nil
	}
	if !s.pullRequest { // the merge will be a commit of its own, and the newest
		if reason := s.late(ctx, status); reason != "" {
			return s.outcome(contract.OutcomeSuperseded, reason), false, nil
		}
	}
	o = s.outcome(contract.OutcomeAccepted, circumstances(before, time.Now()))
	if before.exists {
		o.WorkflowID = contract.EnvironmentWorkflowID(s.Project, s.Branch)
		o.URL = a.link(o.WorkflowID)
	}
	p := plan.Make(s.Code, s.Desired, status.Pipelines)
	o.Plan = explained(p, s.SHA)
	return o, !p.Empty() || status.EnvironmentID == "", nil
}

// inTheWay is why the environment would refuse the commit (C4, X3).
func (s *sent) inTheWay(status contract.EnvironmentStatus) string {
	if status.Status == contract.StatusDeleting || status.Status == contract.StatusDeletionScheduled {
		return "the environment is " + status.Status
	}
	if !s.Desired.Listed && !s.AllowDestroy && len(status.Pipelines) > 0 {
		if meant := contract.NearMiss(s.Branch, s.Desired.Environments); meant != "" {
			return fmt.Sprintf("deploy.yml lists %q, but not %q: all pipelines would be destroyed; mend the key, or push with --allow-destroy", meant, s.Branch)
		}
	}
	return ""
}

// late is why the commit would be superseded on arrival (C8); empty where it is the newest.
func (s *sent) late(ctx context.Context, status contract.EnvironmentStatus) string {
	s.compare(ctx, status.Commit)
	e := s.Evidence
	switch {
	case s.AllowRollback, status.Commit == "", status.Commit == s.SHA, e.Kind != "" && e.Newer:
		return ""
	case e.Kind == contract.EvidenceOrigin:
		return fmt.Sprintf("superseded by %s, by origin: the branch points there. A commit is planned once it is pushed to origin; --allow-rollback plans an older one", status.Commit)
	case e.Kind == contract.EvidenceDescent:
		return fmt.Sprintf("superseded by %s, by descent: this commit is its ancestor", status.Commit)
	case !s.CommittedAt.IsZero() && s.CommittedAt.Before(status.NewestAt):
		return fmt.Sprintf("superseded by %s, by commit time: %s is earlier than %s", status.Commit, at(s.CommittedAt), at(status.NewestAt))
	}
	return ""
}

// circumstances are what else is to be known of an environment before a push.
func circumstances(b before, now time.Time) string {
	var parts []string
	switch s := b.status; {
	case !b.exists:
		parts = append(parts, "the environment does not exist yet: it is initialised first, which may take 60 to 90 minutes")
	case !b.running:
		parts = append(parts, "the environment's workflow is gone: push takes up what exists in the account, which this plan cannot see")
	case s.Status == contract.StatusInitializing:
		parts = append(parts, "the environment is being initialised; the pipelines come afterwards")
	case s.Status == contract.StatusFailed:
		parts = append(parts, "initialising has failed, and is continued first: "+oneLine(s.Reason, 200))
	}
	if u := b.status.UnderWay; u != nil && b.status.Status != contract.StatusInitializing {
		parts = append(parts, fmt.Sprintf("%s is under way for %s: the plan is made again when it has ended", u.Deployment, short(now.Sub(u.Since))))
	}
	return strings.Join(parts, "; ")
}

// explained is a plan's summary with reasons that name what a person compares:
// machines, sources, commits.
func explained(p plan.Plan, sha string) contract.PlanSummary {
	s := p.Summary()
	if s.Reasons == nil {
		s.Reasons = map[string]string{}
	}
	for _, c := range p.Changes {
		switch {
		case c.Action == contract.ActionDeploy:
			s.Reasons[c.Name] += fmt.Sprintf(": %s on %s", c.Desired.Source, c.Desired.Machine)
		case c.Action == contract.ActionUpdate && c.Current.Commit != sha:
			s.Reasons[c.Name] += fmt.Sprintf(", %s → %s", sha8(c.Current.Commit), sha8(sha))
		case c.Action == contract.ActionDestroy:
			s.Reasons[c.Name] += ", it runs at " + sha8(c.Current.Commit)
		case c.Action == contract.ActionNone:
			s.Reasons[c.Name] = "unchanged, stays at " + sha8(c.Current.Commit)
		}
	}
	return s
}

// noSlot is why the project would grant none (C6).
func noSlot(project *contract.ProjectStatus) string {
	if project == nil || len(project.Slots) < project.Limit {
		return ""
	}
	var names []string
	for _, slot := range project.Slots {
		names = append(names, slot.Environment)
	}
	return fmt.Sprintf("all %d environments of %s are taken: %s. Delete one to make room", project.Limit, project.Project, strings.Join(names, ", "))
}
