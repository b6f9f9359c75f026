package network

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/aineko-dev/environments/internal/awsec2"
)

// internetGateway makes the internet gateway and attaches it. It is found by
// tag, attached or not: a crash between the two calls leaves nothing behind.
func (e ensuring) internetGateway(ctx context.Context) (string, error) {
	vpc, err := e.before("vpc")
	if err != nil {
		return "", err
	}
	list := func(ctx context.Context) ([]types.InternetGateway, error) {
		return awsec2.InternetGateways(ctx, e.EC2, e.id.Filters(awsec2.Role(e.step.Role)))
	}
	found, err := existing(ctx, e, list, func(g types.InternetGateway) string { return aws.ToString(g.InternetGatewayId) })
	if err != nil {
		return "", err
	}
	var id string
	for _, g := range found {
		for _, a := range g.Attachments {
			if aws.ToString(a.VpcId) == vpc {
				return aws.ToString(g.InternetGatewayId), nil
			}
		}
		if id == "" && len(g.Attachments) == 0 {
			id = aws.ToString(g.InternetGatewayId)
		}
	}
	if id == "" {
		made, err := e.EC2.CreateInternetGateway(ctx, &ec2.CreateInternetGatewayInput{
			TagSpecifications: e.id.Specification(types.ResourceTypeInternetGateway, e.step.Role, nil),
		})
		if err != nil {
			return "", err
		}
		twins, err := list(ctx)
		if err != nil {
			return "", err
		}
		id, err = settleOn(aws.ToString(made.InternetGateway.InternetGatewayId),
			idsOf(twins, func(g types.InternetGateway) *string { return g.InternetGatewayId }), func(id string) error {
				_, err := e.EC2.DeleteInternetGateway(ctx, &ec2.DeleteInternetGatewayInput{InternetGatewayId: &id})
				return err
			})
		if err != nil {
			return "", err
		}
	}
	_, err = e.EC2.AttachInternetGateway(ctx, &ec2.AttachInternetGatewayInput{InternetGatewayId: &id, VpcId: &vpc})
	if awsec2.Code(err) == "InvalidParameterValue" {
		// "Network vpc-… already has an internet gateway attached": a twin was
		// faster. The sweep removes the one that is left over.
		return e.shown(ctx, func(ctx context.Context) ([]string, error) {
			attached, err := awsec2.InternetGateways(ctx, e.EC2, e.id.Filters(awsec2.Role(e.step.Role), awsec2.Filter("attachment.vpc-id", vpc)))
			return idsOf(attached, func(g types.InternetGateway) *string { return g.InternetGatewayId }), err
		}, err)
	}
	if err != nil && awsec2.ClassOf(err) != awsec2.Done {
		return "", fmt.Errorf("attaching %s: %w", id, err)
	}
	return id, nil
}

// address makes an elastic IP, which takes no client token either.
func (e ensuring) address(ctx context.Context) (string, error) {
	list := func(ctx context.Context) ([]types.Address, error) {
		return awsec2.Addresses(ctx, e.EC2, e.id.Filters(awsec2.Role(e.step.Role)))
	}
	found, err := existing(ctx, e, list, func(a types.Address) string { return aws.ToString(a.AllocationId) })
	if err != nil {
		return "", err
	}
	for _, a := range found {
		if a.AssociationId != nil {
			return aws.ToString(a.AllocationId), nil // the NAT gateway has it
		}
	}
	if len(found) > 0 {
		return aws.ToString(found[0].AllocationId), nil
	}
	made, err := e.EC2.AllocateAddress(ctx, &ec2.AllocateAddressInput{
		Domain: types.DomainTypeVpc, TagSpecifications: e.id.Specification(types.ResourceTypeElasticIp, e.step.Role, nil),
	})
	if err != nil {
		return "", err
	}
	twins, err := list(ctx)
	if err != nil {
		return "", err
	}
	return settleOn(aws.ToString(made.AllocationId), idsOf(twins, func(a types.Address) *string { return a.AllocationId }), func(id string) error {
		_, err := e.EC2.ReleaseAddress(ctx, &ec2.ReleaseAddressInput{AllocationId: &id})
		return err
	})
}

// natGateway makes a NAT gateway and waits until it is available. One that
// failed is left for the sweep, and its token is not used again.
func (e ensuring) natGateway(ctx context.Context) (string, error) {
	zone := e.step.Role[len("nat-"):]
	subnet, err := e.before("public-" + zone)
	if err != nil {
		return "", err
	}
	address, err := e.before("nat-address-" + zone)
	if err != nil {
		return "", err
	}
	list := func(ctx context.Context) ([]types.NatGateway, error) {
		return awsec2.NatGateways(ctx, e.EC2, e.id.Filters(awsec2.Role(e.step.Role), awsec2.Filter("state", "pending", "available")))
	}
	found, err := existing(ctx, e, list, func(g types.NatGateway) string { return aws.ToString(g.NatGatewayId) })
	if err != nil {
		return "", err
	}
	if len(found) > 0 {
		id := aws.ToString(found[0].NatGatewayId)
		if found[0].State == types.NatGatewayStateAvailable {
			return id, nil
		}
		return id, e.natAvailable(ctx, id, 0)
	}
	for dead := ""; ; {
		made, err := e.EC2.CreateNatGateway(ctx, &ec2.CreateNatGatewayInput{
			SubnetId: &subnet, AllocationId: &address, ClientToken: e.token(dead),
			TagSpecifications: e.id.Specification(types.ResourceTypeNatgateway, e.step.Role, nil),
		})
		if err != nil {
			return "", err
		}
		id := aws.ToString(made.NatGateway.NatGatewayId)
		switch made.NatGateway.State {
		case types.NatGatewayStateAvailable:
			return id, nil
		case types.NatGatewayStatePending:
			return id, e.natAvailable(ctx, id, soonestNAT*e.PollInterval)
		}
		if id == dead {
			return "", fmt.Errorf("%s is %s", id, made.NatGateway.State)
		}
		dead = id // the token stands for one that is gone
	}
}

// When a NAT gateway is looked at, in poll intervals (5 s): AWS takes 90 to
// 126 s to make one, so the first looks would tell nothing, and a few seconds more do not matter.
const (
	soonestNAT  = 12
	betweenNATs = 2
)

// natAvailable waits for a NAT gateway, and begins to look after a while. It
// has no limit of its own; the step's is enough.
func (e ensuring) natAvailable(ctx context.Context, id string, first time.Duration) error {
	return awsec2.PollAfter(ctx, first, betweenNATs*e.PollInterval, id+" to become available", e.beat, func(ctx context.Context) (bool, string, error) {
		out, err := e.EC2.DescribeNatGateways(ctx, &ec2.DescribeNatGatewaysInput{NatGatewayIds: []string{id}})
		if awsec2.IsNotFound(err) {
			return false, id + " to be shown", nil
		}
		if err != nil {
			return false, "", err
		}
		for _, g := range out.NatGateways {
			switch g.State {
			case types.NatGatewayStateAvailable:
				return true, "", nil
			case types.NatGatewayStateFailed, types.NatGatewayStateDeleted, types.NatGatewayStateDeleting:
				return false, "", fmt.Errorf("%s is %s: %s %s", id, g.State, aws.ToString(g.FailureCode), aws.ToString(g.FailureMessage))
			}
		}
		return false, id + " to become available", nil
	})
}
