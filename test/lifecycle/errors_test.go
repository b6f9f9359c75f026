package lifecycle_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"github.com/aineko-dev/environments/internal/contract"
	"github.com/aineko-dev/environments/internal/ec2sim"
	"github.com/aineko-dev/environments/test/lifecycle"
)

// initializing are the calls by which an environment without pipelines comes to be.
func initializing(t *testing.T) []ec2sim.Call {
	t.Helper()
	l := lifecycle.New(t, lifecycle.Options{})
	l.Commit("a")
	require.NoError(t, ignoreCancel(l.Live()))
	assert.Equal(t, graph(), l.Roles())
	return l.Journal()
}

// ignoreCancel is for lives that end with their last event: they are canceled.
func ignoreCancel(err error) error {
	var canceled *temporal.CanceledError
	if errors.As(err, &canceled) {
		return nil
	}
	return err
}

// The account refuses for good: no quota, no right, no such value. It stops at
// once, says what to do, keeps its slot; the next commit goes on where it
// stopped and makes nothing twice (C13).
func TestC13_ATerminalErrorNamesWhatToDoAndTheNextCommitGoesOn(t *testing.T) {
	type refusal struct {
		action, code, says string
		status             int
	}
	refusals := []refusal{
		{"CreateVpc", "VpcLimitExceeded", `the account's quota "VPCs per Region (5 by default)" is used up: raise it in Service Quotas`, 400},
		{"AllocateAddress", "AddressLimitExceeded", `the account's quota "EC2-VPC Elastic IPs (5 by default)" is used up: raise it in Service Quotas`, 400},
		{"CreateVpc", "InvalidVpc.Range", "EC2 does not take a value, probably one of the worker's settings: mend it", 400},
		{"RunInstances", "InvalidAMIID.NotFound", "the image that the worker's settings name cannot be used", 400},
	}
	seen := map[string]bool{}
	for _, c := range initializing(t) {
		if c.Changes && !seen[c.Action] {
			seen[c.Action] = true
			refusals = append(refusals, refusal{c.Action, "UnauthorizedOperation", "the worker's credentials may not do this: compare its policy with docs/iam-policy.json", 403})
		}
	}
	for _, r := range refusals {
		t.Run(r.action+" "+r.code, func(t *testing.T) {
			t.Parallel()
			l := lifecycle.New(t, lifecycle.Options{})
			l.SetFaults(ec2sim.Fault{Action: r.action, Code: r.code, Status: r.status})
			l.Commit("a", "one")
			l.Do("look and grant", func() {
				o := l.Outcomes[0]
				assert.Equal(t, contract.OutcomeFailed, o.Outcome)
				assert.Contains(t, o.Reason, r.code+": "+r.says)
				assert.Equal(t, contract.StatusFailed, l.Status().Status)
				assert.False(t, l.Freed(), "it keeps its slot")
				refused := 0
				for _, c := range l.Journal() {
					if c.Action == r.action && c.Error == r.code {
						refused++
					}
				}
				assert.LessOrEqual(t, refused, 4, "each of the steps side by side is refused once; nothing is tried again")
				l.SetFaults()
			})
			l.Commit("b", "one")
			l.Do("look", func() { assert.Equal(t, graph("one"), l.Roles()) })
			require.NoError(t, ignoreCancel(l.Live()))
			require.Len(t, l.Outcomes, 2)
			assert.Equal(t, contract.OutcomeDeployed, l.Outcomes[1].Outcome, l.Outcomes[1].Reason)
		})
	}
}

// An initialisation stops for good at each of its changing calls in turn, the
// creation of the VPC among them. What it had made by then is torn down.
func TestX4_AHalfBuiltEnvironmentIsDeletedFromEveryStep(t *testing.T) {
	changing := 0
	for _, c := range initializing(t) {
		if c.Changes {
			changing++
		}
	}
	for n := 1; n <= changing; n++ {
		t.Run(fmt.Sprintf("stopped at changing call %d", n), func(t *testing.T) {
			t.Parallel()
			l := lifecycle.New(t, lifecycle.Options{})
			l.SetFaults(ec2sim.Fault{ChangesOnly: true, Nth: n, Code: "UnauthorizedOperation", Status: 403})
			l.Commit("a", "one")
			l.Do("look", func() {
				assert.Equal(t, contract.OutcomeFailed, l.Outcomes[0].Outcome)
				assert.NotContains(t, l.Roles(), "instance of one")
			})
			l.Delete()
			require.NoError(t, l.Live())
			assert.True(t, l.Freed())
			assert.Empty(t, l.Roles())
			for _, r := range l.Account() {
				assert.Contains(t, []string{"terminated", "deleted"}, r.State, "%s %s is left", r.Kind, r.ID)
			}
		})
	}
	t.Logf("%d half-built environments", changing)
}

// graphCalls is what one initialisation must change, by the graph's own count:
// a VPC and its host names; an internet gateway and its attachment; the default
// group's two rules; two groups, and the one rule between them; four subnets;
// an address, a NAT gateway and the way out through it; two route tables with
// the public way out and four associations; the endpoint; the broker's
// interface, volume, instance and attachment.
var graphCalls = map[string]int{
	"CreateVpc": 1, "ModifyVpcAttribute": 1, "CreateInternetGateway": 1, "AttachInternetGateway": 1,
	"RevokeSecurityGroupIngress": 1, "RevokeSecurityGroupEgress": 1, "CreateSecurityGroup": 2, "AuthorizeSecurityGroupIngress": 1,
	"CreateSubnet": 4, "AllocateAddress": 1, "CreateNatGateway": 1, "CreateRoute": 2, "CreateRouteTable": 2, "AssociateRouteTable": 4,
	"CreateVpcEndpoint": 1, "CreateNetworkInterface": 1, "CreateVolume": 1, "RunInstances": 1, "AttachVolume": 1,
}

// No call that changes something is made twice, or without need.
func TestA8_OneInitialisationChangesWhatTheGraphNeedsAndNoMore(t *testing.T) {
	calls := initializing(t)
	changing, reading := map[string]int{}, map[string]int{}
	for _, c := range calls {
		assert.Empty(t, c.Error, "%s fails, and nothing was wrong", c.Action)
		if c.Changes {
			changing[c.Action]++
		} else {
			reading[c.Action]++
		}
	}
	assert.Equal(t, graphCalls, changing)
	t.Logf("one initialisation: %s; reading: %v", counted(calls), reading)
}
