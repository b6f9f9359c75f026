package workflows

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/aineko-dev/environments/internal/contract"
)

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

// What an operator wants to know stands in the details, without opening code (T2).
func TestT2_TheDetailsOfAnEnvironment(t *testing.T) {
	ready := contract.EnvironmentStatus{Name: "develop", EnvironmentID: "env-1", VPCID: "vpc-1", Account: "123456789012", Region: "eu-central-1"}
	for name, c := range map[string]struct {
		change func(*page)
		want   []string
	}{
		"initialising": {func(p *page) {
			p.status.Status = contract.StatusInitializing
			p.status.Progress = contract.Progress{Step: "nat-a", Done: 11, Total: 25}
			p.children = []string{"environment:acme/churn:develop:initialize:1"}
		}, []string{"**initializing**, step 12 of 25: `nat-a`", "(/namespaces/default/workflows/environment:acme%2Fchurn:develop:initialize:1)"}},
		"its plan": {func(p *page) {
			p.status.Plan = &contract.PlanSummary{Deploy: []string{"one"}, Update: []string{"two"}, Destroy: []string{"three"}, Unchanged: []string{"four"}, Reasons: map[string]string{"two": "code changed"}}
		}, []string{"- deploy `one`\n", "- update `two`: `code changed`\n", "- destroy `three`\n", "- leave alone `four`\n"}},
		"a commit that waits": {func(p *page) {
			p.status.Waiting = &contract.Waiting{Commit: "abc", Since: noon}
		}, []string{"- waiting: commit `abc` since 2026-05-04 12:00:00Z"}},
		"a pipeline that failed": {func(p *page) {
			p.status.Pipelines = []contract.PipelineStatus{{Name: "one", Status: contract.PipelineFailed, Commit: "0123456789", InstanceID: "i-1", Machine: &contract.Machine{Type: "ec2", VCPU: 2, MemGiB: 8}, Error: "its unit failed\nTraceback"}}
		}, []string{"| `one` | failed | `01234567` | i-1 | 2 vCPU, 8 GiB |", "```\nits unit failed\nTraceback\n```"}},
		"the last outcomes": {func(p *page) {
			p.status.Outcomes = []contract.Outcome{{Deployment: "env-1/1", Commit: "aaaaaaaaaa", Outcome: "deployed"}, {Deployment: "env-1/2", Commit: "bbbbbbbbbb", Outcome: "failed", Reason: "pipeline one: its unit failed"}}
		}, []string{"| env-1/2 | `bbbbbbbb` | failed | `pipeline one: its unit failed` |\n| env-1/1 |"}},
		"a refused deletion": {func(p *page) {
			p.status.Deletion = &contract.Deletion{Refusal: "pipelines run in it: one", AskedAt: noon, RefusedAt: noon, RequestedBy: "ops", Identity: "temporal-cli:ann", Requests: 2}
		}, []string{"**Deletion**, asked for 2026-05-04 12:00:00Z by (so they say) `ops`, Temporal recorded `temporal-cli:ann`, 2 requests", "Refused 2026-05-04 12:00:00Z:\n\n```\npipelines run in it: one\n```"}},
		"what operators asked": {func(p *page) {
			p.status.Requests = []contract.Request{{What: "delete-environment", At: noon, RequestedBy: "ops", Reason: "done", Answer: "refused", Times: 3}}
		}, []string{"| `delete-environment` 3 times, last | 2026-05-04 12:00:00Z | (so they say) `ops` | `done` | `refused` |"}},
		"a deletion's countdown": {func(p *page) {
			p.status.Status, p.status.Deletion = contract.StatusDeletionScheduled, &contract.Deletion{At: noon.Add(24 * time.Hour), Reason: "done"}
		}, []string{"tearing down begins 2026-05-05 12:00:00Z, in 24h0m0s; until then `cancel-deletion` cancels it", "```\ndone\n```"}},
		"a blocked deletion": {func(p *page) {
			p.status.Status, p.status.Deletion = contract.StatusDeleting, &contract.Deletion{At: noon, Blocked: "vpc-1 is blocked by eni-9, owner lambda"}
		}, []string{"tearing down since 2026-05-04 12:00:00Z", "```\nvpc-1 is blocked by eni-9, owner lambda\n```"}},
		"the isolation": {func(p *page) {
			p.status.Verified = &contract.Verified{At: noon, Findings: []contract.Finding{{Rule: "A7 peering", Resource: "pcx-1", Message: "a peering"}}}
		}, []string{"Isolation checked 2026-05-04 12:00:00Z: 1 findings", "- A7 peering `pcx-1`: `a peering`"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := page{namespace: "default", project: "acme/churn", status: ready, now: noon}
			c.change(&p)
			shown := environmentMarkdown(p)
			for _, want := range append(c.want, "of `acme/churn`", "- id `env-1` in `vpc-1`, account 123456789012, eu-central-1", "_as of 2026-05-04 12:00:00Z_") {
				assert.Contains(t, shown, want)
			}
		})
	}
}

// Text that others wrote stays text: it ends no fence, no cell and no code
// span, and nothing in it is read as a link, an image or a tag (S7, T2).
func TestS7_UntrustedTextStaysTextInTheDetails(t *testing.T) {
	hostile := "```\n![x](https://evil.example/x.png) <img src=x> `[a](b)` | \x1b[31m\n::error::x\n" + strings.Repeat("line\n", 40)
	p := page{namespace: "default", project: "acme/churn", now: noon, status: contract.EnvironmentStatus{
		Name: "develop", Reason: hostile,
		Pipelines: []contract.PipelineStatus{{Name: "one", Error: hostile}},
		Outcomes:  []contract.Outcome{{Deployment: "env-1/1", Reason: hostile}},
		Deletion:  &contract.Deletion{RequestedBy: hostile, Identity: hostile, Reason: hostile, Refusal: hostile, Blocked: hostile},
		Requests:  []contract.Request{{What: hostile, RequestedBy: hostile, Identity: hostile, Reason: hostile, Answer: hostile}},
		Verified:  &contract.Verified{Findings: []contract.Finding{{Resource: hostile, Message: hostile}}},
		Plan:      &contract.PlanSummary{Update: []string{"one"}, Reasons: map[string]string{"one": hostile}},
		UnderWay:  &contract.Waiting{Why: hostile}, Deployment: "env-1/2",
	}}
	steps := contract.Progress{Steps: []contract.Step{{Name: "vpc", Detail: hostile}}}
	for name, shown := range map[string]string{"environment": environmentMarkdown(p), "child": stepsMarkdown("Title", steps, hostile, noon)} {
		t.Run(name, func(t *testing.T) {
			assert.NotContains(t, shown, "\x1b")
			fence := false
			for _, line := range strings.Split(shown, "\n") {
				switch {
				case line == "```":
					fence = !fence
				case fence:
					assert.NotContains(t, line, "```")
					assert.False(t, strings.HasPrefix(line, "::"), line)
				default:
					for i, part := range strings.Split(line, "`") {
						if i%2 == 0 { // outside of code
							assert.NotContains(t, part, "![", line)
							assert.NotContains(t, part, "<", line)
						}
					}
					assert.Zero(t, strings.Count(line, "`")%2, line)
				}
			}
			assert.False(t, fence)
		})
	}
}
