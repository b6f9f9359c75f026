package main

import (
	"fmt"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/aineko-dev/environments/internal/contract"
)

// colours are for terminals, where wanted.
func (a *app) colour(code, text string) string {
	if !a.terminal || a.env("NO_COLOR") != "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (a *app) bold(text string) string { return a.colour("1", text) }

// coloured shows a status or an outcome in its colour.
func (a *app) coloured(word string) string {
	switch word {
	case contract.StatusReady, contract.OutcomeDeployed, contract.OutcomeUnchanged, contract.OutcomeAccepted, contract.PipelineRunning, contract.ResultDone:
		return a.colour("32", word)
	case contract.StatusFailed, contract.StatusDegraded, contract.OutcomeRefused:
		return a.colour("31", word)
	}
	return a.colour("33", word)
}

// showOutcome is an outcome for people.
func (a *app) showOutcome(o contract.Outcome) {
	a.say("%s  %s at %.12s  %s", a.coloured(o.Outcome), o.Environment, o.Commit, o.Deployment)
	if o.Reason != "" {
		a.say("%s", contract.Clean(o.Reason))
	}
	if len(o.Pipelines) > 0 {
		t := a.table("pipeline", "action", "result", "commit", "instance")
		for _, p := range o.Pipelines {
			t.AppendRow(table.Row{p.Name, p.Action, a.coloured(p.Result), fmt.Sprintf("%.8s", p.Commit), p.InstanceID})
		}
		a.say("%s", t.Render())
	}
	for _, p := range o.Pipelines {
		if p.Error != "" {
			a.say("%s:\n%s", p.Name, indented(p.Error))
		}
	}
}

func (a *app) table(header ...any) table.Writer {
	t := table.NewWriter()
	t.AppendHeader(table.Row(header))
	style := table.StyleLight
	style.Options = table.OptionsNoBordersAndSeparators
	t.SetStyle(style)
	return t
}

// indented is untrusted text, fit to print (S7).
func indented(text string) string {
	return "  " + strings.ReplaceAll(contract.Clean(text), "\n", "\n  ")
}

// showStatus is a project's status for people.
func (a *app) showStatus(s contract.Status) {
	a.say("%s: %d of %d environments", a.bold(s.Project), len(s.Environments), s.Limit)
	for _, e := range s.Environments {
		a.say("")
		line := a.bold(e.Name) + "  " + a.coloured(e.Status)
		for _, part := range []string{e.EnvironmentID, e.VPCID} {
			if part != "" {
				line += "  " + part
			}
		}
		if e.Commit != "" {
			line += fmt.Sprintf("  at %.12s", e.Commit)
		}
		a.say("%s", line)
		if e.Reason != "" {
			a.say("%s", indented(e.Reason))
		}
		if e.Progress.Total > 0 {
			a.say("  step %d of %d: %s", e.Progress.Done, e.Progress.Total, e.Progress.Step)
		}
		if e.Waiting != nil {
			a.say("  commit %.12s waits for %s to end", e.Waiting.Commit, e.Deployment)
		}
		if d := e.Deletion; d != nil {
			a.showDeletion(*d)
		}
		if len(e.Services)+len(e.Pipelines) > 0 {
			t := a.table("", "status", "commit", "machine", "instance")
			for _, v := range e.Services {
				t.AppendRow(table.Row{v.Name, a.coloured(v.Status), "", "", v.InstanceID})
			}
			for _, p := range e.Pipelines {
				machine := ""
				if p.Machine != nil {
					machine = p.Machine.String()
				}
				t.AppendRow(table.Row{p.Name, a.coloured(p.Status), fmt.Sprintf("%.8s", p.Commit), machine, p.InstanceID})
			}
			a.say("%s", indentLines(t.Render()))
		}
		for _, p := range e.Pipelines {
			if p.Error != "" {
				a.say("  %s: %s", p.Name, strings.TrimSpace(indented(p.Error)))
			}
		}
		if e.Verified != nil {
			a.say("  isolation checked %s: %d findings", e.Verified.At.Format("2006-01-02 15:04:05Z"), len(e.Verified.Findings))
			for _, f := range e.Verified.Findings {
				a.say("    %s %s: %s", f.Rule, f.Resource, contract.Clean(f.Message))
			}
		}
	}
}

func indentLines(text string) string { return "  " + strings.ReplaceAll(text, "\n", "\n  ") }

func (a *app) showDeletion(d contract.Deletion) {
	switch {
	case d.Refusal != "":
		a.say("  deletion refused %s: %s", d.RefusedAt.Format("2006-01-02 15:04:05Z"), contract.Clean(d.Refusal))
	case !d.At.IsZero():
		a.say("  deletion: tearing down begins %s; asked for by (so they say) %s", d.At.Format("2006-01-02 15:04:05Z"), first(contract.Clean(d.RequestedBy), "nobody named"))
	}
	if d.Blocked != "" {
		a.say("  blocked:\n%s", indented(d.Blocked))
	}
}
