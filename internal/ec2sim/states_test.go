package ec2sim_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aineko-dev/environments/internal/ec2sim"
)

func TestStates_ANatGatewayTakesItsTimeToComeAndToGo(t *testing.T) {
	a := newAccount(t, ec2sim.Options{Speed: 200}) // 0.5 s to come, 0.3 s to go
	vpc := a.vpc()
	subnet := a.subnet(vpc, "10.0.0.0/24")
	a.gateway(vpc)
	address := a.address()
	asked := a.Now()
	nat := a.nat(subnet, address)
	assert.Equal(t, "pending", a.state(nat))
	a.becomes(nat, "available")
	assert.GreaterOrEqual(t, a.Now().Sub(asked), ec2sim.NatGatewayPending)
	asked = a.Now()
	must(a.DeleteNatGateway(t.Context(), &ec2.DeleteNatGatewayInput{NatGatewayId: &nat}))(t)
	assert.Equal(t, "deleting", a.state(nat))
	a.becomes(nat, "deleted")
	assert.GreaterOrEqual(t, a.Now().Sub(asked), ec2sim.NatGatewayDeleting)
	assert.Len(t, must(a.DescribeNatGateways(t.Context(), &ec2.DescribeNatGatewaysInput{}))(t).NatGateways, 1, "a deleted one is still shown")
}

func TestStates_ANatGatewayWithoutAWayOutFails(t *testing.T) {
	a := newAccount(t, ec2sim.Options{})
	a.becomes(a.nat(a.subnet(a.vpc(), "10.0.0.0/24"), a.address()), "failed")
}

func TestStates_AnInstanceBootsIsCheckedAndGoes(t *testing.T) {
	a := newAccount(t, ec2sim.Options{Speed: 500})
	ctx, vpc := t.Context(), a.vpc()
	subnet := a.subnet(vpc, "10.0.0.0/24")
	run := func(commit string) string {
		in := launchInput(subnet, "boot "+commit)
		in.UserData = aws.String(base64.StdEncoding.EncodeToString([]byte("AINEKO_READY_LINE=\"aineko-ready env 1 " + commit + "\"\n")))
		in.TagSpecifications = []types.TagSpecification{{ResourceType: types.ResourceTypeInstance, Tags: []types.Tag{{Key: aws.String("aineko:commit"), Value: &commit}}}}
		out := must(a.RunInstances(ctx, in))(t)
		assert.Equal(t, types.InstanceStateNamePending, out.Instances[0].State.Name)
		return *out.Instances[0].InstanceId
	}
	a.SetBoots(ec2sim.BootRule{Commit: "bad"}, ec2sim.BootRule{Commit: "silent", How: ec2sim.BootSilent}, ec2sim.BootRule{Commit: "ill", How: ec2sim.BootImpaired})
	good, bad, silent, ill := run("good"), run("bad"), run("silent"), run("ill")
	console := func(id string) string {
		out := must(a.GetConsoleOutput(ctx, &ec2.GetConsoleOutputInput{InstanceId: &id, Latest: aws.Bool(true)}))(t)
		decoded, err := base64.StdEncoding.DecodeString(aws.ToString(out.Output))
		require.NoError(t, err)
		return string(decoded)
	}
	check := func(id string) types.SummaryStatus {
		out := must(a.DescribeInstanceStatus(ctx, &ec2.DescribeInstanceStatusInput{InstanceIds: []string{id}}))(t)
		if len(out.InstanceStatuses) == 0 {
			return "" // only running ones are shown
		}
		return out.InstanceStatuses[0].InstanceStatus.Status
	}
	assert.Empty(t, check(good))
	a.becomes(good, "running")
	assert.Equal(t, types.SummaryStatusInitializing, check(good))
	assert.NotContains(t, console(good), "aineko-ready")
	require.Eventually(t, func() bool { return check(good) == types.SummaryStatusOk }, eventually, look)
	assert.Contains(t, console(good), "aineko-ready env 1 good\r\n")
	assert.Contains(t, console(bad), "aineko-failed env 1 bad\r\naineko-journal: ")
	assert.NotContains(t, console(silent), "aineko")
	assert.Equal(t, types.SummaryStatusImpaired, check(ill))
	early := must(a.GetConsoleOutput(ctx, &ec2.GetConsoleOutputInput{InstanceId: &good}))(t)
	assert.Less(t, len(aws.ToString(early.Output)), len(console(good))*4/3, "without Latest it is minutes old")

	must(a.TerminateInstances(ctx, &ec2.TerminateInstancesInput{InstanceIds: []string{good}}))(t)
	assert.Equal(t, "shutting-down", a.state(good))
	a.becomes(good, "terminated")
	gone := must(a.DescribeInstances(ctx, &ec2.DescribeInstancesInput{InstanceIds: []string{good}}))(t).Reservations[0].Instances[0]
	assert.Nil(t, gone.VpcId, "a terminated instance is shown without its network")
	for _, r := range a.Account() {
		assert.NotEqual(t, good, r.Attr["instanceId"], "%s outlives its instance", r.ID)
	}
	must(a.StopInstances(ctx, &ec2.StopInstancesInput{InstanceIds: []string{ill}}))(t)
	a.becomes(ill, "stopped")
}

func TestStates_AVolumeHoldsOneInstanceInItsZone(t *testing.T) {
	a := newAccount(t, ec2sim.Options{})
	ctx := t.Context()
	id := a.launch(a.subnet(a.vpc(), "10.0.0.0/24"), "x")
	make := func(zone string) string {
		v := must(a.CreateVolume(ctx, &ec2.CreateVolumeInput{AvailabilityZone: &zone, Size: aws.Int32(1)}))(t)
		assert.Equal(t, types.VolumeStateCreating, v.State)
		a.becomes(*v.VolumeId, "available")
		return *v.VolumeId
	}
	here, there := make("us-east-1a"), make("us-east-1b")
	attach := func(volume string) error {
		_, err := a.AttachVolume(ctx, &ec2.AttachVolumeInput{VolumeId: &volume, InstanceId: &id, Device: aws.String("/dev/sdf")})
		return err
	}
	a.becomes(id, "running")
	refused(t, "InvalidVolume.ZoneMismatch", attach(there))
	require.NoError(t, attach(here))
	refused(t, "VolumeInUse", attach(here))
	_, err := a.DeleteVolume(ctx, &ec2.DeleteVolumeInput{VolumeId: &here})
	refused(t, "VolumeInUse", err)
	must(a.TerminateInstances(ctx, &ec2.TerminateInstancesInput{InstanceIds: []string{id}}))(t)
	a.becomes(here, "available")
}

// Each call is another reader, so that of two one may see a fresh thing and
// the next not yet; after the longest lag all do.
func TestLag_ReadersDisagreeAboutWhatIsFresh(t *testing.T) {
	a := newAccount(t, ec2sim.Options{Lag: ec2sim.NatGatewayPending, Speed: 200, Seed: 7}) // half a second
	vpc := a.vpc()
	var sawThenDidNot, missing, notFound bool
	saw := false
	// For the whole of the lag: how many looks that is depends on the machine.
	for born := a.Account()[0].Born; a.Now().Sub(born) <= ec2sim.NatGatewayPending; {
		out := must(a.DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{Filters: []types.Filter{{Name: aws.String("vpc-id"), Values: []string{vpc}}}}))(t)
		sawThenDidNot = sawThenDidNot || saw && len(out.Vpcs) == 0
		missing = missing || len(out.Vpcs) == 0
		saw = saw || len(out.Vpcs) == 1
		if _, err := a.DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{VpcIds: []string{vpc}}); err != nil {
			refused(t, "InvalidVpcID.NotFound", err)
			notFound = true
		}
	}
	assert.True(t, missing, "missing from a list")
	assert.True(t, notFound, "not found by its ID")
	assert.True(t, sawThenDidNot, "two readers disagree")
	assert.Len(t, must(a.DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{}))(t).Vpcs, 1)
}

func TestTags_AreCheckedAndFound(t *testing.T) {
	a := newAccount(t, ec2sim.Options{})
	create := func(key, value string) error {
		_, err := a.CreateVpc(t.Context(), &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16"),
			TagSpecifications: []types.TagSpecification{{ResourceType: types.ResourceTypeVpc, Tags: []types.Tag{{Key: &key, Value: &value}}}}})
		return err
	}
	require.NoError(t, create("k", strings.Repeat("ä", 256)))
	refused(t, "InvalidParameterValue", create("k", strings.Repeat("x", 257)))
	refused(t, "InvalidParameterValue", create(strings.Repeat("x", 129), "v"))
	refused(t, "InvalidParameterValue", create("", "v"))
	refused(t, "InvalidParameterValue", create("aws:mine", "v"))
}
