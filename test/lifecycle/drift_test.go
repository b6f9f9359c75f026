package lifecycle_test

import (
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aineko-dev/environments/internal/contract"
	"github.com/aineko-dev/environments/internal/ec2sim"
	"github.com/aineko-dev/environments/test/lifecycle"
)

// Each kind of drift, in an environment with two pipelines: what a reconcile
// says, what it brings back, and what it leaves alone.
func TestC14_ReconcileMendsEachKindOfDriftAndNothingElse(t *testing.T) {
	terminate := func(name string) func(*testing.T, *lifecycle.Life) {
		return func(t *testing.T, l *lifecycle.Life) {
			_, err := l.EC2.TerminateInstances(t.Context(), &ec2.TerminateInstancesInput{InstanceIds: []string{l.Resource(name).ID}})
			require.NoError(t, err)
		}
	}
	boots := func(how string) func(*testing.T, *lifecycle.Life) {
		return func(_ *testing.T, l *lifecycle.Life) {
			l.SetBoots(ec2sim.BootRule{Instance: l.Resource("instance of one").ID, How: how})
		}
	}
	for name, c := range map[string]struct {
		drift func(*testing.T, *lifecycle.Life)
		says  string // empty: there is nothing to mend
		// replaced are the instances that are others afterwards.
		replaced []string
		check    func(*testing.T, *lifecycle.Life)
	}{
		"none":                          {drift: func(*testing.T, *lifecycle.Life) {}},
		"a pipeline's instance is gone": {terminate("instance of one"), "pipeline one: ", []string{"instance of one"}, nil},
		"a pipeline's unit failed":      {boots(ec2sim.BootFails), "pipeline one: ", []string{"instance of one"}, nil},
		"a pipeline's checks failed":    {boots(ec2sim.BootImpaired), "pipeline one: ", []string{"instance of one"}, nil},
		"the broker is gone":            {terminate("instance broker"), "broker down: ", []string{"instance broker"}, nil},
		"the way out is gone": {func(t *testing.T, l *lifecycle.Life) {
			_, err := l.EC2.DeleteRoute(t.Context(), &ec2.DeleteRouteInput{RouteTableId: aws.String(l.Resource("route-table private-routes-a").ID), DestinationCidrBlock: aws.String("0.0.0.0/0")})
			require.NoError(t, err)
		}, "the network lacks private-routes-a: no route out", nil, func(t *testing.T, l *lifecycle.Life) {
			assert.Contains(t, l.Resource("route-table private-routes-a").Routes, ec2sim.Route{Destination: "0.0.0.0/0", Target: l.Resource("natgateway nat-a").ID})
		}},
		"the endpoint is gone": {func(t *testing.T, l *lifecycle.Life) {
			_, err := l.EC2.DeleteVpcEndpoints(t.Context(), &ec2.DeleteVpcEndpointsInput{VpcEndpointIds: []string{l.Resource("vpc-endpoint s3-endpoint").ID}})
			require.NoError(t, err)
		}, "the network lacks s3-endpoint: missing", nil, nil},
		"the endpoint is off the routes": {func(t *testing.T, l *lifecycle.Life) {
			_, err := l.EC2.ModifyVpcEndpoint(t.Context(), &ec2.ModifyVpcEndpointInput{VpcEndpointId: aws.String(l.Resource("vpc-endpoint s3-endpoint").ID),
				RemoveRouteTableIds: []string{l.Resource("route-table private-routes-a").ID}})
			require.NoError(t, err)
		}, "the network lacks private-routes-a: no route to S3 through vpce-", nil, func(t *testing.T, l *lifecycle.Life) {
			assert.Equal(t, []string{l.Resource("route-table private-routes-a").ID}, l.Resource("vpc-endpoint s3-endpoint").List["tables"])
		}},
		"pipelines cannot get out": {func(t *testing.T, l *lifecycle.Life) {
			_, err := l.EC2.RevokeSecurityGroupEgress(t.Context(), &ec2.RevokeSecurityGroupEgressInput{GroupId: aws.String(l.Resource("security-group pipelines-group").ID),
				IpPermissions: []types.IpPermission{{IpProtocol: aws.String("-1"), IpRanges: []types.IpRange{{CidrIp: aws.String("0.0.0.0/0")}}}}})
			require.NoError(t, err)
		}, "the network lacks pipelines-group: no rule lets anything out", nil, func(t *testing.T, l *lifecycle.Life) {
			assert.Equal(t, []ec2sim.Rule{{Egress: true, Protocol: "-1", CIDR: "0.0.0.0/0"}}, l.Resource("security-group pipelines-group").Rules)
		}},
		"something foreign": {drift: func(_ *testing.T, l *lifecycle.Life) {
			vpc := l.Resource("vpc vpc").ID
			l.Plant(ec2sim.Resource{ID: "sg-foreign", Kind: "security-group", Attr: map[string]string{"vpcId": vpc, "name": "theirs"}})
			l.Plant(ec2sim.Resource{ID: "i-foreign", Kind: "instance", State: "running", Attr: map[string]string{"vpcId": vpc, "type": "m7i.large", "hopLimit": "1"}})
		}, check: func(t *testing.T, l *lifecycle.Life) {
			require.Len(t, l.Status().Foreign, 2)
			assert.Contains(t, l.Status().Foreign[0]+l.Status().Foreign[1], "sg-foreign")
			held := map[string]string{}
			for _, r := range l.Account() {
				held[r.ID] = r.State
			}
			assert.Contains(t, held, "sg-foreign")
			assert.Equal(t, "running", held["i-foreign"])
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := lifecycle.New(t, lifecycle.Options{})
			all := []string{"instance of one", "instance of two", "instance broker", "network-interface broker-interface", "volume broker-volume", "natgateway nat-a", "vpc vpc"}
			before := map[string]string{}
			calls := 0
			var verified time.Time
			l.Commit("a", "one", "two")
			l.Do("drift", func() {
				for _, r := range all {
					before[r] = l.Resource(r).ID
				}
				c.drift(t, l)
				calls, verified = len(l.Journal()), l.Status().Verified.At
			})
			outcomes := 2
			if c.says == "" {
				outcomes = 1
			}
			l.Update(contract.ReconcileUpdate, func(s contract.EnvironmentStatus) bool {
				return len(s.Outcomes) == outcomes && s.Status == contract.StatusReady && s.Deployment == "" && s.Verified.At.After(verified)
			})
			l.Do("look", func() {
				assert.Equal(t, graph("one", "two"), l.Roles())
				for _, r := range all {
					if slices.Contains(c.replaced, r) {
						assert.NotEqual(t, before[r], l.Resource(r).ID, r)
					} else {
						assert.Equal(t, before[r], l.Resource(r).ID, r)
					}
				}
				// Whatever broker there is has its old address and its old volume.
				broker := l.Resource("instance broker").ID
				assert.Equal(t, broker, l.Resource("network-interface broker-interface").Attr["instanceId"])
				assert.Equal(t, "10.0.128.10", l.Resource("network-interface broker-interface").Attr["privateIp"])
				assert.Equal(t, broker, l.Resource("volume broker-volume").Attr["instanceId"])
				if c.says == "" {
					for _, call := range l.Journal()[calls:] {
						assert.False(t, call.Changes, "%s changes something", call.Action)
					}
				} else {
					assert.Contains(t, l.Outcomes[1].Reason, "reconcile: "+c.says)
				}
				if c.check != nil {
					c.check(t, l)
				}
			})
			require.NoError(t, ignoreCancel(l.Live()))
			for _, o := range l.Outcomes {
				assert.Contains(t, []string{contract.OutcomeDeployed, contract.OutcomeUnchanged}, o.Outcome, o.Reason)
			}
		})
	}
}
