package durable_test

import (
	"context"
	"encoding/json"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/aineko-dev/environments/activities"
	"github.com/aineko-dev/environments/internal/contract"
	"github.com/aineko-dev/environments/test/drive"
	"github.com/aineko-dev/environments/test/histories"
	"github.com/aineko-dev/environments/test/stack"
)

// Workers, the server, EC2 and the starter come and go in the middle of an
// initialisation (A9): each time it comes to its right end, with each thing
// there once.
func TestA9_WorkersServersEC2AndStartersComeAndGo(t *testing.T) {
	t.Parallel() // it waits more than it works
	const project = "acme/coming"
	s, _ := behindGate(t, map[string]string{"environment-limit": "10", "reconcile-interval": "0"}, histories.Planted()...)
	c := dial(t, s)
	file := func(environment string) string {
		return drive.DeployFile(t, "# "+histories.Secrets["a comment in deploy.yml"]+"\n"+drive.Listing(environment, "one"))
	}

	// The calm one says how many calls that change something it takes.
	o, _, errs := drive.Push(t.Context(), s, project, "calm", file("calm"), 1)
	require.Equal(t, contract.OutcomeDeployed, o.Outcome, "%s %s", o.Reason, errs)
	for _, name := range contract.InitialEnvironments {
		drive.Eventually(t, drive.Deadline, name+" is ready", func() bool { return drive.Status(t, s, project, name).Status == contract.StatusReady })
	}
	mark := calls(t, s)
	o, _, errs = drive.Push(t.Context(), s, project, "calmer", file("calmer"), 1)
	require.Equal(t, contract.OutcomeDeployed, o.Outcome, "%s %s", o.Reason, errs)
	calm := made(t, s, mark)
	require.Equal(t, 1, calm["CreateVpc"])

	for _, crash := range []struct {
		name string
		do   func(t *testing.T, starter *exec.Cmd)
		// gently is whether nothing is even tried twice.
		gently bool
	}{
		{"one-of-two-workers", func(t *testing.T, _ *exec.Cmd) {
			require.NoError(t, s.StartWorker(t.Context(), "second"))
			s.Kill("worker")
			t.Cleanup(func() { // the first is the one with the health page
				require.NoError(t, s.StartWorker(context.WithoutCancel(t.Context()), "worker"))
				s.StopPart("second")
			})
		}, false},
		{"a-worker-stops", func(t *testing.T, _ *exec.Cmd) {
			require.NoError(t, s.StartWorker(t.Context(), "second"))
			s.StopPart("worker")
			assert.Contains(t, s.Log("worker"), "Stopped Worker", "it had to be killed")
			t.Cleanup(func() { require.NoError(t, s.StartWorker(context.WithoutCancel(t.Context()), "worker")) })
		}, true},
		{"the-server", func(t *testing.T, _ *exec.Cmd) {
			s.Kill("temporal")
			require.NoError(t, s.StartTemporal(t.Context()))
		}, false},
		{"ec2", func(t *testing.T, _ *exec.Cmd) {
			// It stops in order: EC2 is out of reach at times, but forgets nothing.
			s.StopPart("ec2sim")
			time.Sleep(3 * time.Second)
			require.NoError(t, s.StartSimulator(t.Context()))
		}, false},
		{"the-starter", func(_ *testing.T, starter *exec.Cmd) { _ = starter.Process.Kill() }, true},
	} {
		t.Run(crash.name, func(t *testing.T) {
			mark := calls(t, s)
			deployFile := file(crash.name)
			starter := s.Tool(t.Context(), "starter", "push", "--project", project, "--branch", crash.name, "--commit", drive.SHA(1), "--deploy-file", deployFile, "--output", "json")
			ended := make(chan []byte, 1)
			stdout, err := starter.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, starter.Start())
			go func() {
				var o json.RawMessage
				_ = json.NewDecoder(stdout).Decode(&o)
				_ = starter.Wait()
				ended <- o
			}()
			middle(t, c, project, crash.name)
			crash.do(t, starter)
			var o contract.Outcome
			if err := json.Unmarshal(<-ended, &o); err != nil || o.Outcome == contract.OutcomePending {
				// It was killed, or nobody answered it: people run it again, and it joins.
				var errs string
				o, _, errs = drive.Push(t.Context(), s, project, crash.name, deployFile, 1)
				require.NotEmpty(t, o.Outcome, errs)
			}
			assert.Equal(t, contract.OutcomeDeployed, o.Outcome, o.Reason)
			e := drive.Status(t, s, project, crash.name)
			assert.Equal(t, e.EnvironmentID+"/1", o.Deployment, "one deployment, however often it was pushed")
			assert.Equal(t, contract.StatusReady, e.Status, e.Reason)
			drive.AssertWhole(t, s, e.EnvironmentID, "one")
			if crash.gently {
				assert.Equal(t, calm, made(t, s, mark), "what was under way went on where it was")
			}
			if crash.name == "a-worker-stops" {
				assertHandedOver(t, c, project, crash.name)
			}
		})
	}
	t.Run("T6: nothing secret is in the histories", func(t *testing.T) { assertNothingSecret(t, c) })
}

// assertNothingSecret asserts that no history holds one of the planted secrets.
func assertNothingSecret(t *testing.T, c client.Client) {
	t.Helper()
	listed, err := c.ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{PageSize: 1000})
	require.NoError(t, err)
	require.NotEmpty(t, listed.GetExecutions())
	for _, execution := range listed.GetExecutions() {
		history, err := histories.Read(t.Context(), c, execution.GetExecution().GetWorkflowId(), execution.GetExecution().GetRunId())
		require.NoError(t, err)
		text, err := histories.JSON(history)
		require.NoError(t, err)
		leaks, err := histories.Leaks(text)
		require.NoError(t, err)
		assert.Empty(t, leaks, execution.GetExecution().GetWorkflowId())
	}
}

// middle waits until an initialisation waits for its NAT gateway.
func middle(t *testing.T, c client.Client, project, environment string) {
	t.Helper()
	drive.Eventually(t, drive.Deadline, "in the middle", func() bool {
		var e contract.EnvironmentStatus
		answer, err := c.QueryWorkflow(t.Context(), contract.EnvironmentWorkflowID(project, environment), "", contract.StatusQuery)
		if err != nil || answer.Get(&e) != nil {
			return false
		}
		for _, step := range e.Progress.Steps {
			if step.Name == "nat-a" {
				return true
			}
		}
		return false
	})
}

// assertHandedOver asserts that activities went from one worker to another by
// its saying so, and not because the server missed it.
func assertHandedOver(t *testing.T, c client.Client, project, environment string) {
	t.Helper()
	handed := 0
	for _, id := range []string{contract.InitializeWorkflowID(project, environment, 1), contract.DeployWorkflowID(project, environment, 1)} {
		history, err := histories.Read(t.Context(), c, id, "")
		require.NoError(t, err)
		for _, event := range history.Events {
			if started := event.GetActivityTaskStartedEventAttributes(); started.GetAttempt() > 1 {
				failure := started.GetLastFailure()
				assert.Nil(t, failure.GetTimeoutFailureInfo(), "%v", failure)
				if failure.GetApplicationFailureInfo().GetType() == activities.ErrWorkerStopping {
					handed++
				}
			}
		}
	}
	assert.NotZero(t, handed, "nothing was handed over")
}

// calls is how many calls the account has seen.
func calls(t *testing.T, s *stack.Stack) int {
	t.Helper()
	journal, err := s.Control().Journal(t.Context())
	require.NoError(t, err)
	return len(journal)
}

// made counts the calls since a mark that have made something, by action.
func made(t *testing.T, s *stack.Stack, mark int) map[string]int {
	t.Helper()
	journal, err := s.Control().Journal(t.Context())
	require.NoError(t, err)
	counted := map[string]int{}
	for _, call := range journal[mark:] {
		if call.Changes && call.Error == "" && len(call.IDs) > 0 && !call.Replayed {
			counted[call.Action]++
		}
	}
	return counted
}
