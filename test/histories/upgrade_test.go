package histories_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/aineko-dev/environments/internal/contract"
	"github.com/aineko-dev/environments/internal/ec2sim"
	"github.com/aineko-dev/environments/test/drive"
	"github.com/aineko-dev/environments/test/histories"
	"github.com/aineko-dev/environments/test/stack"
)

// build builds a worker whose workflows are other texts than today's: by the
// names of the files, an empty one for a file that is not there.
func build(t *testing.T, texts map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	for name, text := range texts {
		path := ""
		if text != nil {
			path = filepath.Join(dir, name)
			require.NoError(t, os.WriteFile(path, text, 0o600))
		}
		overlay.Replace[filepath.Join(stack.Root(), "workflows", name)] = path
	}
	list, err := json.Marshal(overlay)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "overlay.json"), list, 0o600))
	program := filepath.Join(dir, "worker")
	cmd := exec.Command("go", "build", "-overlay", filepath.Join(dir, "overlay.json"), "-ldflags", "-s -w", "-o", program, "./worker")
	cmd.Dir, cmd.Env = stack.Root(), append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return program
}

// older builds the worker of the oldest version that is kept, since it may
// still be in flight: today's, with the workflows of then.
func older(t *testing.T) (program, version string) {
	t.Helper()
	versions, err := histories.Versions(".")
	require.NoError(t, err)
	require.NotEmpty(t, versions)
	version = versions[0]
	dir := t.TempDir()
	require.NoError(t, histories.Sources(".", version, dir))
	texts := map[string][]byte{}
	today, err := filepath.Glob(filepath.Join(stack.Root(), "workflows", "*.go"))
	require.NoError(t, err)
	for _, path := range today {
		if !strings.HasSuffix(path, "_test.go") {
			texts[filepath.Base(path)] = nil
		}
	}
	then, err := filepath.Glob(filepath.Join(dir, "*.go"))
	require.NoError(t, err)
	for _, path := range then {
		texts[filepath.Base(path)], err = os.ReadFile(path)
		require.NoError(t, err)
	}
	return build(t, texts), version
}

// newer builds a worker with the change that docs/design.md shows as its
// example: one more activity of initialize-environment, behind GetVersion.
func newer(t *testing.T) string {
	t.Helper()
	const file, before = "initialize.go", "\tprogress.start(ctx, activities.Sweep)\n"
	text, err := os.ReadFile(filepath.Join(stack.Root(), "workflows", file))
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(string(text), before), "%s has changed: say here where the change goes now", file)
	changed := strings.Replace(string(text), before, `	if workflow.GetVersion(ctx, "look-before-sweep", workflow.DefaultVersion, 1) >= 1 {
		if err := workflow.ExecuteActivity(quickContext(ctx, "the worker's settings, once more"), activities.ReadSettings).Get(ctx, nil); err != nil {
			return out, unfinished("reading the settings", err)
		}
	}
`+before, 1)
	return build(t, map[string][]byte{file: []byte(changed)})
}

// A worker of the recorded build begins an initialisation, today's goes on
// with it, and one with a further change ends it (T5). Then a second one has
// the change from its beginning.
func TestT5_AnOlderBuildBeginsAndNewerOnesEndIt(t *testing.T) {
	const project = "acme/upgrade"
	first, version := older(t)
	last := newer(t)
	s, err := stack.New(stack.Options{Dir: t.TempDir(), Speed: drive.Speed / 2, WorkerSettings: map[string]string{"readiness-timeout": "20s", "reconcile-interval": "0"}})
	require.NoError(t, err)
	today := s.WorkerProgram
	s.WorkerProgram = first
	require.NoError(t, s.Start(t.Context()))
	t.Cleanup(func() {
		_ = s.Stop()
		if t.Failed() {
			t.Log("the worker's log ends:\n" + s.Log("worker"))
		}
	})
	c, err := client.DialContext(t.Context(), client.Options{HostPort: s.Temporal})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	// Initialising stays in its middle, at the NAT gateway, until both upgrades are done.
	require.NoError(t, s.Control().SetFaults(t.Context(), ec2sim.Fault{Action: "CreateNatGateway", Code: "RequestLimitExceeded", Status: 503}))
	ended := make(chan contract.Outcome, 1)
	file := drive.DeployFile(t, drive.Listing("develop", "one"))
	go func() {
		o, _, errs := drive.Push(context.WithoutCancel(t.Context()), s, project, "develop", file, 1)
		o.Reason += errs
		ended <- o
	}()
	upgrade := func(program string, done int) {
		var e contract.EnvironmentStatus
		drive.Eventually(t, drive.Deadline, "in the middle", func() bool {
			// The worker that stopped may still be asked; not for long.
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			answer, err := c.QueryWorkflow(ctx, contract.EnvironmentWorkflowID(project, "develop"), "", contract.StatusQuery)
			return err == nil && answer.Get(&e) == nil && e.Progress.Done >= done
		})
		require.Equal(t, contract.StatusInitializing, e.Status, "too late for an upgrade in the middle: %+v", e.Progress)
		s.StopPart("worker")
		s.WorkerProgram = program
		require.NoError(t, s.StartWorker(t.Context(), "worker"))
		t.Logf("another build from step %d of %d on", e.Progress.Done, e.Progress.Total)
	}
	upgrade(today, 3)
	upgrade(last, 8)
	require.NoError(t, s.Control().SetFaults(t.Context()))
	o := <-ended
	assert.Equal(t, contract.OutcomeDeployed, o.Outcome, "begun by the workflows of %s: %s", version, o.Reason)
	drive.AssertWhole(t, s, drive.Status(t, s, project, "develop").EnvironmentID, "one")

	o, _, errs := drive.Push(t.Context(), s, project, "later", drive.DeployFile(t, drive.Listing("later", "one")), 1)
	require.Equal(t, contract.OutcomeDeployed, o.Outcome, "%s %s", o.Reason, errs)
	markers := map[string]bool{}
	for _, environment := range []string{"develop", "later"} {
		history, err := histories.Read(t.Context(), c, contract.InitializeWorkflowID(project, environment, 1), "")
		require.NoError(t, err)
		text, err := histories.JSON(history)
		require.NoError(t, err)
		markers[environment] = strings.Contains(string(text), "look-before-sweep")
	}
	assert.True(t, markers["later"], "the change is in what begins with it")
	t.Logf("the change in what began before it: %v", markers["develop"])
}
