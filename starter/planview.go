package main

import (
	"fmt"
	"strings"

	"github.com/aineko-dev/environments/internal/contract"
)

// planRows are the lines of a plan, each with its mark, a pipeline and the why.
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

func planCounts(p contract.PlanSummary) string {
	return fmt.Sprintf("%d to deploy, %d to update, %d to destroy, %d unchanged", len(p.Deploy), len(p.Update), len(p.Destroy), len(p.Unchanged))
}

// showPlan is a plan for people, like a diff.
func (a *app) showPlan(o contract.Outcome) {
	a.say("%s at %s: push would be %s", a.bold(o.Environment), sha12(o.Commit), a.coloured(o.Outcome))
	if o.Reason != "" {
		a.say("%s", o.Reason)
	}
	rows := planRows(o.Plan)
	width := 0
	for _, row := range rows {
		width = max(width, len(row[1]))
	}
	colours := map[string]string{"+": green, "~": yellow, "-": red, "=": faint}
	for _, row := range rows {
		a.say("  %s %s  %s", a.colour(colours[row[0]], row[0]), a.colour(colours[row[0]], fmt.Sprintf("%-*s", width, row[1])), row[2])
	}
	if o.Outcome != contract.OutcomeAccepted {
		return
	}
	a.say("%s. No other environment is touched.", planCounts(o.Plan))
	if len(o.Plan.Update) > 0 {
		a.say("An update starts the replacement, checks it, and only then stops the old instance.")
	}
}

// planMarkdown is a plan for a comment on a pull request.
func planMarkdown(o contract.Outcome) string {
	var b strings.Builder
	fmt.Fprintf(&b, "### Plan for %s at %s: %s\n", code(o.Environment), code(sha12(o.Commit)), o.Outcome)
	if o.Reason != "" {
		b.WriteString(fenced(o.Reason))
	}
	if rows := planRows(o.Plan); len(rows) > 0 {
		b.WriteString("\n```diff\n")
		for _, row := range rows {
			mark := map[string]string{"+": "+", "~": "!", "-": "-", "=": " "}[row[0]]
			fmt.Fprintf(&b, "%s %s  %s\n", mark, oneLine(unfenced(row[1]), 70), oneLine(unfenced(row[2]), 300))
		}
		b.WriteString("```\n")
	}
	if o.Outcome == contract.OutcomeAccepted {
		fmt.Fprintf(&b, "\n%s.\n", planCounts(o.Plan))
	}
	linkMarkdown(&b, o.URL)
	warningsMarkdown(&b, o.Warnings)
	return b.String()
}
