package workflows

import (
	"fmt"
	"strings"
	"time"

	"github.com/aineko-dev/environments/internal/contract"
)

// environmentMarkdown is what the Web UI shows of an environment, at one look (T2).
func environmentMarkdown(project string, s contract.EnvironmentStatus, now time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, "**%s** of `%s`: **%s**", s.Name, project, s.Status)
	if s.Progress.Total > 0 {
		fmt.Fprintf(&b, ", step %d of %d: `%s`", min(s.Progress.Done+1, s.Progress.Total), s.Progress.Total, s.Progress.Step)
	}
	b.WriteString("\n\n")
	if s.EnvironmentID != "" {
		fmt.Fprintf(&b, "- id `%s`", s.EnvironmentID)
		if s.VPCID != "" {
			fmt.Fprintf(&b, " in `%s`, account %s, %s", s.VPCID, s.Account, s.Region)
		}
		b.WriteString("\n")
	}
	if s.Commit != "" {
		fmt.Fprintf(&b, "- newest commit `%s`\n", s.Commit)
	}
	if s.Deployment != "" {
		fmt.Fprintf(&b, "- under way: `%s`\n", s.Deployment)
	}
	if s.Waiting != nil {
		fmt.Fprintf(&b, "- waiting: commit `%s` since %s\n", s.Waiting.Commit, s.Waiting.Since.Format(time.RFC3339))
	}
	for _, v := range s.Services {
		fmt.Fprintf(&b, "- %s: %s, `%s` at %s\n", v.Name, v.Status, v.InstanceID, v.Address)
	}
	if s.Reason != "" {
		b.WriteString("\nWhy:\n" + fenced(s.Reason))
	}
	if d := s.Deletion; d != nil {
		deletionMarkdown(&b, d)
	}
	if len(s.Requests) > 0 {
		requestsMarkdown(&b, s.Requests)
	}
	if len(s.Pipelines) > 0 {
		b.WriteString("\n| pipeline | status | commit | instance | machine |\n|---|---|---|---|---|\n")
		for _, p := range s.Pipelines {
			machine := ""
			if p.Machine != nil {
				machine = p.Machine.String()
			}
			fmt.Fprintf(&b, "| %s | %s | `%.8s` | %s | %s |\n", p.Name, p.Status, p.Commit, p.InstanceID, machine)
		}
		for _, p := range s.Pipelines {
			if p.Error != "" {
				fmt.Fprintf(&b, "\n%s:\n%s", p.Name, fenced(p.Error))
			}
		}
	}
	if n := len(s.Outcomes); n > 0 {
		b.WriteString("\n| deployment | commit | outcome |\n|---|---|---|\n")
		for i := n - 1; i >= max(n-shownOutcomes, 0); i-- {
			o := s.Outcomes[i]
			fmt.Fprintf(&b, "| %s | `%.8s` | %s |\n", o.Deployment, o.Commit, o.Outcome)
		}
	}
	if s.Verified != nil {
		fmt.Fprintf(&b, "\nIsolation checked %s: %d findings\n", s.Verified.At.Format(time.RFC3339), len(s.Verified.Findings))
		for _, f := range s.Verified.Findings {
			fmt.Fprintf(&b, "- %s `%s`: %s\n", f.Rule, f.Resource, f.Message)
		}
	}
	fmt.Fprintf(&b, "\n_%s_\n", now.Format(time.RFC3339))
	return b.String()
}

// shownOutcomes is how many of the last outcomes the Web UI shows.
const shownOutcomes = 5

func deletionMarkdown(b *strings.Builder, d *contract.Deletion) {
	b.WriteString("\n**Deletion**")
	if !d.At.IsZero() {
		fmt.Fprintf(b, ": tearing down begins %s", d.At.Format(time.RFC3339))
	}
	if !d.AskedAt.IsZero() {
		fmt.Fprintf(b, ", asked for %s by %s", d.AskedAt.Format(time.RFC3339), by(d.RequestedBy, d.Identity))
	}
	if d.Requests > 1 {
		fmt.Fprintf(b, ", %d requests", d.Requests)
	}
	b.WriteString("\n")
	if d.Reason != "" {
		b.WriteString(fenced(d.Reason))
	}
	if d.Refusal != "" {
		fmt.Fprintf(b, "\nRefused %s:\n%s", d.RefusedAt.Format(time.RFC3339), fenced(d.Refusal))
	}
	if d.Blocked != "" {
		b.WriteString("\nBlocked by:\n" + fenced(d.Blocked))
	}
}

// by is who asked: what was claimed, beside what Temporal recorded (T6).
func by(claimed, identity string) string {
	claim := "an unnamed person"
	if claimed != "" {
		claim = "(so they say) `" + inCell(claimed) + "`"
	}
	if identity == "" {
		return claim
	}
	return claim + ", Temporal recorded `" + inCell(identity) + "`"
}

func requestsMarkdown(b *strings.Builder, requests []contract.Request) {
	b.WriteString("\n| operators asked | at | by | why | answer |\n|---|---|---|---|---|\n")
	for i := len(requests) - 1; i >= 0; i-- {
		r := requests[i]
		what := "`" + inCell(r.What) + "`"
		if r.Times > 1 {
			what += fmt.Sprintf(" %d times, last", r.Times)
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s |\n", what, r.At.Format(time.RFC3339), by(r.RequestedBy, r.Identity), inCell(r.Reason), inCell(r.Answer))
	}
}

// stepsMarkdown is what the Web UI shows of a child: each step and its state.
func stepsMarkdown(title string, p contract.Progress, blocked string, now time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, "**%s**: %d of %d steps done\n\n", title, p.Done, p.Total)
	if blocked != "" {
		b.WriteString("Blocked:\n" + fenced(blocked))
	}
	if len(p.Steps) > 0 {
		b.WriteString("| step | state | time | |\n|---|---|---|---|\n")
	}
	for _, s := range p.Steps {
		end := s.Ended
		if end.IsZero() {
			end = now
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", s.Name, s.State, end.Sub(s.Started).Round(time.Second), inCell(s.Detail))
	}
	return b.String()
}

// fenced shows untrusted text in Markdown (S7).
func fenced(text string) string {
	return "\n```\n" + strings.ReplaceAll(contract.Clean(text), "```", "'''") + "\n```\n"
}

func inCell(text string) string {
	return strings.NewReplacer("|", "/", "`", "'", "\n", " ").Replace(contract.Clip(contract.Clean(text), maxSummary))
}
