package ec2sim_test

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aineko-dev/environments/internal/awsec2"
	"github.com/aineko-dev/environments/internal/ec2sim"
)

func TestQuotas_OfARegionAZoneAndAVPC(t *testing.T) {
	a := newAccount(t, ec2sim.Options{})
	ctx := t.Context()
	var vpc string
	for range 5 {
		vpc = a.vpc()
		a.address()
	}
	_, err := a.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")})
	refused(t, "VpcLimitExceeded", err)
	_, err = a.AllocateAddress(ctx, &ec2.AllocateAddressInput{})
	refused(t, "AddressLimitExceeded", err)
	must(a.DeleteVpc(ctx, &ec2.DeleteVpcInput{VpcId: &vpc}))(t)
	a.vpc()

	b := newAccount(t, ec2sim.Options{Quotas: map[string]int{"natgateway": 1, "subnet": 3, "vcpu": 4}})
	vpc = b.vpc()
	b.gateway(vpc)
	here, there := b.subnet(vpc, "10.0.0.0/24"), *must(b.CreateSubnet(ctx, &ec2.CreateSubnetInput{VpcId: &vpc, CidrBlock: aws.String("10.0.1.0/24"), AvailabilityZone: aws.String("us-east-1b")}))(t).Subnet.SubnetId
	b.nat(here, b.address())
	b.nat(there, b.address()) // a zone of its own
	third := b.address()
	_, err = b.CreateNatGateway(ctx, &ec2.CreateNatGatewayInput{SubnetId: &here, AllocationId: &third})
	refused(t, "NatGatewayLimitExceeded", err)
	b.subnet(vpc, "10.0.2.0/24")
	_, err = b.CreateSubnet(ctx, &ec2.CreateSubnetInput{VpcId: &vpc, CidrBlock: aws.String("10.0.3.0/24")})
	refused(t, "InvalidParameterValue", err) // no zone
	_, err = b.CreateSubnet(ctx, &ec2.CreateSubnetInput{VpcId: &vpc, CidrBlock: aws.String("10.0.3.0/24"), AvailabilityZoneId: aws.String("use1-az2")})
	refused(t, "SubnetLimitExceeded", err)
	b.launch(here, "one")
	b.launch(here, "two")
	_, err = b.RunInstances(ctx, launchInput(here, "three"))
	refused(t, "VcpuLimitExceeded", err)
}

func TestCapacity_IsShortByTypeAndZone(t *testing.T) {
	a := newAccount(t, ec2sim.Options{})
	ctx, vpc := t.Context(), a.vpc()
	inA := a.subnet(vpc, "10.0.0.0/24")
	inC := *must(a.CreateSubnet(ctx, &ec2.CreateSubnetInput{VpcId: &vpc, CidrBlock: aws.String("10.0.1.0/24"), AvailabilityZone: aws.String("us-east-1c")}))(t).Subnet.SubnetId
	n := 0
	run := func(kind types.InstanceType, subnet string) error {
		n++
		in := launchInput(subnet, fmt.Sprint("token ", n))
		in.InstanceType = kind
		_, err := a.RunInstances(ctx, in)
		return err
	}
	a.SetShortages(ec2sim.Shortage{Type: "m7i.large", Zone: "us-east-1a"})
	refused(t, "InsufficientInstanceCapacity", run("m7i.large", inA))
	require.NoError(t, run("m7i.xlarge", inA))
	require.NoError(t, run("m7i.large", inC))
	a.SetShortages(ec2sim.Shortage{Zone: "us-east-1c"})
	refused(t, "InsufficientInstanceCapacity", run("m7i.xlarge", inC))
	a.SetShortages()
	refused(t, "Unsupported", run("c6i.large", inC)) // not offered there
	refused(t, "InvalidParameterValue", run("m99.large", inA))
}

// Each class of actions has a bucket with EC2's size; what refills is time.
func TestThrottling_BucketsByActionClass(t *testing.T) {
	const slow = 0.001 // hardly any refill within the test
	a := newAccount(t, ec2sim.Options{Speed: slow, Throttle: true, Quotas: map[string]int{}})
	ctx := t.Context()
	for action, c := range map[string]struct {
		capacity int
		call     func() error
	}{
		"DescribeVpcs":      {100, func() error { _, err := a.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{}); return err }},
		"DescribeInstances": {50, func() error { _, err := a.DescribeInstances(ctx, &ec2.DescribeInstancesInput{}); return err }},
		"AllocateAddress":   {50, func() error { _, err := a.AllocateAddress(ctx, &ec2.AllocateAddressInput{}); return err }},
		"RunInstances":      {5, func() error { _, err := a.RunInstances(ctx, launchInput("subnet-1", "x")); return err }},
		"CreateNatGateway": {10, func() error {
			_, err := a.CreateNatGateway(ctx, &ec2.CreateNatGatewayInput{SubnetId: aws.String("subnet-1")})
			return err
		}},
		"CreateVpcEndpoint": {4, func() error {
			_, err := a.CreateVpcEndpoint(ctx, &ec2.CreateVpcEndpointInput{VpcId: aws.String("vpc-1"), ServiceName: aws.String("s3")})
			return err
		}},
		"TerminateInstances": {100, func() error {
			_, err := a.TerminateInstances(ctx, &ec2.TerminateInstancesInput{InstanceIds: []string{"i-1"}})
			return err
		}},
	} {
		t.Run(action, func(t *testing.T) {
			for range c.capacity {
				assert.NotEqual(t, "RequestLimitExceeded", awsec2.Code(c.call()))
			}
			refused(t, "RequestLimitExceeded", c.call())
		})
	}
	b := newAccount(t, ec2sim.Options{Throttle: true})
	for range 60 { // a fast clock refills in between
		must(b.DescribeInstances(ctx, &ec2.DescribeInstancesInput{}))(t)
	}
}

func TestDescribe_PagesFiltersAndWhatItDoesNotKnow(t *testing.T) {
	a := newAccount(t, ec2sim.Options{PageSize: 3, Quotas: map[string]int{}})
	ctx := t.Context()
	var made []string
	for range 8 {
		made = append(made, a.vpc())
	}
	var found []string
	pages := 0
	for p := ec2.NewDescribeVpcsPaginator(a, &ec2.DescribeVpcsInput{}); p.HasMorePages(); pages++ {
		for _, v := range must(p.NextPage(ctx))(t).Vpcs {
			found = append(found, *v.VpcId)
		}
	}
	assert.Equal(t, made, found)
	assert.Equal(t, 3, pages)
	_, err := a.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{NextToken: aws.String("made up")})
	refused(t, "InvalidParameterValue", err)
	_, err = a.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{MaxResults: aws.Int32(4)})
	refused(t, "InvalidParameterValue", err)

	filtered := func(name string, values ...string) ([]types.Vpc, error) {
		out, err := a.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{Filters: []types.Filter{{Name: &name, Values: values}}})
		if err != nil {
			return nil, err
		}
		return out.Vpcs, nil
	}
	assert.Len(t, must(filtered("vpc-id", made[0], made[1]))(t), 2)
	assert.Len(t, must(filtered("vpc-id", made[0][:len(made[0])-1]+"?"))(t), 1, "wildcards")
	assert.Empty(t, must(filtered("tag:none", "x"))(t))
	_, err = filtered("colour", "blue")
	refused(t, "InvalidParameterValue", err)
	_, err = a.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{VpcIds: []string{made[0], "vpc-none"}})
	refused(t, "InvalidVpcID.NotFound", err)
	assert.Equal(t, "UnknownParameter", a.raw("DescribeVpcs", "Colour", "blue"))
	assert.Equal(t, "InvalidAction", a.raw("DescribeWeather", "Where", "here"))

	_, err = a.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16"), DryRun: aws.Bool(true)})
	refused(t, "DryRunOperation", err)
	assert.Len(t, must(filtered("cidr", "10.0.0.0/16"))(t), 3, "a dry run makes nothing; a page is three")
}
