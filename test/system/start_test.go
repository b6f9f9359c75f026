package system_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aineko-dev/environments/internal/ec2sim"
	"github.com/aineko-dev/environments/test/drive"
	"github.com/aineko-dev/environments/test/stack"
)

// ended runs a program with variables over those of the stack, to its end.
func ended(t *testing.T, s *stack.Stack, variables []string, program string, args ...string) (code int, output string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), drive.Deadline)
	defer cancel()
	cmd := s.Tool(ctx, program, args...)
	cmd.Env = append(cmd.Env, variables...)
	out, err := cmd.CombinedOutput()
	require.NoError(t, ctx.Err(), "%s %v does not end:\n%s", program, args, out)
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode(), string(out)
	}
	require.NoError(t, err)
	return 0, string(out)
}

// nowhere is an address where nothing listens.
const nowhere = "127.0.0.1:1"

// A worker that cannot do its work does not start, and says what to mend.
func TestA11_AWorkerThatCannotWorkDoesNotStart(t *testing.T) {
	s := drive.Start(t, nil)
	listen := []string{"--listen="}
	for name, c := range map[string]struct {
		variables, args []string
		code            int
		says            []string
	}{
		"bad settings, all of them": {nil, []string{"--nat=three", "--cidr=10.0.0.1/16", "--zones=9"}, 2, []string{"--nat (AINEKO_NAT)", "--cidr (AINEKO_CIDR)", "--zones (AINEKO_ZONES)"}},
		"a bad variable":            {[]string{"AINEKO_ZONES=many"}, nil, 2, []string{"AINEKO_ZONES"}},
		"an unknown flag":           {nil, []string{"--nats=single"}, 2, []string{"unknown flag: --nats"}},
		"no Temporal":               {[]string{"TEMPORAL_ADDRESS=" + nowhere}, nil, 6, []string{nowhere}},
		"no such namespace":         {[]string{"TEMPORAL_NAMESPACE=elsewhere"}, nil, 2, []string{"temporal operator namespace create --namespace elsewhere"}},
		"no EC2":                    {[]string{"AWS_ENDPOINT_URL=http://" + nowhere}, nil, 6, []string{"STS GetCallerIdentity"}},
		"no region":                 {[]string{"AWS_REGION=", "AWS_CONFIG_FILE=" + os.DevNull}, nil, 2, []string{"set AWS_REGION"}},
	} {
		t.Run(name, func(t *testing.T) {
			code, out := ended(t, s, c.variables, "worker", append(listen, c.args...)...)
			assert.Equal(t, c.code, code, out)
			for _, says := range c.says {
				assert.Contains(t, out, says)
			}
		})
	}
	t.Run("no permission", func(t *testing.T) {
		require.NoError(t, s.Control().SetFaults(t.Context(), ec2sim.Fault{Action: "DescribeAvailabilityZones", Code: "UnauthorizedOperation", Status: 403}))
		code, out := ended(t, s, nil, "worker", listen...)
		require.NoError(t, s.Control().SetFaults(t.Context()))
		assert.Equal(t, 1, code, out)
		assert.Contains(t, out, "docs/iam-policy.json")
	})
	t.Run("search attributes missing", func(t *testing.T) {
		code, out := ended(t, s, nil, "temporal", "operator", "namespace", "create", "--namespace", "bare")
		require.Equal(t, 0, code, out)
		// A fresh namespace takes seconds to be known everywhere.
		drive.Eventually(t, drive.Deadline, "the worker names what to create", func() bool {
			code, out = ended(t, s, []string{"TEMPORAL_NAMESPACE=bare"}, "worker", "--listen=")
			return code == 2 && strings.Contains(out, "temporal operator search-attribute create --namespace bare --name AinekoProject --type Keyword")
		})
	})
}

// A starter that cannot do its work says so with the exit code that CI reads (S4).
func TestS4_AStarterThatCannotWork(t *testing.T) {
	s := drive.Start(t, nil)
	file := drive.DeployFile(t, drive.Listing("develop", "one"))
	right := []string{"push", "--project", "acme/s4", "--branch", "develop", "--commit", drive.SHA(1), "--deploy-file", file}
	empty := filepath.Join(t.TempDir(), "empty")
	require.NoError(t, exec.Command("git", "init", "--quiet", empty).Run())
	for name, c := range map[string]struct {
		variables, args []string
		code            int
		says            string
	}{
		"no Temporal":     {[]string{"TEMPORAL_ADDRESS=" + nowhere}, right, 6, nowhere},
		"unknown flag":    {nil, append(right, "--force"), 2, "unknown flag: --force"},
		"unknown command": {nil, []string{"pusch"}, 2, `unknown command "pusch"`},
		"no project":      {nil, []string{"push", "--branch", "develop", "--commit", drive.SHA(1), "--deploy-file", file}, 2, "--project"},
		"bad project":     {nil, append(right, "--project", "a b"), 2, "want owner/repo"},
		"short SHA":       {nil, append(right, "--commit", "abc"), 2, "full SHA"},
		"no file":         {nil, append(right, "--deploy-file", "gone.yml"), 2, "gone.yml"},
		"no repository":   {nil, append(right, "--repo", t.TempDir()), 2, "repository"},
		"no commit":       {nil, append(right, "--repo", empty), 2, drive.SHA(1)[:12]},
		"bad time":        {nil, append(right, "--committed-at", "yesterday"), 2, "yesterday"},
		"bad output":      {nil, append(right, "--output", "xml"), 2, "want text or json"},
	} {
		t.Run(name, func(t *testing.T) {
			code, out := ended(t, s, append([]string{"GITHUB_ACTIONS="}, c.variables...), "starter", c.args...)
			assert.Equal(t, c.code, code, out)
			assert.Contains(t, out, c.says)
			assert.Less(t, strings.Count(out, "\n"), 6, "a message, not a page:\n%s", out)
		})
	}
	_, out := ended(t, s, nil, "temporal", "workflow", "count")
	assert.Contains(t, out, "Total: 0", "nothing is half recorded")
}
