package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aineko-dev/environments/internal/contract"
)

const planned = `version: 0.1.0
pipelines:
  added: {source: a.yml}
  bigger: {source: b.yml, machine_config: {type: ec2, mem_gib: 32, vcpu: 8}}
  same: {source: c.yml}
environments:
  develop:
    pipelines: [added, bigger, same]
    load_balancers: {api: [{pipeline: same, port: 80}]}
`

// running is what develop runs before the plan.
func running() contract.EnvironmentStatus {
	pipeline := func(name, source string) contract.PipelineStatus {
		p := contract.Pipeline{Pipeline: name, Source: source, Machine: contract.DefaultMachine}
		return contract.PipelineStatus{Name: name, Status: contract.PipelineRunning, Commit: shaB, InstanceID: "i-" + name, Source: source,
			Machine: &p.Machine, Digest: contract.Digest(contract.CodeCommit+":"+shaA, p)}
	}
	return develop(func(s *contract.EnvironmentStatus) {
		s.Commit = shaB
		s.Pipelines = []contract.PipelineStatus{pipeline("bigger", "b.yml"), pipeline("gone", "d.yml"), pipeline("same", "c.yml")}
	})
}

func planArgs(t *testing.T, file string, more ...string) []string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "deploy.yml")
	require.NoError(t, os.WriteFile(path, []byte(file), 0o600))
	return append([]string{"plan", "--project", "acme/churn", "--branch", "develop", "--commit", shaA, "--deploy-file", path}, more...)
}

func TestPlanSaysWhatAndWhy(t *testing.T) {
	f := &fake{status: map[string]any{developID: running()}}
	a, out, errs := newApp(nil)
	a.client = f
	assert.Equal(t, 0, a.run(t.Context(), planArgs(t, planned)), errs.String())
	assert.Equal(t, `develop at aaaaaaaaaaaa: push would be accepted
  + added   new: a.yml on 2 vCPU, 8 GiB
  ~ bigger  machine 2 vCPU, 8 GiB → 8 vCPU, 32 GiB, bbbbbbbb → aaaaaaaa
  - gone    not listed, it runs at bbbbbbbb
  = same    unchanged, stays at bbbbbbbb
1 to deploy, 1 to update, 1 to destroy, 1 unchanged. No other environment is touched.
An update starts the replacement, checks it, and only then stops the old instance.
`, out.String())
	assert.Contains(t, errs.String(), "load_balancers: checked, but not provisioned yet", "D6")
	assert.Empty(t, f.updates, "nothing is changed")

	a, out, _ = newApp(nil)
	a.client = f
	assert.Equal(t, 10, a.run(t.Context(), planArgs(t, planned, "--detailed-exitcode", "--output", "json")))
	var o contract.Outcome
	require.NoError(t, json.Unmarshal(out.Bytes(), &o))
	assert.Equal(t, []string{"added"}, o.Plan.Deploy)
	assert.Equal(t, []string{"bigger"}, o.Plan.Update)
	assert.Equal(t, []string{"gone"}, o.Plan.Destroy)
	assert.Equal(t, []string{"same"}, o.Plan.Unchanged)
	assert.Len(t, o.Warnings, 1)

	a, out, _ = newApp(nil)
	a.client = f
	assert.Equal(t, 0, a.run(t.Context(), planArgs(t, planned, "--output", "markdown")))
	assert.Contains(t, out.String(), "```diff\n+ added  new: a.yml")
	assert.Contains(t, out.String(), "load_balancers")

	same := strings.NewReplacer("added, bigger, same", "same", "    load_balancers: {api: [{pipeline: same, port: 80}]}\n", "").Replace(planned)
	status := running()
	status.Pipelines = status.Pipelines[2:]
	a, _, _ = newApp(nil)
	a.client = &fake{status: map[string]any{developID: status}}
	assert.Equal(t, 0, a.run(t.Context(), planArgs(t, same, "--detailed-exitcode")), "no changes")
}

func TestPlanSaysWhyNothingWouldHappen(t *testing.T) {
	full := `{"project": "acme/churn", "limit": 1, "slots": [{"environment": "production", "environmentId": "env-b"}]}`
	elsewhere := "version: 0.1.0\nenvironments: {Develop: {pipelines: []}}\n"
	for name, c := range map[string]struct {
		status map[string]any
		file   string
		more   []string
		code   int
		says   string
	}{
		"C2, no key and no environment": {nil, "version: 0.1.0\nenvironments: {production: {pipelines: []}}\n", nil, 0, "ignored"},
		"C3, a new environment":         {nil, planned, []string{"--detailed-exitcode"}, 10, "it is initialised first"},
		"C4, a near miss":               {map[string]any{developID: running()}, elsewhere, nil, 3, `deploy.yml lists "Develop", but not "develop"`},
		"C4, allowed":                   {map[string]any{developID: running()}, elsewhere, []string{"--allow-destroy"}, 0, "0 to deploy, 0 to update, 3 to destroy"},
		"C6, no slot":                   {map[string]any{projectID: full}, planned, nil, 3, "all 1 environments of acme/churn are taken: production"},
		"C8, late": {map[string]any{developID: develop(func(s *contract.EnvironmentStatus) { s.Commit, s.NewestAt = shaB, noon })}, planned,
			[]string{"--committed-at", noon.Add(-time.Hour).Format(time.RFC3339)}, 0, "superseded by " + shaB + ", by commit time"},
		"X3, deletion scheduled": {map[string]any{developID: develop(func(s *contract.EnvironmentStatus) { s.Status = contract.StatusDeletionScheduled })}, planned, nil, 3, "the environment is deletion-scheduled"},
	} {
		t.Run(name, func(t *testing.T) {
			a, out, errs := newApp(nil)
			a.client = &fake{status: c.status}
			assert.Equal(t, c.code, a.run(t.Context(), planArgs(t, c.file, c.more...)), errs.String())
			assert.Contains(t, out.String(), c.says)
		})
	}
}

// Why is my commit not live? One look.
func TestWhyACommitIsNotLive(t *testing.T) {
	waits := updating()
	waits.Commit = shaB
	waits.Waiting = &contract.Waiting{Commit: shaB, Deployment: "env-a/3"}
	over, late := strings.Repeat("c", 40), strings.Repeat("d", 40)
	waits.Outcomes = []contract.Outcome{
		{Environment: "develop", Commit: over, Outcome: contract.OutcomeSuperseded, Reason: "superseded by " + late + ", which arrived while this commit waited", Deployment: "env-a/1"},
		{Environment: "develop", Commit: late, Outcome: contract.OutcomeDeployed, Deployment: "env-a/1"},
		{Environment: "develop", Commit: shaB, Outcome: contract.OutcomeDeployed, Deployment: "env-a/2"},
	}
	for name, c := range map[string]struct {
		commit string
		code   int
		says   []string
	}{
		"it waits":             {shaB[:8], 5, []string{"pending  develop at bbbbbbbbbbbb  env-a/3", "next: it waits for env-a/2 of commit aaaaaaaa", "That is at: one, 1 of 3 steps", "checking: i-2"}},
		"it is under way":      {shaA, 5, []string{"pending  develop at aaaaaaaaaaaa  env-a/2", "under way for", "switching: stopping the old i-0"}},
		"it was superseded":    {over[:7], 0, []string{"superseded  develop", "superseded by " + late}},
		"another came after":   {late[:7], 0, []string{"deployed  develop", "since then bbbbbbbbbbbb was deployed, by env-a/2"}},
		"it was never seen":    {strings.Repeat("e", 40), 2, []string{"develop accepted no such commit; its newest is bbbbbbbbbbbb"}},
		"that is no commit":    {"HEAD", 2, []string{"want a SHA, or its first digits; with --repo any revision"}},
		"that is hardly a SHA": {"ab", 2, []string{"want a SHA"}},
	} {
		t.Run(name, func(t *testing.T) {
			a, out, errs := newApp(nil)
			a.client = &fake{status: map[string]any{developID: waits, projectID: `{"project": "acme/churn", "limit": 4, "slots": [{"environment": "develop", "environmentId": "env-a"}]}`}}
			assert.Equal(t, c.code, a.run(t.Context(), []string{"status", "--project", "acme/churn", "--commit", c.commit}))
			for _, says := range c.says {
				assert.Contains(t, out.String()+errs.String(), says)
			}
		})
	}
}

func TestVersionAndCompletion(t *testing.T) {
	for _, args := range [][]string{{"--version"}, {"version"}} {
		a, out, _ := newApp(nil)
		require.Equal(t, 0, a.run(t.Context(), args))
		assert.Equal(t, "starter "+shownVersion()+"\n", out.String())
	}
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		a, out, _ := newApp(nil)
		require.Equal(t, 0, a.run(t.Context(), []string{"completion", shell}))
		assert.Contains(t, out.String(), "starter")
	}
	a, out, _ := newApp(nil)
	a.client = &fake{status: map[string]any{projectID: `{"project": "acme/churn", "limit": 4, "slots": [{"environment": "develop"}, {"environment": "production"}]}`}}
	require.Equal(t, 0, a.run(t.Context(), []string{"__complete", "status", "--project", "acme/churn", "--environment", ""}))
	assert.Contains(t, out.String(), "develop\nproduction\n")
}
