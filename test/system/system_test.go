package system_test

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
	"github.com/aineko-dev/environments/internal/ec2sim"
	"github.com/aineko-dev/environments/test/stack"
)

// start starts a stack for a test.
func start(t *testing.T, settings map[string]string) *stack.Stack {
	t.Helper()
	all := map[string]string{"readiness-timeout": "20s", "deletion-grace": "1s"}
	for k, v := range settings {
		all[k] = v
	}
	s, err := stack.New(stack.Options{Dir: t.TempDir(), Speed: 100, WorkerSettings: all})
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

// deployFile writes a deploy.yml.
func deployFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "deploy.yml")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

// listing is a deploy.yml with one pipeline for an environment.
func listing(environment string, pipelines ...string) string {
	return fmt.Sprintf("version: 0.1.0\npipelines: {one: {source: a.yml}, two: {source: b.yml}}\nenvironments: {%s: {pipelines: [%s]}}\n", environment, strings.Join(pipelines, ", "))
}

func sha(i int) string { return fmt.Sprintf("%040x", i) }

// push runs `starter push --output json`.
func push(ctx context.Context, s *stack.Stack, project, branch, file string, n int, more ...string) (contract.Outcome, int, string) {
	args := append([]string{"push", "--project", project, "--branch", branch, "--commit", sha(n), "--deploy-file", file, "--output", "json"}, more...)
	cmd := s.Tool(ctx, "starter", args...)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	code := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	}
	var o contract.Outcome
	_ = json.Unmarshal(out, &o)
	return o, code, errs.String()
}

func status(t *testing.T, s *stack.Stack, project, environment string) contract.EnvironmentStatus {
	t.Helper()
	out, err := s.Tool(t.Context(), "starter", "status", "--project", project, "--environment", environment, "--output", "json").Output()
	require.NoError(t, err)
	var all contract.Status
	require.NoError(t, json.Unmarshal(out, &all))
	require.Len(t, all.Environments, 1)
	return all.Environments[0]
}

// roles counts what the account holds of an environment, by role and pipeline.
func roles(t *testing.T, s *stack.Stack, environmentID string) map[string]int {
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

// whole is an environment with one pipeline and a single NAT gateway: each thing once.
func assertWhole(t *testing.T, s *stack.Stack, environmentID string, pipelines ...string) {
	t.Helper()
	for role, n := range roles(t, s, environmentID) {
		assert.Equal(t, 1, n, "%s is there %d times", role, n)
	}
	found := roles(t, s, environmentID)
	for _, want := range []string{"vpc vpc", "natgateway nat-a", "elastic-ip nat-address-a", "internet-gateway internet-gateway", "instance broker", "volume broker-volume", "network-interface broker-interface"} {
		assert.Contains(t, found, want)
	}
	for _, p := range pipelines {
		assert.Contains(t, found, "instance pipeline"+p)
	}
}

// deadline of what must be so in the end.
const deadline = time.Minute

func eventually(t *testing.T, within time.Duration, what string, is func() bool) {
	t.Helper()
	deadline := time.Now().Add(within)
	for !is() {
		if time.Now().After(deadline) {
			t.Fatalf("not so after %s: %s", within, what)
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// What a person has to mend ends the commit with what to do, and the next
// attempt goes on from there.
func TestC13_MissingPermissionAndQuota(t *testing.T) {
	s := start(t, nil)
	file := deployFile(t, listing("develop", "one"))
	for i, c := range []struct{ action, code, says string }{
		{"CreateVpc", "VpcLimitExceeded", `the account's quota "VPCs per Region (5 by default)" is used up`},
		{"CreateNatGateway", "UnauthorizedOperation", "compare its policy with docs/iam-policy.json"},
		{"RunInstances", "UnauthorizedOperation", "compare its policy with docs/iam-policy.json"},
	} {
		require.NoError(t, s.Control().SetFaults(t.Context(), ec2sim.Fault{Action: c.action, Code: c.code, Status: 403}))
		o, code, _ := push(t.Context(), s, "acme/rights", "develop", file, i+1)
		assert.Equal(t, 4, code)
		assert.Equal(t, contract.OutcomeFailed, o.Outcome)
		assert.Contains(t, o.Reason, c.says)
	}
	require.NoError(t, s.Control().SetFaults(t.Context()))
	out, err := s.Tool(t.Context(), "starter", "retry", "--project", "acme/rights", "--environment", "develop").CombinedOutput()
	require.NoError(t, err, string(out))
	e := status(t, s, "acme/rights", "develop")
	assert.Equal(t, contract.StatusReady, e.Status)
	assertWhole(t, s, e.EnvironmentID, "one")
}

func TestC6_TheLastSlotOfManyPushes(t *testing.T) {
	s := start(t, nil)
	type result struct {
		name    string
		outcome contract.Outcome
		code    int
	}
	results := make(chan result)
	const pushes = 10
	for i := range pushes {
		name := fmt.Sprintf("env-%d", i)
		file := deployFile(t, listing(name))
		go func() {
			o, code, _ := push(t.Context(), s, "acme/slots", name, file, 1)
			results <- result{name, o, code}
		}()
	}
	won := 0
	for range pushes {
		r := <-results
		if r.code == 0 {
			won++
			continue
		}
		assert.Equal(t, 3, r.code, "%s: %+v", r.name, r.outcome)
		assert.Contains(t, r.outcome.Reason, "develop")
	}
	assert.Equal(t, 2, won)
}

func TestA9_KilledWorkersServersAndSimulators(t *testing.T) {
	s := start(t, nil)
	for name, crash := range map[string]func(){
		"worker": func() {
			s.Kill("worker")
			require.NoError(t, s.StartWorker(t.Context(), "worker"))
		},
		"worker, asked to stop": func() {
			s.StopPart("worker")
			require.NoError(t, s.StartWorker(t.Context(), "worker"))
		},
		"server": func() {
			s.Kill("temporal")
			require.NoError(t, s.StartTemporal(t.Context()))
		},
		"EC2": func() {
			s.Kill("ec2sim")
			time.Sleep(2 * time.Second)
			require.NoError(t, s.StartSimulator(t.Context()))
		},
	} {
		t.Run(name, func(t *testing.T) {
			project := "acme/" + strings.NewReplacer(" ", "-", ",", "").Replace(name)
			file := deployFile(t, listing("develop", "one"))
			done := make(chan contract.Outcome)
			go func() {
				o, _, _ := push(t.Context(), s, project, "develop", file, 1)
				done <- o
			}()
			time.Sleep(2500 * time.Millisecond) // in the middle of initialising
			crash()
			o := <-done
			assert.Equal(t, contract.OutcomeDeployed, o.Outcome, o.Reason)
			e := status(t, s, project, "develop")
			assert.Equal(t, contract.StatusReady, e.Status, e.Reason)
			assertWhole(t, s, e.EnvironmentID, "one")
		})
	}
}

// The environment's workflow is terminated by hand: the next commit takes up
// what exists, under the same id, and makes nothing twice.
func TestC6_TerminatedByHand(t *testing.T) {
	s := start(t, nil)
	first := deployFile(t, listing("develop", "one"))
	o, _, _ := push(t.Context(), s, "acme/gone", "develop", first, 1)
	require.Equal(t, contract.OutcomeDeployed, o.Outcome, o.Reason)
	before := status(t, s, "acme/gone", "develop")
	out, err := s.Tool(t.Context(), "temporal", "workflow", "terminate", "--workflow-id", contract.EnvironmentWorkflowID("acme/gone", "develop"), "--reason", "a test").CombinedOutput()
	require.NoError(t, err, string(out))

	o, _, _ = push(t.Context(), s, "acme/gone", "develop", deployFile(t, listing("develop", "one", "two")), 2)
	require.Equal(t, contract.OutcomeDeployed, o.Outcome, o.Reason)
	after := status(t, s, "acme/gone", "develop")
	assert.Equal(t, before.EnvironmentID, after.EnvironmentID)
	assert.Equal(t, before.VPCID, after.VPCID)
	assertWhole(t, s, after.EnvironmentID, "one", "two")
}

func TestC14_ReconcileBringsBackWhatIsGone(t *testing.T) {
	s := start(t, nil)
	o, _, _ := push(t.Context(), s, "acme/drift", "develop", deployFile(t, listing("develop", "one")), 1)
	require.Equal(t, contract.OutcomeDeployed, o.Outcome, o.Reason)
	e := status(t, s, "acme/drift", "develop")
	broker := e.Services[0]
	terminate(t, s, broker.InstanceID, e.Pipelines[0].InstanceID)
	out, err := s.Tool(t.Context(), "starter", "reconcile", "--project", "acme/drift", "--environment", "develop").CombinedOutput()
	require.NoError(t, err, string(out))
	assert.Contains(t, string(out), "repairs")
	eventually(t, time.Minute, "ready again", func() bool {
		now := status(t, s, "acme/drift", "develop")
		return now.Status == contract.StatusReady && now.Services[0].InstanceID != broker.InstanceID && len(now.Pipelines) == 1 && now.Pipelines[0].InstanceID != e.Pipelines[0].InstanceID
	})
	now := status(t, s, "acme/drift", "develop")
	assert.Equal(t, broker.Address, now.Services[0].Address, "the same address")
	assertWhole(t, s, now.EnvironmentID, "one")
}
