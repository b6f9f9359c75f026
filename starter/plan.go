package main

import (
	"errors"
	"fmt"
	"strings"

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
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			s, err := a.read(f)
			if err != nil {
				return err
			}
			if err := a.connect(c.Context()); err != nil {
				return err
			}
			outcome, changes, err := a.plan(c, s)
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
func (a *app) plan(c *cobra.Command, s *sent) (contract.Outcome, bool, error) {
	ctx := c.Context()
	if s.notAnEnvironment != "" {
		return s.outcome(contract.OutcomeIgnored, s.notAnEnvironment), false, nil
	}
	exists, err := a.exists(ctx, s)
	if err != nil {
		return contract.Outcome{}, false, err
	}
	if !exists && !s.Desired.Listed {
		return s.outcome(contract.OutcomeIgnored, s.ignored()), false, nil
	}
	o := s.outcome(contract.OutcomeAccepted, "")
	status := &contract.EnvironmentStatus{}
	if exists {
		if found, err := a.environment(ctx, s.Project, s.Branch); err == nil {
			status = found
		}
		o.WorkflowID = contract.EnvironmentWorkflowID(s.Project, s.Branch)
	} else if refused := a.noSlot(c, s); refused != "" {
		return s.outcome(contract.OutcomeRefused, refused), false, nil
	}
	if !exists || status.EnvironmentID == "" {
		o.Reason = "the environment does not exist yet: it is initialised first, which takes 60 to 90 minutes"
	}
	if status.Deletion != nil && (status.Status == contract.StatusDeleting || status.Status == contract.StatusDeletionScheduled) {
		return s.outcome(contract.OutcomeRefused, "the environment is "+status.Status), false, nil
	}
	s.compare(ctx, status.Commit)
	if e := s.Evidence; e.Kind != "" && !e.Newer && !s.AllowRollback {
		return s.outcome(contract.OutcomeSuperseded, fmt.Sprintf("superseded by %s, by %s", status.Commit, e.Kind)), false, nil
	}
	if !s.Desired.Listed && !s.AllowDestroy && len(status.Pipelines) > 0 {
		if meant := contract.NearMiss(s.Branch, s.Desired.Environments); meant != "" {
			return s.outcome(contract.OutcomeRefused, fmt.Sprintf("deploy.yml lists %q, but not %q: all pipelines would be destroyed; mend the key, or push with --allow-destroy", meant, s.Branch)), false, nil
		}
	}
	p := plan.Make(s.Code, s.Desired, status.Pipelines)
	o.Plan = p.Summary()
	return o, !p.Empty() || !exists, nil
}

// noSlot is why the project would grant none.
func (a *app) noSlot(c *cobra.Command, s *sent) string {
	project, err := a.project(c.Context(), s.Project)
	if err != nil || len(project.Slots) < project.Limit {
		return ""
	}
	var names []string
	for _, slot := range project.Slots {
		names = append(names, slot.Environment)
	}
	return fmt.Sprintf("all %d environments of %s are taken: %s. Delete one to make room", project.Limit, s.Project, strings.Join(names, ", "))
}

// planRows are the lines of a plan, each with its mark.
func planRows(p contract.PlanSummary) [][3]string {
	var rows [][3]string
	for _, part := range []struct {
		mark  string
		names []string
	}{{"+", p.Deploy}, {"~", p.Update}, {"-", p.Destroy}, {"=", p.Unchanged}} {
		for _, name := range part.names {
			rows = append(rows, [3]string{part.mark, name, p.Reasons[name]})
		}
	}
	return rows
}

func (a *app) showPlan(o contract.Outcome) {
	a.say("%s at %.12s: push would be %s", a.bold(o.Environment), o.Commit, a.coloured(o.Outcome))
	if o.Reason != "" {
		a.say("%s", contract.Clean(o.Reason))
	}
	colours := map[string]string{"+": "32", "~": "33", "-": "31", "=": "2"}
	for _, row := range planRows(o.Plan) {
		a.say("%s", strings.TrimRight(a.colour(colours[row[0]], fmt.Sprintf("  %s %-30s %s", row[0], row[1], row[2])), " "))
	}
	if o.Outcome == contract.OutcomeAccepted {
		a.say("%d to deploy, %d to update, %d to destroy, %d unchanged", len(o.Plan.Deploy), len(o.Plan.Update), len(o.Plan.Destroy), len(o.Plan.Unchanged))
	}
}

func planMarkdown(o contract.Outcome) string {
	var b strings.Builder
	fmt.Fprintf(&b, "### Plan for `%s` at `%.12s`: %s\n", o.Environment, o.Commit, o.Outcome)
	if o.Reason != "" {
		b.WriteString(fenced(o.Reason))
	}
	if rows := planRows(o.Plan); len(rows) > 0 {
		b.WriteString("\n```diff\n")
		for _, row := range rows {
			mark := map[string]string{"+": "+", "~": "!", "-": "-", "=": " "}[row[0]]
			fmt.Fprintf(&b, "%s %s  %s\n", mark, row[1], contract.Clean(row[2]))
		}
		b.WriteString("```\n")
	}
	for _, w := range o.Warnings {
		b.WriteString(fenced(w))
	}
	return b.String()
}
