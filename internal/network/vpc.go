package network

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/aineko-dev/environments/internal/awsec2"
	"github.com/aineko-dev/environments/internal/contract"
)

// vpc makes the VPC: found by tag, or made and looked for again, since
// CreateVpc takes no client token.
func (e ensuring) vpc(ctx context.Context) (string, error) {
	list := func(ctx context.Context) ([]types.Vpc, error) {
		return awsec2.Vpcs(ctx, e.EC2, e.id.Filters(awsec2.Role(e.step.Role)))
	}
	found, err := existing(ctx, e, list, func(v types.Vpc) string { return aws.ToString(v.VpcId) })
	if err != nil {
		return "", err
	}
	if len(found) > 0 {
		id := aws.ToString(found[0].VpcId)
		return id, e.configureVPC(ctx, id, true)
	}
	tag, err := e.layout.tag()
	if err != nil {
		return "", err
	}
	made, err := e.EC2.CreateVpc(ctx, &ec2.CreateVpcInput{
		CidrBlock:         aws.String(e.layout.CIDR),
		TagSpecifications: e.id.Specification(types.ResourceTypeVpc, e.step.Role, map[string]string{contract.LayoutTag: tag}),
	})
	if err != nil {
		return "", err
	}
	id := aws.ToString(made.Vpc.VpcId)
	twins, err := list(ctx)
	if err != nil {
		return "", err
	}
	id, err = settleOn(id, idsOf(twins, func(v types.Vpc) *string { return v.VpcId }), func(id string) error {
		_, err := e.EC2.DeleteVpc(ctx, &ec2.DeleteVpcInput{VpcId: &id})
		return err
	})
	if err != nil {
		return "", err
	}
	return id, e.configureVPC(ctx, id, id != aws.ToString(made.Vpc.VpcId))
}

// configureVPC turns DNS support and host names on (A1). A fresh VPC has
// support on and host names off; one that was found is asked first.
func (e ensuring) configureVPC(ctx context.Context, id string, ask bool) error {
	if ask {
		for name, change := range map[types.VpcAttributeName]*ec2.ModifyVpcAttributeInput{
			types.VpcAttributeNameEnableDnsSupport:   {VpcId: &id, EnableDnsSupport: &types.AttributeBooleanValue{Value: aws.Bool(true)}},
			types.VpcAttributeNameEnableDnsHostnames: {VpcId: &id, EnableDnsHostnames: &types.AttributeBooleanValue{Value: aws.Bool(true)}},
		} {
			now, err := e.EC2.DescribeVpcAttribute(ctx, &ec2.DescribeVpcAttributeInput{VpcId: &id, Attribute: name})
			if err != nil {
				return fmt.Errorf("asking %s for %s: %w", id, name, err)
			}
			if on(now.EnableDnsSupport) || on(now.EnableDnsHostnames) {
				continue
			}
			if _, err := e.EC2.ModifyVpcAttribute(ctx, change); err != nil {
				return fmt.Errorf("turning %s of %s on: %w", name, id, err)
			}
		}
		return nil
	}
	_, err := e.EC2.ModifyVpcAttribute(ctx, &ec2.ModifyVpcAttributeInput{VpcId: &id, EnableDnsHostnames: &types.AttributeBooleanValue{Value: aws.Bool(true)}})
	if err != nil {
		return fmt.Errorf("turning DNS host names of %s on: %w", id, err)
	}
	return nil
}

func on(v *types.AttributeBooleanValue) bool { return v != nil && aws.ToBool(v.Value) }

func idsOf[T any](all []T, idOf func(T) *string) []string {
	ids := make([]string, len(all))
	for i, one := range all {
		ids[i] = aws.ToString(idOf(one))
	}
	return ids
}

// subnet makes a subnet; its CIDR is a natural key, so a second cannot come to be.
func (e ensuring) subnet(ctx context.Context) (string, error) {
	vpc, err := e.before("vpc")
	if err != nil {
		return "", err
	}
	list := func(ctx context.Context) ([]types.Subnet, error) {
		return awsec2.Subnets(ctx, e.EC2, e.id.Filters(awsec2.Role(e.step.Role), awsec2.Filter("vpc-id", vpc)))
	}
	found, err := existing(ctx, e, list, func(s types.Subnet) string { return aws.ToString(s.SubnetId) })
	if err != nil {
		return "", err
	}
	if len(found) > 0 {
		return aws.ToString(found[0].SubnetId), nil
	}
	cidr, err := e.layout.subnetCIDR(e.step.Role)
	if err != nil {
		return "", err
	}
	zone, err := e.layout.zoneOf(e.step.Role)
	if err != nil {
		return "", err
	}
	made, err := e.EC2.CreateSubnet(ctx, &ec2.CreateSubnetInput{
		VpcId: &vpc, CidrBlock: aws.String(cidr.String()), AvailabilityZone: aws.String(zone.Name),
		TagSpecifications: e.id.Specification(types.ResourceTypeSubnet, e.step.Role, nil),
	})
	if awsec2.Code(err) == "InvalidSubnet.Conflict" {
		// Made by an attempt whose answer was lost, and not shown to this reader yet.
		return e.shown(ctx, func(ctx context.Context) ([]string, error) {
			found, err := list(ctx)
			return idsOf(found, func(s types.Subnet) *string { return s.SubnetId }), err
		}, err)
	}
	if err != nil {
		return "", err
	}
	return aws.ToString(made.Subnet.SubnetId), nil
}

// shown waits until what EC2 says exists is shown to this reader, for as long
// as that may take; then conflict was with something that is not ours.
func (e ensuring) shown(ctx context.Context, list func(context.Context) ([]string, error), conflict error) (string, error) {
	for range shownLooks {
		found, err := list(ctx)
		if err != nil {
			return "", err
		}
		if len(found) > 0 {
			return found[0], nil
		}
		e.beat(e.step.Role + " exists, but is not shown yet")
		if err := awsec2.Pause(ctx, e.SettleTime/shownLooks+1); err != nil {
			return "", err
		}
	}
	return "", fmt.Errorf("it conflicts with something that is not this environment's: %w", conflict)
}

// shownLooks is how often shown looks within twice the settle time.
const shownLooks = 5
