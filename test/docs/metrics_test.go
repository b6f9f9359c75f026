package docs_test

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
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
	var missing []string
	for deadline := time.Now().Add(metricsDeadline); time.Now().Before(deadline); time.Sleep(300 * time.Millisecond) {
		response, err := http.Get("http://" + s.WorkerAddress + "/metrics")
		require.NoError(t, err)
		served, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		require.NoError(t, err)
		missing = nil
		for _, n := range named {
			if !strings.Contains(string(served), "# TYPE "+n[1]+" ") {
				missing = append(missing, n[1])
			}
		}
		if len(missing) == 0 {
			return
		}
	}
	assert.Empty(t, missing, "docs/operations.md names metrics that a worker does not have")
}
