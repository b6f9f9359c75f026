package durable_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"github.com/aineko-dev/environments/internal/contract"
	"github.com/aineko-dev/environments/test/world"
)

// manyCommits is how many TestT4_ManyCommits sends; `./task soak` sends 10,000.
// The short form meets the end of runs by an earlier suggestion of the server's
// and pauses; the long one by the bounds as they are.
var manyCommits = flag.Int("commits", short, "commits to one environment")

const short = 60

// What a history may have at most, by the server's own measure.
const (
	mostEvents = 5000
	mostBytes  = 5 << 20
)

// assertBounded asserts that no run of a project's workflows grew beyond the
// bounds, and returns how many runs the environment had.
func (d *develop) assertBounded(of string) (runs int) {
	d.Helper()
	all, err := d.Runs(d.ctx, fmt.Sprintf("WorkflowId = '%s'", of))
	require.NoError(d, err)
	var events, bytes int64
	for _, run := range all {
		events, bytes = max(events, run.GetHistoryLength()), max(bytes, run.GetHistorySizeBytes())
	}
	assert.Less(d, events, int64(mostEvents))
	assert.Less(d, bytes, int64(mostBytes))
	d.Logf("%s: %d runs, the largest history has %d events and %d bytes", of, len(all), events, bytes)
	return len(all)
}

// signalOnce sends a signal, and sends it again under the same ID where a starved
// server did not answer in time.
func (d *develop) signalOnce(workflowID, name string) error {
	input, err := converter.GetDefaultDataConverter().ToPayloads(contract.OperatorRequest{RequestedBy: "ops"})
	if err != nil {
		return err
	}
	signal := &workflowservice.SignalWorkflowExecutionRequest{
		Namespace: client.DefaultNamespace, WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: workflowID},
		SignalName: name, Input: input, RequestId: uuid.NewString(),
	}
	for {
		ctx, cancel := context.WithTimeout(d.ctx, 10*time.Second)
		_, err = d.Client.WorkflowService().SignalWorkflowExecution(ctx, signal)
		cancel()
		if err == nil || d.ctx.Err() != nil {
			return err
		}
	}
}

// A storm of commits and signals, known and unknown, while workers come and go
// and runs end: nothing is lost, nothing is done twice.
func TestT4_AStormOverManyRuns(t *testing.T) {
	d := newDevelop(t, world.Options{ContinueAfter: 150})
	id := contract.EnvironmentWorkflowID(acme, d.name)
	d.ended(d.push(d.commit(1, "one")))
	const waves, each, senders = 8, 2, 4
	var number, signals atomic.Int64
	number.Store(1)
	type sent struct {
		update string
		n      int
		answer world.Answer
	}
	answers := make(chan sent, waves*each*senders)
	storm, calm := context.WithCancel(d.ctx)
	var weather, pushes sync.WaitGroup
	for i := range 2 {
		weather.Go(func() {
			for n := 0; storm.Err() == nil; n++ {
				name := contract.DeleteEnvironmentSignal
				if i == 1 && n%3 == 0 {
					name = "delete-enviroment"
				}
				if assert.NoError(t, d.signalOnce(id, name)) && name == contract.DeleteEnvironmentSignal {
					signals.Add(1)
				}
				time.Sleep(time.Duration(50+rand.IntN(100)) * time.Millisecond)
			}
		})
	}
	weather.Go(func() {
		for storm.Err() == nil {
			select {
			case <-storm.Done():
			case <-time.After(6 * time.Second):
				d.RestartWorker(t)
			}
		}
	})
	for wave := range waves {
		for i := range senders {
			pushes.Go(func() {
				for k := range each {
					n := int(number.Add(1))
					update := fmt.Sprintf("storm-%d-%d-%d", wave, i, k)
					a, err := d.Push(d.ctx, update, d.commit(n, "one"))
					if !assert.NoError(t, err) {
						return
					}
					answers <- sent{update, n, a}
				}
			})
		}
		pushes.Wait()
		// Runs end about a second after the last update: the next wave hits that.
		time.Sleep(time.Duration(1000+rand.IntN(1500)) * time.Millisecond)
	}
	calm()
	weather.Wait()
	close(answers)

	byDeployment := map[string]string{}
	last := 0
	for s := range answers {
		last = max(last, s.n)
		if s.answer.Refused != "" {
			require.Equal(t, contract.ErrSuperseded, s.answer.Refused, s.answer.Message)
			continue
		}
		sha, twice := byDeployment[s.answer.Deployment]
		require.False(t, twice, "%s is both %s and %s", s.answer.Deployment, sha, world.SHA(s.n))
		byDeployment[s.answer.Deployment] = world.SHA(s.n)
	}
	s := d.idle()
	assert.Equal(t, []string{"one"}, running(s, world.SHA(last)), "the newest commit runs")
	assert.Len(t, d.Instances(s.EnvironmentID), 1)
	assert.Empty(t, d.Twice())
	assertOutcomesOnce(t, s)
	outcomes := map[string]string{}
	for _, o := range s.Outcomes {
		outcomes[o.Deployment] = o.Commit
	}
	for deployment, sha := range byDeployment {
		assert.Equal(t, sha, outcomes[deployment], "the outcome of %s", deployment)
	}
	assert.Len(t, outcomes, len(byDeployment)+1)
	// Every signal arrived: each was refused, and counted.
	world.Eventually(t, "every signal is counted", func() bool { s = d.status(); return s.Deletion.Requests == int(signals.Load()) })
	var runs int
	world.Eventually(t, "it continues as new", func() bool { runs = d.assertBounded(id); return runs > 1 })
	t.Logf("%d commits accepted, %d signals, %d runs", len(byDeployment), signals.Load(), runs)
}

// Ten thousand commits to one environment, at the bounds as they are: every
// one has its outcome, no history grows beyond bounds, and the idempotency key
// of a commit is known in the next run.
func TestT4_ManyCommits(t *testing.T) {
	options := world.Options{}
	if *manyCommits == short {
		options.ContinueAfter = 300
	}
	d := newDevelop(t, options)
	ctx, cancel := context.WithTimeout(t.Context(), world.Deadline+time.Duration(*manyCommits)*time.Second)
	defer cancel()
	d.ctx = ctx
	id := contract.EnvironmentWorkflowID(acme, d.name)
	first := d.push(d.commit(1, "one"))
	d.ended(first)
	run := func() string {
		info, err := d.Client.DescribeWorkflowExecution(d.ctx, id, "")
		require.NoError(t, err)
		return info.GetWorkflowExecutionInfo().GetExecution().GetRunId()
	}
	repeated := 0
	for n := 2; n <= *manyCommits; n++ {
		before := run()
		if *manyCommits == short && n%20 == 0 {
			time.Sleep(1500 * time.Millisecond)
		}
		c := d.commit(n, "one")
		if n%10 != 0 { // nine of ten edit deploy.yml alone
			c.Code = d.commit(1).Code
		}
		c.Evidence = contract.Evidence{ComparedWith: world.SHA(n - 1), Kind: contract.EvidenceDescent, Newer: true}
		key := fmt.Sprint("key-", n)
		a, err := d.Send(d.ctx, key, c)
		require.NoError(t, err)
		o := d.ended(a)
		require.Equal(t, c.SHA, o.Commit)
		require.Contains(t, []string{contract.OutcomeDeployed, contract.OutcomeUnchanged}, o.Outcome)
		if n%50 == 0 || run() != before {
			again, err := d.Send(d.ctx, key, c)
			require.NoError(t, err)
			require.Equal(t, a, again, "the same key is answered the same")
			repeated++
		}
	}
	s := d.idle()
	assert.Len(t, d.Instances(s.EnvironmentID), 1)
	assert.Empty(t, d.Twice())
	assertOutcomesOnce(t, s)
	runs := d.assertBounded(id)
	assert.Greater(t, runs, 1, "it continued as new")
	t.Logf("%d commits in %d runs, %d keys sent again", *manyCommits, runs, repeated)
}

// Signals come without a pause while run after run ends: each is refused, and
// every one is counted.
func TestT4_NoSignalIsLostOverContinueAsNew(t *testing.T) {
	d := newDevelop(t, world.Options{ContinueAfter: 40})
	id := contract.EnvironmentWorkflowID(acme, d.name)
	d.ended(d.push(d.commit(1, "one")))
	const signals = 400
	for n := range signals {
		require.NoError(t, d.Client.SignalWorkflow(d.ctx, id, "", contract.DeleteEnvironmentSignal, contract.OperatorRequest{RequestedBy: "ops"}))
		time.Sleep(time.Duration(n%4) * 7 * time.Millisecond)
	}
	world.Eventually(t, "the environment continues as new", func() bool {
		runs, err := d.Runs(d.ctx, fmt.Sprintf("WorkflowId = '%s'", id))
		return err == nil && len(runs) > 2
	})
	s := d.idle()
	assert.Equal(t, signals, s.Deletion.Requests, "counted")
	t.Logf("%d signals over %d runs", signals, d.assertBounded(id))
}

// The grace period of a deletion is kept when the run that began it ends: the
// environment is neither deleted early nor saved.
func TestX3_AGracePeriodOutlivesItsRun(t *testing.T) {
	d := newDevelop(t, world.Options{ContinueAfter: 40})
	id := contract.EnvironmentWorkflowID(acme, d.name)
	d.ended(d.push(d.commit(1)))
	d.signal(contract.DeleteEnvironmentSignal)
	assert.Equal(t, "accepted", d.answered(1).Answer)
	world.Eventually(t, "the grace period has begun", func() bool { return !d.status().Deletion.At.IsZero() })
	at := d.status().Deletion.At
	run := func() string {
		info, err := d.Client.DescribeWorkflowExecution(d.ctx, id, "")
		require.NoError(t, err)
		return info.GetWorkflowExecutionInfo().GetExecution().GetRunId()
	}
	began := run()
	sent := 1
	world.Eventually(t, "it continues as new", func() bool {
		require.NoError(t, d.Client.SignalWorkflow(d.ctx, id, "", contract.DeleteEnvironmentSignal, contract.OperatorRequest{RequestedBy: "ops"}))
		sent++
		time.Sleep(200 * time.Millisecond)
		return run() != began
	})
	world.Eventually(t, "every request is counted", func() bool { return d.status().Deletion.Requests == sent })
	s := d.status()
	assert.Equal(t, contract.StatusDeletionScheduled, s.Status)
	assert.True(t, s.Deletion.At.Equal(at), "begins %s, was to begin %s", s.Deletion.At, at)
	assert.Contains(t, d.Networks(), s.EnvironmentID)
	d.signal(contract.CancelDeletionSignal)
	world.Eventually(t, "it is cancelled", func() bool { return d.status().Status == contract.StatusReady })
}
