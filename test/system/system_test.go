package system_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aineko-dev/environments/internal/contract"
	"github.com/aineko-dev/environments/internal/ec2sim"
	"github.com/aineko-dev/environments/test/drive"
)

// What a person has to mend ends the commit with what to do, and the next
// attempt goes on from there.
func TestC13_MissingPermissionAndQuota(t *testing.T) {
	s := drive.Start(t, nil)
	file := drive.DeployFile(t, drive.Listing("develop", "one"))
	for i, c := range []struct{ action, code, says string }{
		{"CreateVpc", "VpcLimitExceeded", `the account's quota "VPCs per Region (5 by default)" is used up`},
		{"CreateNatGateway", "UnauthorizedOperation", "compare its policy with docs/iam-policy.json"},
		{"RunInstances", "UnauthorizedOperation", "compare its policy with docs/iam-policy.json"},
	} {
		require.NoError(t, s.Control().SetFaults(t.Context(), ec2sim.Fault{Action: c.action, Code: c.code, Status: 403}))
		o, code, _ := drive.Push(t.Context(), s, "acme/rights", "develop", file, i+1)
		assert.Equal(t, 4, code)
		assert.Equal(t, contract.OutcomeFailed, o.Outcome)
		assert.Contains(t, o.Reason, c.says)
	}
	require.NoError(t, s.Control().SetFaults(t.Context()))
	out, err := s.Tool(t.Context(), "starter", "retry", "--project", "acme/rights", "--environment", "develop").CombinedOutput()
	require.NoError(t, err, string(out))
	e := drive.Status(t, s, "acme/rights", "develop")
	assert.Equal(t, contract.StatusReady, e.Status)
	drive.AssertWhole(t, s, e.EnvironmentID, "one")
}

func TestC6_TheLastSlotOfManyPushes(t *testing.T) {
	s := drive.Start(t, nil)
	type result struct {
		name    string
		outcome contract.Outcome
		code    int
	}
	results := make(chan result)
	const pushes = 10
	for i := range pushes {
		name := fmt.Sprintf("env-%d", i)
		file := drive.DeployFile(t, drive.Listing(name))
		go func() {
			o, code, _ := drive.Push(t.Context(), s, "acme/slots", name, file, 1)
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

func TestC14_ReconcileBringsBackWhatIsGone(t *testing.T) {
	s := drive.Start(t, nil)
	o, _, _ := drive.Push(t.Context(), s, "acme/drift", "develop", drive.DeployFile(t, drive.Listing("develop", "one")), 1)
	require.Equal(t, contract.OutcomeDeployed, o.Outcome, o.Reason)
	e := drive.Status(t, s, "acme/drift", "develop")
	broker := e.Services[0]
	terminate(t, s, broker.InstanceID, e.Pipelines[0].InstanceID)
	out, err := s.Tool(t.Context(), "starter", "reconcile", "--project", "acme/drift", "--environment", "develop").CombinedOutput()
	require.NoError(t, err, string(out))
	assert.Contains(t, string(out), "repairs")
	drive.Eventually(t, time.Minute, "ready again", func() bool {
		now := drive.Status(t, s, "acme/drift", "develop")
		return now.Status == contract.StatusReady && now.Services[0].InstanceID != broker.InstanceID && len(now.Pipelines) == 1 && now.Pipelines[0].InstanceID != e.Pipelines[0].InstanceID
	})
	now := drive.Status(t, s, "acme/drift", "develop")
	assert.Equal(t, broker.Address, now.Services[0].Address, "the same address")
	drive.AssertWhole(t, s, now.EnvironmentID, "one")
}
