// Package drive lets a test use the product as people do: it starts a stack,
// runs the starter and the tools beside it, and reads what they say and what
// the simulated account holds.
package drive

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aineko-dev/environments/internal/contract"
	"github.com/aineko-dev/environments/test/stack"
)

// Deadline of what must be so in the end. It bounds a broken test; no test
// measures with it.
const Deadline = time.Minute

// Speed is how much faster than AWS a test's simulator is.
const Speed = 100

// Start starts a stack for a test, with these worker settings over those that
// suit a fast simulator. It is stopped when the test ends.
func Start(t *testing.T, settings map[string]string) *stack.Stack {
	t.Helper()
	all := map[string]string{"readiness-timeout": "20s", "deletion-grace": "1s"}
	for k, v := range settings {
		all[k] = v
	}
	s, err := stack.New(stack.Options{Dir: t.TempDir(), Speed: Speed, WorkerSettings: all})
	require.NoError(t, err)
	require.NoError(t, s.Start(t.Context()))
	t.Cleanup(func() {
		_ = s.Stop()
		if t.Failed() {
			t.Log("the worker's log ends:\n" + s.Log("worker"))
		}
	})
	return s
}

// DeployFile writes a deploy.yml and returns its path.
func DeployFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "deploy.yml")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

// Listing is a deploy.yml that knows the pipelines one and two, and lists
// these for an environment.
func Listing(environment string, pipelines ...string) string {
	return fmt.Sprintf("version: 0.1.0\npipelines: {one: {source: a.yml}, two: {source: b.yml}}\nenvironments: {%s: {pipelines: [%s]}}\n", environment, strings.Join(pipelines, ", "))
}

// SHA is the n-th commit's.
func SHA(n int) string { return fmt.Sprintf("%040x", n) }

// Push runs `starter push --output json` for the n-th commit. It returns the
// document on stdout, the exit code and stderr.
func Push(ctx context.Context, s *stack.Stack, project, branch, file string, n int, more ...string) (contract.Outcome, int, string) {
	args := append([]string{"push", "--project", project, "--branch", branch, "--commit", SHA(n), "--deploy-file", file, "--output", "json"}, more...)
	cmd := s.Tool(ctx, "starter", args...)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	code := 0
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		code = exit.ExitCode()
	case err != nil:
		return contract.Outcome{}, -1, err.Error()
	}
	var o contract.Outcome
	if err := json.Unmarshal(out, &o); err != nil && len(out) > 0 {
		return o, -1, fmt.Sprintf("stdout is no document (%v): %s", err, out)
	}
	return o, code, errs.String()
}

// Status is what `starter status` says of one environment.
func Status(t *testing.T, s *stack.Stack, project, environment string) contract.EnvironmentStatus {
	t.Helper()
	out, err := s.Tool(t.Context(), "starter", "status", "--project", project, "--environment", environment, "--output", "json").Output()
	require.NoError(t, err)
	var all contract.Status
	require.NoError(t, json.Unmarshal(out, &all))
	require.Len(t, all.Environments, 1)
	return all.Environments[0]
}

// Roles counts what the account holds of an environment, by role and pipeline.
func Roles(t *testing.T, s *stack.Stack, environmentID string) map[string]int {
	t.Helper()
	account, err := s.Control().Account(t.Context())
	require.NoError(t, err)
	found := map[string]int{}
	for _, r := range account {
		if r.Tags[contract.EnvironmentIDTag] == environmentID && r.State != "terminated" && r.State != "deleted" && r.State != "shutting-down" {
			found[r.Kind+" "+r.Tags[contract.RoleTag]+r.Tags[contract.PipelineTag]]++
		}
	}
	return found
}

// AssertWhole asserts that an environment with a single NAT gateway has each
// thing exactly once, and these pipelines.
func AssertWhole(t *testing.T, s *stack.Stack, environmentID string, pipelines ...string) {
	t.Helper()
	found := Roles(t, s, environmentID)
	for role, n := range found {
		assert.Equal(t, 1, n, "%s is there %d times", role, n)
	}
	for _, want := range []string{"vpc vpc", "natgateway nat-a", "elastic-ip nat-address-a", "internet-gateway internet-gateway", "instance broker", "volume broker-volume", "network-interface broker-interface"} {
		assert.Contains(t, found, want)
	}
	for _, p := range pipelines {
		assert.Contains(t, found, "instance pipeline"+p)
	}
}

// Eventually waits until something is so, and fails the test when it is not in time.
func Eventually(t *testing.T, within time.Duration, what string, is func() bool) {
	t.Helper()
	deadline := time.Now().Add(within)
	for !is() {
		if time.Now().After(deadline) {
			t.Fatalf("not so after %s: %s", within, what)
		}
		time.Sleep(200 * time.Millisecond)
	}
}
