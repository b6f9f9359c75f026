package workflows

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aineko-dev/environments/internal/contract"
	"github.com/aineko-dev/environments/internal/plan"
)

// page is what the Web UI's details of an environment are made of.
type page struct {
	namespace, project string
	status             contract.EnvironmentStatus
	// children are the workflow IDs of the work under way.
	children []string
	// now is when the details were made: the Web UI shows them until the next.
	now time.Time
}

// environmentMarkdown is what the Web UI shows of an environment, at one look (T2).
func environmentMarkdown(p page) string {
	s := p.status
	var b strings.Builder
	fmt.Fprintf(&b, "**%s** of `%s`: **%s**", s.Name, p.project, s.Status)
	if s.Progress.Total > 0 {
		fmt.Fprintf(&b, ", step %d of %d: `%s`", min(s.Progress.Done+1, s.Progress.Total), s.Progress.Total, s.Progress.Step)
	}
	b.WriteString("\n\n")
	if s.EnvironmentID != "" {
		fmt.Fprintf(&b, "- id `%s`", s.EnvironmentID)
		if s.VPCID != "" {
			fmt.Fprintf(&b, " in `%s`", s.VPCID)
		}
		fmt.Fprintf(&b, ", account %s, %s\n", s.Account, s.Region)
	}
	if s.Commit != "" {
		fmt.Fprintf(&b, "- newest commit `%s`\n", s.Commit)
	}
	if s.Deployment != "" {
		fmt.Fprintf(&b, "- under way: `%s`", s.Deployment)
		if w := s.UnderWay; w != nil && w.Commit != "" {
			fmt.Fprintf(&b, ", commit `%s`, since %s", w.Commit, clock(w.Since))
		}
		if w := s.UnderWay; w != nil && w.Why != "" {
			fmt.Fprintf(&b, ", for %s", inCell(w.Why))
		}
		b.WriteString("\n")
	}
	for _, id := range p.children {
		fmt.Fprintf(&b, "- at work: %s\n", workflowLink(p.namespace, id, id))
	}
	if s.Waiting != nil {
		fmt.Fprintf(&b, "- waiting: commit `%s` since %s\n", s.Waiting.Commit, clock(s.Waiting.Since))
	}
	for _, v := range s.Services {
		fmt.Fprintf(&b, "- %s: %s, `%s` at %s\n", v.Name, v.Status, v.InstanceID, v.Address)
	}
	if s.Reason != "" {
		b.WriteString("\nWhy:\n" + fenced(s.Reason))
	}
	if s.Deletion != nil {
		deletionMarkdown(&b, s, p.now)
	}
	if len(s.Requests) > 0 {
		requestsMarkdown(&b, s.Requests)
	}
	if s.Plan != nil {
		planMarkdown(&b, *s.Plan)
	}
	pipelinesMarkdown(&b, s.Pipelines)
	outcomesMarkdown(&b, s.Outcomes)
	if s.Verified != nil {
		fmt.Fprintf(&b, "\nIsolation checked %s: %d findings\n\n", clock(s.Verified.At), len(s.Verified.Findings))
		for _, f := range s.Verified.Findings {
			fmt.Fprintf(&b, "- %s %s: %s\n", f.Rule, inCell(f.Resource), inCell(f.Message))
		}
	}
	if len(s.Foreign) > 0 {
		b.WriteString("\nIn its VPC, and not its own; left alone:\n" + fenced(strings.Join(s.Foreign, "\n")))
	}
	fmt.Fprintf(&b, "\n_as of %s_\n", clock(p.now))
	return b.String()
}

// planMarkdown is what the deployment under way does to each pipeline, and why.
func planMarkdown(b *strings.Builder, p contract.PlanSummary) {
	b.WriteString("\nThe plan:\n\n")
	for _, part := range []struct {
		action string
		names  []string
	}{{"deploy", p.Deploy}, {"update", p.Update}, {"destroy", p.Destroy}, {"leave alone", p.Unchanged}} {
		for _, name := range part.names {
			fmt.Fprintf(b, "- %s `%s`", part.action, name)
			if why := p.Reasons[name]; why != "" {
				fmt.Fprintf(b, ": %s", inCell(why))
			}
			b.WriteString("\n")
		}
	}
}

func pipelinesMarkdown(b *strings.Builder, pipelines []contract.PipelineStatus) {
	if len(pipelines) > 0 {
		b.WriteString("\n| pipeline | status | commit | instance | machine |\n|---|---|---|---|---|\n")
	}
	for _, p := range pipelines {
		machine := ""
		if p.Machine != nil {
			machine = p.Machine.String()
		}
		fmt.Fprintf(b, "| `%s` | %s | `%.8s` | %s | %s |\n", p.Name, p.Status, p.Commit, p.InstanceID, machine)
	}
	for _, p := range pipelines {
		if p.Error != "" {
			fmt.Fprintf(b, "\n`%s`:\n%s", p.Name, fenced(p.Error))
		}
	}
}

// shownOutcomes is how many of the last outcomes the Web UI shows.
const shownOutcomes = 5

func outcomesMarkdown(b *strings.Builder, outcomes []contract.Outcome) {
	if len(outcomes) > 0 {
		b.WriteString("\n| deployment | commit | outcome | why |\n|---|---|---|---|\n")
	}
	for i := len(outcomes) - 1; i >= max(len(outcomes)-shownOutcomes, 0); i-- {
		o := outcomes[i]
		fmt.Fprintf(b, "| %s | `%.8s` | %s | %s |\n", o.Deployment, o.Commit, o.Outcome, inCell(o.Reason))
	}
}

func deletionMarkdown(b *strings.Builder, s contract.EnvironmentStatus, now time.Time) {
	d := s.Deletion
	b.WriteString("\n**Deletion**")
	switch {
	case s.Status == contract.StatusDeleting:
		fmt.Fprintf(b, ": tearing down since %s", clock(d.At))
	case !d.At.IsZero():
		fmt.Fprintf(b, ": tearing down begins %s, in %s; until then `cancel-deletion` cancels it", clock(d.At), d.At.Sub(now).Round(time.Second))
	}
	if !d.AskedAt.IsZero() {
		fmt.Fprintf(b, ", asked for %s by %s", clock(d.AskedAt), by(d.RequestedBy, d.Identity))
	}
	if d.Requests > 1 {
		fmt.Fprintf(b, ", %d requests", d.Requests)
	}
	b.WriteString("\n")
	if d.Reason != "" {
		b.WriteString(fenced(d.Reason))
	}
	if d.Refusal != "" {
		fmt.Fprintf(b, "\nRefused %s:\n%s", clock(d.RefusedAt), fenced(d.Refusal))
	}
	if d.Blocked != "" {
		b.WriteString("\nBlocked by:\n" + fenced(d.Blocked))
	}
}

// by is who asked: what was claimed, beside what Temporal recorded (T6).
func by(claimed, identity string) string {
	claim := "an unnamed person"
	if claimed != "" {
		claim = "(so they say) " + inCell(claimed)
	}
	if identity == "" {
		return claim
	}
	return claim + ", Temporal recorded " + inCell(identity)
}

func requestsMarkdown(b *strings.Builder, requests []contract.Request) {
	b.WriteString("\n| operators asked | at | by | why | answer |\n|---|---|---|---|---|\n")
	for i := len(requests) - 1; i >= 0; i-- {
		r := requests[i]
		what := inCell(r.What)
		if r.Times > 1 {
			what += fmt.Sprintf(" %d times, last", r.Times)
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s |\n", what, clock(r.At), by(r.RequestedBy, r.Identity), inCell(r.Reason), inCell(r.Answer))
	}
}

// stepsMarkdown is what the Web UI shows of a child: each step and its state.
func stepsMarkdown(title string, p contract.Progress, blocked string, now time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, "**%s**: %d of %d steps done\n", title, p.Done, p.Total)
	if blocked != "" {
		b.WriteString("\nBlocked:\n" + fenced(blocked))
	}
	if len(p.Steps) > 0 {
		b.WriteString("\n| step | state | time | |\n|---|---|---|---|\n")
	}
	for _, s := range p.Steps {
		end := s.Ended
		if end.IsZero() {
			end = now
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", s.Name, s.State, end.Sub(s.Started).Round(time.Second), inCell(s.Detail))
	}
	fmt.Fprintf(&b, "\n_as of %s_\n", clock(now))
	return b.String()
}

// projectMarkdown is what the Web UI shows of a project: who holds the slots.
func projectMarkdown(namespace string, s contract.ProjectStatus) string {
	var b strings.Builder
	fmt.Fprintf(&b, "**%s**: %d of %d environments\n\n| environment | id | since |\n|---|---|---|\n", s.Project, len(s.Slots), s.Limit)
	for _, slot := range s.Slots {
		fmt.Fprintf(&b, "| %s | `%s` | %s |\n", workflowLink(namespace, contract.EnvironmentWorkflowID(s.Project, slot.Environment), slot.Environment),
			slot.EnvironmentID, clock(slot.Since))
	}
	return b.String()
}

// childPurpose says what a child is for, in Markdown.
var childPurpose = map[string]string{
	contract.InitializeEnvironmentWorkflow: "Makes everything that an environment needs before pipelines run in it: its network, its way out, its message broker. " +
		"It may take 60 to 90 minutes, and can run at any time again: what exists is found and kept.",
	contract.DeployPipelinesWorkflow: "Deploys and updates pipelines, side by side. The replacement of a running pipeline is started and checked first; only then is the old instance stopped. " +
		"One that does not become ready is removed, and the old one runs on.",
	contract.DestroyPipelinesWorkflow:  "Terminates the instances of pipelines that the commit no longer lists. It touches nothing else of the environment.",
	contract.DeleteEnvironmentWorkflow: "Tears down everything that the environment owns, from what exists in the account. It ends only when two looks in a row find nothing; what blocks it is named below, and it keeps trying.",
}

func childDetails(workflowType, project, environment, id string) string {
	return fmt.Sprintf("%s\n\nEnvironment `%s` of `%s`, id `%s`.", childPurpose[workflowType], environment, project, id)
}

// workflowLink leads to another workflow of the namespace, within the Web UI.
func workflowLink(namespace, id, text string) string {
	return fmt.Sprintf("[%s](/namespaces/%s/workflows/%s)", text, url.PathEscape(namespace), url.PathEscape(id))
}

// changedNames are the pipelines that a plan deploys or updates, for one line.
func changedNames(changes []plan.Change) string {
	names := make([]string, len(changes))
	for i, c := range changes {
		names[i] = c.Name
	}
	return listed(names)
}

// doomedNames are the pipelines that are destroyed, for one line.
func doomedNames(doomed []Doomed) string {
	names := make([]string, len(doomed))
	for i, d := range doomed {
		names[i] = d.Name
	}
	return listed(slices.Compact(names))
}

// listed fits names into one line of the Web UI, or counts them.
func listed(names []string) string {
	if all := strings.Join(names, ", "); len(all) <= maxListed {
		return all
	}
	return fmt.Sprintf("%d pipelines", len(names))
}

// maxListed keeps names to a line of the Web UI's lists, in bytes.
const maxListed = 60

func clock(at time.Time) string { return at.UTC().Format("2006-01-02 15:04:05Z") }

// fenced shows untrusted text in Markdown (S7).
func fenced(text string) string {
	return "\n```\n" + strings.ReplaceAll(contract.Clean(text), "```", "'''") + "\n```\n"
}

// inCell shows untrusted text within a line or a table's cell: as code, where
// no link, image or tag is read, and without what would end it (S7).
func inCell(text string) string {
	text = strings.NewReplacer("|", "/", "`", "'", "\n", " ").Replace(contract.Clip(contract.Clean(text), maxSummary))
	if strings.TrimSpace(text) == "" {
		return ""
	}
	return "`" + text + "`"
}
