package main

import (
	"strings"
	"time"

	"github.com/aineko-dev/environments/internal/contract"
)

// showOutcome is an outcome for people.
func (a *app) showOutcome(o contract.Outcome) {
	took := ""
	if !o.Began.IsZero() && o.Ended.After(o.Began) {
		took = "  in " + short(o.Ended.Sub(o.Began))
	}
	a.say("%s  %s at %s  %s%s", a.coloured(o.Outcome), o.Environment, sha12(o.Commit), o.Deployment, took)
	if o.Reason != "" {
		a.say("%s", o.Reason)
	}
	if len(o.Pipelines) > 0 {
		var rows [][]any
		for _, p := range o.Pipelines {
			rows = append(rows, []any{p.Name, p.Action, a.coloured(p.Result), sha8(p.Commit), p.InstanceID})
		}
		a.say("%s", a.tableOf([]string{"pipeline", "action", "result", "commit", "instance"}, rows))
	}
	for _, p := range o.Pipelines {
		if p.Error != "" {
			a.say("%s:\n%s", p.Name, indented(p.Error))
		}
	}
}

// statusLines is a project's status for people: every environment in a line,
// then what there is to say of each.
func (a *app) statusLines(s contract.Status, now time.Time) []styled {
	lines := []styled{styledf("%s: %d of %d environments", a.bold(s.Project), len(s.Environments), s.Limit)}
	if len(s.Environments) == 0 {
		return lines
	}
	var rows [][]any
	for _, e := range s.Environments {
		rows = append(rows, []any{a.bold(e.Name), a.coloured(e.Status), sha12(e.Commit), pipelineCount(e), underWay(e, now)})
	}
	lines = append(lines, a.tableOf([]string{"environment", "status", "newest commit", "pipelines", "under way"}, rows))
	for _, e := range s.Environments {
		lines = append(lines, "")
		lines = append(lines, a.environmentLines(s.Project, e, now)...)
	}
	return lines
}

// pipelineCount is how many pipelines there are, by status: "2 running, 1 failed".
func pipelineCount(e contract.EnvironmentStatus) string {
	count := map[string]int{}
	for _, p := range e.Pipelines {
		count[p.Status]++
	}
	var parts []string
	for _, status := range []string{contract.PipelineRunning, contract.PipelineStarting, contract.PipelineStopping, contract.PipelineFailed} {
		if n := count[status]; n > 0 {
			parts = append(parts, string(styledf("%d %s", n, status)))
		}
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}

// underWay is the step that an environment is at, and what remains.
func underWay(e contract.EnvironmentStatus, now time.Time) string {
	var parts []string
	switch p := e.Progress; {
	case p.Total > 0:
		parts = append(parts, string(styledf("%s, %d of %d steps", p.Step, p.Done, p.Total)))
	case e.UnderWay != nil:
		parts = append(parts, "since "+short(now.Sub(e.UnderWay.Since)))
	}
	if left := remaining(e, now, 0); left != "" {
		parts = append(parts, left)
	}
	return strings.Join(parts, ", ")
}

func (a *app) environmentLines(project string, e contract.EnvironmentStatus, now time.Time) []styled {
	head := styledf("%s  %s", a.bold(e.Name), a.coloured(e.Status))
	for _, part := range []string{e.EnvironmentID, e.VPCID, e.Region} {
		if part != "" {
			head += styledf("  %s", part)
		}
	}
	lines := []styled{head}
	if e.Reason != "" {
		lines = append(lines, indented(e.Reason))
	}
	if u := e.UnderWay; u != nil {
		what := styledf("  under way: %s", u.Deployment)
		if u.Commit != "" {
			what += styledf(" at %s", sha12(u.Commit))
		}
		if u.Why != "" {
			what += styledf(" (%s)", oneLine(u.Why, 80))
		}
		lines = append(lines, what+styledf(", for %s", short(now.Sub(u.Since))))
		for _, step := range byPipeline(e.Progress.Steps) {
			if step.State != contract.StepDone {
				lines = append(lines, "  "+a.stepLine(step, now))
			}
		}
		for _, f := range e.Foreign {
			a.say("  not the environment's own, left alone: %s", contract.Clean(f))
		}
	}
	if w := e.Waiting; w != nil {
		lines = append(lines, styledf("  commit %s is %s", sha12(w.Commit), place(e, now)))
	}
	if d := e.Deletion; d != nil {
		lines = append(lines, a.deletionLines(*d)...)
	}
	if len(e.Services)+len(e.Pipelines) > 0 {
		lines = append(lines, indented(a.machineTable(e)))
	}
	for _, p := range e.Pipelines {
		if p.Error != "" {
			lines = append(lines, styledf("  %s:\n%s", p.Name, indented(indented(p.Error))))
		}
	}
	if v := e.Verified; v != nil {
		lines = append(lines, verifiedLines(*v)...)
	}
	if url := a.link(contract.EnvironmentWorkflowID(project, e.Name)); url != "" {
		lines = append(lines, styledf("  %s", url))
	}
	return lines
}

func (a *app) machineTable(e contract.EnvironmentStatus) styled {
	var rows [][]any
	for _, v := range e.Services {
		rows = append(rows, []any{v.Name, a.coloured(v.Status), "", v.Address, v.InstanceID})
	}
	for _, p := range e.Pipelines {
		machine := ""
		if p.Machine != nil {
			machine = p.Machine.String()
		}
		rows = append(rows, []any{p.Name, a.coloured(p.Status), sha8(p.Commit), machine, p.InstanceID})
	}
	return a.tableOf([]string{"", "status", "commit", "machine", "instance"}, rows)
}

// verifiedLines are what the last check of the isolation found, and apart from
// that, in what the settings differ by now (A11).
func verifiedLines(v contract.Verified) []styled {
	var findings, notices []styled
	for _, f := range v.Findings {
		line := styledf("    %s  %s: %s", f.Rule, f.Resource, f.Message)
		if f.Notice {
			notices = append(notices, line)
		} else {
			findings = append(findings, line)
		}
	}
	lines := []styled{styledf("  isolation checked %s: %s", at(v.At), count(len(findings), "finding"))}
	lines = append(lines, findings...)
	if len(notices) > 0 {
		lines = append(lines, styledf("  the settings by now differ in %s; the next launch takes them up", count(len(notices), "point")))
	}
	return append(lines, notices...)
}

func count(n int, what string) string {
	switch n {
	case 0:
		return "no " + what + "s"
	case 1:
		return "1 " + what
	}
	return string(styledf("%d %ss", n, what))
}

func (a *app) deletionLines(d contract.Deletion) []styled {
	var lines []styled
	switch {
	case d.Refusal != "":
		lines = append(lines, styledf("  deletion %s %s: %s", a.colour(red, "refused"), at(d.RefusedAt), d.Refusal))
	case !d.At.IsZero():
		who := d.RequestedBy
		if who == "" {
			who = "nobody named"
		}
		lines = append(lines, styledf("  deletion: tearing down begins %s; asked for by (so they say) %s", at(d.At), who))
	}
	if d.Reason != "" {
		lines = append(lines, styledf("  because: %s", oneLine(d.Reason, 200)))
	}
	if d.Blocked != "" {
		lines = append(lines, styledf("  %s:\n%s", a.colour(red, "blocked"), indented(indented(d.Blocked))))
	}
	return lines
}
