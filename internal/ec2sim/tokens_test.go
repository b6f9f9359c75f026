package ec2sim_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aineko-dev/environments/internal/ec2sim"
)

// tokened are the calls that take a client token, each as a function of token
// and of something that makes its parameters others.
func tokened(t *testing.T, a *account) map[string]func(token, with string) (string, error) {
	ctx, vpc := t.Context(), a.vpc()
	subnet := a.subnet(vpc, "10.0.0.0/24")
	a.gateway(vpc)
	tags := func(kind types.ResourceType, with string) []types.TagSpecification {
		return []types.TagSpecification{{ResourceType: kind, Tags: []types.Tag{{Key: aws.String("with"), Value: &with}}}}
	}
	address, table := a.address(), a.table(vpc)
	return map[string]func(token, with string) (string, error){
		"RunInstances": func(token, with string) (string, error) {
			in := launchInput(subnet, token)
			in.TagSpecifications = tags(types.ResourceTypeInstance, with)
			out, err := a.RunInstances(ctx, in)
			if err != nil {
				return "", err
			}
			return *out.Instances[0].InstanceId, nil
		},
		"CreateNatGateway": func(token, with string) (string, error) {
			out, err := a.CreateNatGateway(ctx, &ec2.CreateNatGatewayInput{SubnetId: &subnet, AllocationId: &address, ClientToken: &token, TagSpecifications: tags(types.ResourceTypeNatgateway, with)})
			if err != nil {
				return "", err
			}
			return *out.NatGateway.NatGatewayId, nil
		},
		"CreateRouteTable": func(token, with string) (string, error) {
			out, err := a.CreateRouteTable(ctx, &ec2.CreateRouteTableInput{VpcId: &vpc, ClientToken: &token, TagSpecifications: tags(types.ResourceTypeRouteTable, with)})
			if err != nil {
				return "", err
			}
			return *out.RouteTable.RouteTableId, nil
		},
		"CreateNetworkInterface": func(token, with string) (string, error) {
			out, err := a.CreateNetworkInterface(ctx, &ec2.CreateNetworkInterfaceInput{SubnetId: &subnet, ClientToken: &token, Description: &with})
			if err != nil {
				return "", err
			}
			return *out.NetworkInterface.NetworkInterfaceId, nil
		},
		"CreateVolume": func(token, with string) (string, error) {
			out, err := a.CreateVolume(ctx, &ec2.CreateVolumeInput{AvailabilityZone: aws.String("us-east-1a"), Size: aws.Int32(1), ClientToken: &token, TagSpecifications: tags(types.ResourceTypeVolume, with)})
			if err != nil {
				return "", err
			}
			return *out.VolumeId, nil
		},
		"CreateVpcEndpoint": func(token, with string) (string, error) {
			out, err := a.CreateVpcEndpoint(ctx, &ec2.CreateVpcEndpointInput{VpcId: &vpc, ServiceName: aws.String("com.amazonaws.us-east-1.s3"), RouteTableIds: []string{table}, ClientToken: &token, TagSpecifications: tags(types.ResourceTypeVpcEndpoint, with)})
			if err != nil {
				return "", err
			}
			return *out.VpcEndpoint.VpcEndpointId, nil
		},
		"CreateFlowLogs": func(token, with string) (string, error) {
			out, err := a.CreateFlowLogs(ctx, &ec2.CreateFlowLogsInput{ResourceIds: []string{vpc}, ResourceType: types.FlowLogsResourceTypeVpc, TrafficType: types.TrafficTypeAll,
				LogDestinationType: types.LogDestinationTypeS3, LogDestination: aws.String("arn:aws:s3:::" + with), ClientToken: &token})
			if err != nil {
				return "", err
			}
			return out.FlowLogIds[0], nil
		},
	}
}

func TestTokens_MakeOnceAndRememberTheirParameters(t *testing.T) {
	a := newAccount(t, ec2sim.Options{})
	for action, call := range tokened(t, a) {
		t.Run(action, func(t *testing.T) {
			first, err := call("token", "one")
			require.NoError(t, err)
			again, err := call("token", "one")
			require.NoError(t, err)
			assert.Equal(t, first, again)
			journal := a.Journal()
			assert.True(t, journal[len(journal)-1].Replayed)
			_, err = call("token", "two")
			refused(t, "IdempotentParameterMismatch", err)
			_, err = call("a token of more than sixty-four characters, which is more than EC2 has ever taken", "one")
			refused(t, "InvalidParameterValue", err)
		})
	}
}

func TestTokens_OutliveWhatTheyMade(t *testing.T) {
	a := newAccount(t, ec2sim.Options{Speed: 100_000}) // an hour in 36 ms, a day in 0.9 s
	subnet := a.subnet(a.vpc(), "10.0.0.0/24")
	id := a.launch(subnet, "token")
	must(a.TerminateInstances(t.Context(), &ec2.TerminateInstancesInput{InstanceIds: []string{id}}))(t)
	a.becomes(id, "")
	_, err := a.RunInstances(t.Context(), launchInput(subnet, "token"))
	refused(t, "IdempotentInstanceTerminated", err)

	create := &ec2.CreateVolumeInput{AvailabilityZone: aws.String("us-east-1a"), Size: aws.Int32(1), ClientToken: aws.String("volume")}
	volume := must(a.CreateVolume(t.Context(), create))(t)
	a.becomes(*volume.VolumeId, "available")
	must(a.DeleteVolume(t.Context(), &ec2.DeleteVolumeInput{VolumeId: volume.VolumeId}))(t)
	again := must(a.CreateVolume(t.Context(), create))(t)
	assert.Equal(t, volume.VolumeId, again.VolumeId, "it is answered, and not there")
	assert.Empty(t, a.state(*again.VolumeId))
	assert.Eventually(t, func() bool {
		again, err := a.CreateVolume(t.Context(), create)
		return err == nil && *again.VolumeId != *volume.VolumeId
	}, eventually, look, "a day later it is forgotten")
}

func TestTokens_TheseTakeNoneAndMakeASecond(t *testing.T) {
	a := newAccount(t, ec2sim.Options{})
	assert.NotEqual(t, a.vpc(), a.vpc())
	assert.NotEqual(t, a.address(), a.address())
	one := must(a.CreateInternetGateway(t.Context(), &ec2.CreateInternetGatewayInput{}))(t)
	two := must(a.CreateInternetGateway(t.Context(), &ec2.CreateInternetGatewayInput{}))(t)
	assert.NotEqual(t, one.InternetGateway.InternetGatewayId, two.InternetGateway.InternetGatewayId)
	for _, action := range []string{"CreateVpc", "CreateSubnet", "CreateInternetGateway", "AllocateAddress", "CreateSecurityGroup", "CreateRoute"} {
		assert.Equal(t, "UnknownParameter", a.raw(action, "ClientToken", "x"), action)
	}
}

func TestNaturalKeys_CatchTheSecond(t *testing.T) {
	a := newAccount(t, ec2sim.Options{})
	ctx, vpc := t.Context(), a.vpc()
	subnet := a.subnet(vpc, "10.0.0.0/24")
	for _, cidr := range []string{"10.0.0.0/24", "10.0.0.128/25", "10.0.0.0/20"} {
		_, err := a.CreateSubnet(ctx, &ec2.CreateSubnetInput{VpcId: &vpc, CidrBlock: &cidr, AvailabilityZone: aws.String("us-east-1a")})
		refused(t, "InvalidSubnet.Conflict", err)
	}
	_, err := a.CreateSubnet(ctx, &ec2.CreateSubnetInput{VpcId: &vpc, CidrBlock: aws.String("10.1.0.0/24"), AvailabilityZone: aws.String("us-east-1a")})
	refused(t, "InvalidSubnet.Range", err)
	_, err = a.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/8")})
	refused(t, "InvalidVpc.Range", err)

	group := a.group(vpc, "mine")
	_, err = a.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{VpcId: &vpc, GroupName: aws.String("mine"), Description: aws.String("d")})
	refused(t, "InvalidGroup.Duplicate", err)
	rule := []types.IpPermission{{IpProtocol: aws.String("tcp"), FromPort: aws.Int32(1), ToPort: aws.Int32(2), IpRanges: []types.IpRange{{CidrIp: aws.String("10.0.0.0/16")}}}}
	must(a.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: &group, IpPermissions: rule}))(t)
	_, err = a.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: &group, IpPermissions: rule})
	refused(t, "InvalidPermission.Duplicate", err)
	must(a.RevokeSecurityGroupIngress(ctx, &ec2.RevokeSecurityGroupIngressInput{GroupId: &group, IpPermissions: rule}))(t)
	_, err = a.RevokeSecurityGroupIngress(ctx, &ec2.RevokeSecurityGroupIngressInput{GroupId: &group, IpPermissions: rule})
	refused(t, "InvalidPermission.NotFound", err)

	gateway, table, other := a.gateway(vpc), a.table(vpc), a.table(vpc)
	route := &ec2.CreateRouteInput{RouteTableId: &table, DestinationCidrBlock: aws.String("0.0.0.0/0"), GatewayId: &gateway}
	must(a.CreateRoute(ctx, route))(t)
	nat := a.nat(subnet, a.address())
	_, err = a.CreateRoute(ctx, &ec2.CreateRouteInput{RouteTableId: &table, DestinationCidrBlock: aws.String("0.0.0.0/0"), NatGatewayId: &nat})
	refused(t, "RouteAlreadyExists", err)
	must(a.AssociateRouteTable(ctx, &ec2.AssociateRouteTableInput{RouteTableId: &table, SubnetId: &subnet}))(t)
	_, err = a.AssociateRouteTable(ctx, &ec2.AssociateRouteTableInput{RouteTableId: &other, SubnetId: &subnet})
	refused(t, "Resource.AlreadyAssociated", err)
	_, err = a.AttachInternetGateway(ctx, &ec2.AttachInternetGatewayInput{InternetGatewayId: &gateway, VpcId: &vpc})
	refused(t, "Resource.AlreadyAssociated", err)
	second := must(a.CreateInternetGateway(ctx, &ec2.CreateInternetGatewayInput{}))(t).InternetGateway.InternetGatewayId
	_, err = a.AttachInternetGateway(ctx, &ec2.AttachInternetGatewayInput{InternetGatewayId: second, VpcId: &vpc})
	refused(t, "InvalidParameterValue", err)
	fixed := func() *ec2.CreateNetworkInterfaceInput { // the SDK puts a token into it
		return &ec2.CreateNetworkInterfaceInput{SubnetId: &subnet, PrivateIpAddress: aws.String("10.0.0.10")}
	}
	must(a.CreateNetworkInterface(ctx, fixed()))(t)
	_, err = a.CreateNetworkInterface(ctx, fixed())
	refused(t, "InvalidIPAddress.InUse", err)
}
