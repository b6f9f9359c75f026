//go:build moto

package moto_test

import (
	"context"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// image is one that moto knows.
const image = "ami-12c6146b"

// quirks is everything that moto 5.2.5 is known to get wrong of what the
// product relies on. Each is looked at by a test, so that one that moto mends
// is struck from the list. The product is told of none: where one would stop the main
// path, bridged changes what moto gets to read.
var quirks = []struct {
	action, wrong string
	bridged       func(url.Values)
	// still is whether moto is wrong there still.
	still func(ctx context.Context, a ground) bool
}{
	{
		action: "DescribeInstanceTypeOfferings", wrong: "its filter takes no wildcards",
		bridged: func(v url.Values) {
			for key, values := range v {
				if strings.HasPrefix(key, "Filter.") && strings.HasSuffix(values[0], ".*") {
					v.Set(key, strings.TrimSuffix(values[0], "*")+"large")
				}
			}
		},
		still: func(ctx context.Context, a ground) bool {
			out, err := a.DescribeInstanceTypeOfferings(ctx, &ec2.DescribeInstanceTypeOfferingsInput{LocationType: types.LocationTypeAvailabilityZone, Filters: filter("instance-type", "m7i.*")})
			return err == nil && len(out.InstanceTypeOfferings) == 0
		},
	},
	{
		action: "DescribeNetworkInterfaces", wrong: "the interface of a NAT gateway does not say what it is, so the isolation check takes it for a leak: see leak",
		still: func(ctx context.Context, a ground) bool {
			out, err := a.DescribeNetworkInterfaces(ctx, &ec2.DescribeNetworkInterfacesInput{Filters: filter("subnet-id", a.subnet)})
			return err == nil && len(out.NetworkInterfaces) == 1 && out.NetworkInterfaces[0].InterfaceType == types.NetworkInterfaceTypeInterface
		},
	},
	{
		action: "CreateNatGateway", wrong: "it is available at once",
		still: func(ctx context.Context, a ground) bool {
			out, err := a.DescribeNatGateways(ctx, &ec2.DescribeNatGatewaysInput{NatGatewayIds: []string{a.nat}})
			return err == nil && out.NatGateways[0].State == types.NatGatewayStateAvailable
		},
	},
	{
		action: "DescribeNatGateways", wrong: "filters by tag are ignored",
		still: func(ctx context.Context, a ground) bool {
			out, err := a.DescribeNatGateways(ctx, &ec2.DescribeNatGatewaysInput{Filter: filter("tag:none", "none")})
			return err == nil && len(out.NatGateways) == 1
		},
	},
	{
		action: "RunInstances", wrong: "a client token that comes again makes a second instance",
		still: func(ctx context.Context, a ground) bool {
			ids := map[string]bool{}
			for range 2 {
				out, err := a.RunInstances(ctx, &ec2.RunInstancesInput{ImageId: aws.String(image), InstanceType: types.InstanceTypeM5Large,
					MinCount: aws.Int32(1), MaxCount: aws.Int32(1), ClientToken: aws.String("token")})
				if err != nil {
					return false
				}
				ids[*out.Instances[0].InstanceId] = true
			}
			return len(ids) == 2
		},
	},
	{
		action: "CreateRouteTable", wrong: "a client token that comes again makes a second table",
		still: func(ctx context.Context, a ground) bool {
			ids := map[string]bool{}
			for range 2 {
				out, err := a.CreateRouteTable(ctx, &ec2.CreateRouteTableInput{VpcId: &a.vpc, ClientToken: aws.String("token")})
				if err != nil {
					return false
				}
				ids[*out.RouteTable.RouteTableId] = true
			}
			return len(ids) == 2
		},
	},
	{
		action: "CreateVpc", wrong: "there are no quotas",
		still: func(ctx context.Context, a ground) bool {
			for range 7 {
				if _, err := a.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")}); err != nil {
					return false
				}
			}
			return true
		},
	},
	// What takes things away comes last.
	{
		action: "ReleaseAddress", wrong: "an address that a NAT gateway holds is released",
		still: func(ctx context.Context, a ground) bool {
			_, err := a.ReleaseAddress(ctx, &ec2.ReleaseAddressInput{AllocationId: &a.address})
			return err == nil
		},
	},
	{
		action: "DeleteSubnet", wrong: "a subnet that a NAT gateway is in is deleted",
		still: func(ctx context.Context, a ground) bool {
			_, err := a.DeleteSubnet(ctx, &ec2.DeleteSubnetInput{SubnetId: &a.subnet})
			return err == nil
		},
	},
}

// leak is the one finding that the isolation check has on moto, by mistake.
const leak = "A7 public address"

func filter(name, value string) []types.Filter {
	return []types.Filter{{Name: &name, Values: []string{value}}}
}

// ground is a client past no bridge, and what the quirks are looked at on.
type ground struct {
	*ec2.Client
	vpc, subnet, address, nat string
}

func TestQuirks_MotoIsWrongStill(t *testing.T) {
	url, ctx := server(t), t.Context()
	a := ground{Client: ec2.NewFromConfig(aws.Config{Region: "us-east-1", BaseEndpoint: &url, Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")})}
	vpc, err := a.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")})
	require.NoError(t, err)
	a.vpc = *vpc.Vpc.VpcId
	subnet, err := a.CreateSubnet(ctx, &ec2.CreateSubnetInput{VpcId: &a.vpc, CidrBlock: aws.String("10.0.0.0/24")})
	require.NoError(t, err)
	a.subnet = *subnet.Subnet.SubnetId
	address, err := a.AllocateAddress(ctx, &ec2.AllocateAddressInput{})
	require.NoError(t, err)
	a.address = *address.AllocationId
	nat, err := a.CreateNatGateway(ctx, &ec2.CreateNatGatewayInput{SubnetId: &a.subnet, AllocationId: &a.address})
	require.NoError(t, err)
	a.nat = *nat.NatGateway.NatGatewayId
	for _, q := range quirks {
		assert.True(t, q.still(ctx, a), "moto has mended %s (%s): strike it from the list", q.action, q.wrong)
	}
}
