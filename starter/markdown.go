package main

import (
	"fmt"
	"strings"

	"github.com/aineko-dev/environments/internal/contract"
)

// Markdown for step summaries and comments. Everything that comes from a
// commit, a machine's journal or a person is fenced or in a code span, so that
// it can hold no markup (S7).

// fenced is a block of untrusted text.
func fenced(text string) string {
	return "\n```\n" + unfenced(text) + "\n```\n"
}

// unfenced is untrusted text that cannot end the fence around it.
func unfenced(text string) string {
	return strings.ReplaceAll(contract.Clean(text), "```", "'''")
}

// code is untrusted text within a line or a table's cell.
func code(text string) string {
	text = oneLine(strings.NewReplacer("`", "'", "|", "¦").Replace(text), 200)
	if text == "" {
		return ""
	}
	return "`" + text + "`"
}

// outcomeMarkdown is an outcome as a step summary.
func outcomeMarkdown(o contract.Outcome) string {
	var b strings.Builder
	fmt.Fprintf(&b, "### %s: %s\n\ncommit %s", code(o.Environment), o.Outcome, code(sha12(o.Commit)))
	if o.Deployment != "" {
		fmt.Fprintf(&b, ", deployment %s", code(o.Deployment))
	}
	if !o.Began.IsZero() && !o.Ended.IsZero() {
		fmt.Fprintf(&b, ", %s", short(o.Ended.Sub(o.Began)))
	}
	b.WriteString("\n")
	linkMarkdown(&b, o.URL)
	if o.Reason != "" {
		b.WriteString(fenced(o.Reason))
	}
	if len(o.Pipelines) > 0 {
		b.WriteString("\n| pipeline | action | result | commit | instance |\n|---|---|---|---|---|\n")
	}
	for _, p := range o.Pipelines {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", code(p.Name), code(p.Action), code(p.Result), code(sha8(p.Commit)), code(p.InstanceID))
	}
	for _, p := range o.Pipelines {
		if p.Error != "" {
			fmt.Fprintf(&b, "\n%s:\n%s", code(p.Name), fenced(p.Error))
		}
	}
	warningsMarkdown(&b, o.Warnings)
	return b.String()
}

func linkMarkdown(b *strings.Builder, url string) {
	if url != "" {
		fmt.Fprintf(b, "\n[Its workflow in Temporal's Web UI](%s)\n", url)
	}
}

func warningsMarkdown(b *strings.Builder, warnings []string) {
	if len(warnings) > 0 {
		b.WriteString("\nWarnings:\n" + fenced(strings.Join(warnings, "\n")))
	}
}
