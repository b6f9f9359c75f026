package durable_test

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"

	"github.com/aineko-dev/environments/activities"
	"github.com/aineko-dev/environments/internal/contract"
	"github.com/aineko-dev/environments/test/stack"
	"github.com/aineko-dev/environments/test/world"
)

// signal sends a signal by Temporal's own command line.
func (d *develop) signal(name string, input ...string) {
	d.Helper()
	args := []string{"workflow", "signal", "--address", d.Address, "--workflow-id", contract.EnvironmentWorkflowID(acme, d.name), "--name", name}
	if len(input) > 0 {
		args = append(args, "--input", input[0])
	}
	out, err := exec.CommandContext(d.ctx, filepath.Join(stack.Root(), "bin", "temporal"), args...).CombinedOutput()
	require.NoError(d, err, string(out))
}

// answered waits until n requests stand in the status, and returns the last.
func (d *develop) answered(n int) contract.Request {
	d.Helper()
	var s contract.EnvironmentStatus
	world.Eventually(d, "the request and its answer can be read", func() bool {
		s = d.status()
		return len(s.Requests) == n && s.Requests[n-1].Identity != ""
	})
	return s.Requests[n-1]
}

// Whatever an operator types, it is never lost without a trace: what was
// asked, by whom, why and the answer stand in the status and the Web UI, and
// the workflow goes on.
func TestX2_WhateverOperatorsTypeIsAnswered(t *testing.T) {
	d := newDevelop(t, world.Options{})
	d.ended(d.push(d.commit(1, "one")))
	n := 0
	for _, c := range []struct{ what, input, by, reason string }{
		{"an object", `{"requestedBy":"ops","reason":"done"}`, "ops", "done"},
		{"encoded twice", `"{\"requestedBy\":\"twice\",\"reason\":\"done\"}"`, "twice", "done"},
		{"unknown fields", `{"requestedBy":"more","urgent":true,"level":3}`, "more", ""},
		{"a text", `"please"`, "", "input that could not be read: please"},
		{"a number", `42`, "", "input that could not be read: 42"},
		{"another type", `{"requestedBy":["a"]}`, "", `input that could not be read: {"requestedBy":["a"]}`},
		{"nothing", "", "", ""},
	} {
		t.Run(c.what, func(t *testing.T) {
			if c.input == "" {
				d.signal(contract.DeleteEnvironmentSignal)
			} else {
				d.signal(contract.DeleteEnvironmentSignal, c.input)
			}
			n++
			r := d.answered(n)
			assert.Equal(t, c.by, r.RequestedBy)
			assert.Equal(t, c.reason, r.Reason)
			assert.Contains(t, r.Answer, "refused: pipelines run in it: one")
			assert.Contains(t, r.Identity, "temporal-cli")
			assert.Equal(t, r.Identity, d.status().Deletion.Identity)
		})
	}
	// Payloads as they are on the wire: bytes that are no JSON, numbers as some
	// tools marshal objects again, and tctl 1.18's string that holds the object.
	for _, c := range []struct{ data, by, reason string }{
		{"\xff\xfe{", "", "input that could not be read"},
		{`{"reason":1e+06,"requestedBy":"tctl"}`, "", "input that could not be read"},
		{`"{\"requestedBy\":\"tctl\",\"reason\":\"left the team\"}"`, "tctl", "left the team"},
		{`"{\"requestedBy\":\"tctl\"}\n"`, "tctl", ""},
	} {
		require.NoError(t, d.Client.SignalWorkflow(d.ctx, contract.EnvironmentWorkflowID(acme, d.name), "", contract.DeleteEnvironmentSignal,
			converter.NewRawValue(&commonpb.Payload{Metadata: map[string][]byte{"encoding": []byte("json/plain")}, Data: []byte(c.data)})))
		n++
		r := d.answered(n)
		assert.Equal(t, c.by, r.RequestedBy, c.data)
		assert.Contains(t, r.Reason, c.reason, c.data)
	}
	d.signal("delete-enviroment", `{"requestedBy":"ops"}`)
	n++
	assert.Contains(t, d.answered(n).Answer, "there is no such signal")
	d.signal(contract.CancelDeletionSignal)
	n++
	assert.Equal(t, "refused: no deletion is scheduled", d.answered(n).Answer)
	details, err := d.Details(d.ctx, contract.EnvironmentWorkflowID(acme, d.name))
	require.NoError(t, err)
	for _, says := range []string{"(so they say) `twice`", "Temporal recorded `temporal-cli", "refused: pipelines run in it: one", "there is no such signal"} {
		assert.Contains(t, details, says)
	}
	assert.Equal(t, contract.OutcomeDeployed, d.ended(d.push(d.commit(2))).Outcome, "the workflow goes on")
}

// A deletion at every state of an environment: refused while it is made or
// changed, accepted at rest, cancelled in its grace period, too late after it.
func TestX3_DeletingAtEveryState(t *testing.T) {
	d := newDevelop(t, world.Options{})
	vpc := activities.EnsureActivity("vpc")
	release := d.Hold(vpc, d.name)
	first := d.push(d.commit(1, "one"))
	d.held(vpc)
	d.signal(contract.DeleteEnvironmentSignal)
	assert.Contains(t, d.answered(1).Answer, "refused: the environment is being initialised")
	release()
	d.ended(first)
	release = d.Hold(activities.StopPipeline, d.name)
	empty := d.push(d.commit(2))
	d.held(activities.StopPipeline)
	d.signal(contract.DeleteEnvironmentSignal)
	assert.Contains(t, d.answered(2).Answer, "is under way")
	release()
	d.ended(empty)

	d.signal(contract.DeleteEnvironmentSignal, `{"requestedBy":"ops"}`)
	assert.Equal(t, "accepted", d.answered(3).Answer)
	s := d.status()
	assert.Equal(t, contract.StatusDeletionScheduled, s.Status)
	d.signal(contract.DeleteEnvironmentSignal)
	assert.Contains(t, d.answered(4).Answer, "it changes nothing")
	commit := d.push(d.commit(3, "one"))
	assert.Equal(t, contract.ErrRefused, commit.Refused)
	retry, err := d.Ask(d.ctx, acme, d.name, contract.RetryUpdate, contract.OperatorRequest{}, nil)
	require.NoError(t, err)
	assert.Equal(t, contract.ErrRefused, retry.Refused)
	d.signal(contract.CancelDeletionSignal, `{"requestedBy":"dev","reason":"still needed"}`)
	assert.Equal(t, "accepted", d.answered(5).Answer)
	assert.Equal(t, contract.OutcomeUnchanged, d.ended(d.push(d.commit(3))).Outcome, "nothing is lost")

	// With no grace left, tearing down begins at once, and cannot be cancelled.
	d.Set(func(s *activities.Settings) { s.DeletionGrace = 0 })
	release = d.Hold(activities.FindResources, d.name)
	d.signal(contract.DeleteEnvironmentSignal, `{"requestedBy":"ops"}`)
	d.held(activities.FindResources)
	d.signal(contract.CancelDeletionSignal)
	assert.Equal(t, "refused: too late: the environment is being torn down", d.answered(7).Answer)
	assert.Contains(t, d.status().Deletion.Refusal, "too late")
	assert.Equal(t, contract.ErrRefused, d.push(d.commit(4, "one")).Refused)
	release()
	world.Eventually(t, "the workflow has ended", func() bool {
		running, err := d.Running(d.ctx, contract.EnvironmentWorkflowID(acme, d.name))
		return err == nil && !running
	})
	assert.NotContains(t, d.Networks(), s.EnvironmentID)
	// The next commit makes a new one, of another id.
	assert.Equal(t, contract.OutcomeDeployed, d.ended(d.push(d.commit(4, "one"))).Outcome)
	assert.NotEqual(t, s.EnvironmentID, d.status().EnvironmentID)
}
