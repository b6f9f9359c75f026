package network

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/aineko-dev/environments/internal/awsec2"
)

// brokerPort is where Kafka listens inside the environment.
const brokerPort = 9092

// group makes a security group; its name is a natural key. Pipelines have no
// ingress at all, the broker has Kafka's from pipelines alone (A3, A4).
func (e ensuring) group(ctx context.Context) (string, error) {
	vpc, err := e.before("vpc")
	if err != nil {
		return "", err
	}
	list := func(ctx context.Context) ([]types.SecurityGroup, error) {
		return awsec2.SecurityGroups(ctx, e.EC2, e.id.Filters(awsec2.Role(e.step.Role), awsec2.Filter("vpc-id", vpc)))
	}
	found, err := existing(ctx, e, list, func(g types.SecurityGroup) string { return aws.ToString(g.GroupId) })
	if err != nil {
		return "", err
	}
	var group types.SecurityGroup
	if len(found) > 0 {
		group = found[0]
		if err := e.letOut(ctx, group); err != nil {
			return "", err
		}
	} else {
		made, err := e.EC2.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{
			VpcId: &vpc, GroupName: aws.String("aineko " + e.step.Role), Description: aws.String(e.step.Summary),
			TagSpecifications: e.id.Specification(types.ResourceTypeSecurityGroup, e.step.Role, nil),
		})
		switch {
		case awsec2.Code(err) == "InvalidGroup.Duplicate":
			id, err := e.shown(ctx, func(ctx context.Context) ([]string, error) {
				found, err := list(ctx)
				return idsOf(found, func(g types.SecurityGroup) *string { return g.GroupId }), err
			}, err)
			if err != nil {
				return "", err
			}
			group.GroupId = &id
		case err != nil:
			return "", err
		default:
			group.GroupId = made.GroupId
		}
	}
	if e.step.Role == "broker-group" {
		return aws.ToString(group.GroupId), e.allowPipelines(ctx, group)
	}
	return aws.ToString(group.GroupId), nil
}

// everything is what EC2 lets out of a group that is new.
var everything = types.IpPermission{IpProtocol: aws.String("-1"), IpRanges: []types.IpRange{{CidrIp: aws.String(anywhere)}}}

// letOut gives a group that exists the rule back with which EC2 made it.
func (e ensuring) letOut(ctx context.Context, group types.SecurityGroup) error {
	if letsOut(group) {
		return nil
	}
	_, err := e.EC2.AuthorizeSecurityGroupEgress(ctx, &ec2.AuthorizeSecurityGroupEgressInput{GroupId: group.GroupId, IpPermissions: []types.IpPermission{everything}})
	if err != nil && awsec2.ClassOf(err) != awsec2.Done {
		return fmt.Errorf("letting %s out: %w", aws.ToString(group.GroupId), err)
	}
	return nil
}

// letsOut is whether what is in a group may reach everything.
func letsOut(g types.SecurityGroup) bool {
	return slices.ContainsFunc(g.IpPermissionsEgress, func(p types.IpPermission) bool {
		return aws.ToString(p.IpProtocol) == aws.ToString(everything.IpProtocol) &&
			slices.ContainsFunc(p.IpRanges, func(r types.IpRange) bool { return aws.ToString(r.CidrIp) == anywhere })
	})
}

// allowPipelines lets pipelines reach the broker, and nothing else.
func (e ensuring) allowPipelines(ctx context.Context, group types.SecurityGroup) error {
	pipelines, err := e.before("pipelines-group")
	if err != nil || reachableFrom(group, pipelines) {
		return err
	}
	_, err = e.EC2.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: group.GroupId, IpPermissions: []types.IpPermission{{
		IpProtocol: aws.String("tcp"), FromPort: aws.Int32(brokerPort), ToPort: aws.Int32(brokerPort),
		UserIdGroupPairs: []types.UserIdGroupPair{{GroupId: &pipelines}},
	}}})
	if err != nil && awsec2.ClassOf(err) != awsec2.Done {
		return fmt.Errorf("letting pipelines reach the broker: %w", err)
	}
	return nil
}

// defaultGroup strips the VPC's default group of all rules (A2).
func (e ensuring) defaultGroup(ctx context.Context) (string, error) {
	vpc, err := e.before("vpc")
	if err != nil {
		return "", err
	}
	out, err := awsec2.SecurityGroups(ctx, e.EC2, []types.Filter{awsec2.Filter("vpc-id", vpc), awsec2.Filter("group-name", "default")})
	if err != nil {
		return "", err
	}
	if len(out) == 0 {
		return "", fmt.Errorf("the default group of %s is not shown yet", vpc)
	}
	group := out[0]
	return aws.ToString(group.GroupId), e.stripGroup(ctx, group)
}

// stripGroup revokes every rule of a group, in both directions.
func (n Network) stripGroup(ctx context.Context, group types.SecurityGroup) error {
	if len(group.IpPermissions) > 0 {
		_, err := n.EC2.RevokeSecurityGroupIngress(ctx, &ec2.RevokeSecurityGroupIngressInput{GroupId: group.GroupId, IpPermissions: group.IpPermissions})
		if err != nil && awsec2.ClassOf(err) != awsec2.Done {
			return fmt.Errorf("revoking the ingress rules of %s: %w", aws.ToString(group.GroupId), err)
		}
	}
	if len(group.IpPermissionsEgress) > 0 {
		_, err := n.EC2.RevokeSecurityGroupEgress(ctx, &ec2.RevokeSecurityGroupEgressInput{GroupId: group.GroupId, IpPermissions: group.IpPermissionsEgress})
		if err != nil && awsec2.ClassOf(err) != awsec2.Done {
			return fmt.Errorf("revoking the egress rules of %s: %w", aws.ToString(group.GroupId), err)
		}
	}
	return nil
}
