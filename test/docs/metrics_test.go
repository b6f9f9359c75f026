package docs_test

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aineko-dev/environments/internal/ec2sim"
	"github.com/aineko-dev/environments/test/stack"
)

// metricsDeadline is how long what goes wrong may take to be counted.
const metricsDeadline = time.Minute

// assertMetrics wants every metric that operators are told to watch to be one
// that a worker has. Those of failures appear with the first, so one of each is made.
func assertMetrics(t *testing.T, s *stack.Stack) {
	t.Helper()
	require.NoError(t, s.Control().SetFaults(t.Context(), ec2sim.Fault{Action: "DescribeInstances", Code: "UnauthorizedOperation", Status: 403, Times: 1}))
	for _, args := range []string{
		// An activity fails.
		"workflow update execute --workflow-id environment:acme/churn:develop --name verify",
		// A signal cannot be read.
		"workflow signal --workflow-id environment:acme/churn:develop --name progress --input 7",
		// A workflow fails: its ID is not the environment's.
		"workflow start --task-queue environments --type environment --workflow-id elsewhere --input {\"project\":\"acme/churn\",\"environment\":\"x\"}",
		// A workflow task fails: nobody knows the type.
		"workflow start --task-queue environments --type unknown --workflow-id unknown",
	} {
		_, _ = s.Tool(t.Context(), "temporal", strings.Fields(args)...).CombinedOutput()
	}
	data, err := os.ReadFile(filepath.Join(stack.Root(), "docs/operations.md"))
	require.NoError(t, err)
	named := regexp.MustCompile("(?m)^\\| `(temporal_[a-z_]+)` \\|").FindAllStringSubmatch(string(data), -1)
	require.NotEmpty(t, named)
	missing := func() (names []string) {
		served := served(t, s)
		for _, n := range named {
			if !strings.Contains(served, "# TYPE "+n[1]+" ") {
				names = append(names, n[1])
			}
		}
		return names
	}
	const outOfReach = "temporal_long_request_failure_total"
	within(func() bool { return len(missing()) == 0 || slices.Equal(missing(), []string{outOfReach}) })
	s.Kill("temporal") // the last thing that this stack goes through
	within(func() bool { return len(missing()) == 0 })
	assert.Empty(t, missing(), "docs/operations.md names metrics that a worker does not have")
}

// within waits until something is so, or too long.
func within(is func() bool) {
	for deadline := time.Now().Add(metricsDeadline); !is() && time.Now().Before(deadline); {
		time.Sleep(300 * time.Millisecond)
	}
}

func served(t *testing.T, s *stack.Stack) string {
	t.Helper()
	response, err := http.Get("http://" + s.WorkerAddress + "/metrics")
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	data, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return string(data)
}
