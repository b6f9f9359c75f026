package network

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/aineko-dev/environments/internal/awsec2"
	"github.com/aineko-dev/environments/internal/contract"
)

// Verify checks the isolation of an environment against the account (A7): a
// finding for each violated rule and resource. It only reads.
func (n Network) Verify(ctx context.Context, id awsec2.Identity, _ Layout) ([]contract.Finding, error) {
	vpcs, err := n.EC2.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{Filters: id.Filters(awsec2.Role("vpc"))})
	if err != nil {
		return nil, fmt.Errorf("looking for the VPC of %s: %w", id.EnvironmentID, err)
	}
	if len(vpcs.Vpcs) == 0 {
		return []contract.Finding{{Rule: "A1 VPC", Resource: id.EnvironmentID, Message: "its VPC does not exist"}}, nil
	}
	v := verifying{Network: n, id: id, vpc: aws.ToString(vpcs.Vpcs[0].VpcId), findings: []contract.Finding{}}
	for _, check := range []func(context.Context) error{v.connections, v.routes, v.groups, v.subnets, v.interfaces} {
		if err := check(ctx); err != nil {
			return nil, fmt.Errorf("checking the isolation of %s: %w", v.vpc, err)
		}
	}
	return v.findings, nil
}

type verifying struct {
	Network
	id       awsec2.Identity
	vpc      string
	findings []contract.Finding
}

func (v *verifying) find(rule, resource, format string, args ...any) {
	v.findings = append(v.findings, contract.Finding{Rule: "A7 " + rule, Resource: resource, Message: fmt.Sprintf(format, args...)})
}

// connections: no peering, transit gateway or VPN.
func (v *verifying) connections(ctx context.Context) error {
	for _, side := range []string{"requester-vpc-info.vpc-id", "accepter-vpc-info.vpc-id"} {
		out, err := v.EC2.DescribeVpcPeeringConnections(ctx, &ec2.DescribeVpcPeeringConnectionsInput{Filters: []types.Filter{
			awsec2.Filter(side, v.vpc), awsec2.Filter("status-code", "pending-acceptance", "provisioning", "active")}})
		if err != nil {
			return err
		}
		for _, p := range out.VpcPeeringConnections {
			v.find("peering", aws.ToString(p.VpcPeeringConnectionId), "a peering connection joins the VPC to another")
		}
	}
	transit, err := v.EC2.DescribeTransitGatewayAttachments(ctx, &ec2.DescribeTransitGatewayAttachmentsInput{Filters: []types.Filter{awsec2.Filter("resource-id", v.vpc)}})
	if err != nil {
		return err
	}
	for _, a := range transit.TransitGatewayAttachments {
		if a.State != types.TransitGatewayAttachmentStateDeleted {
			v.find("transit gateway", aws.ToString(a.TransitGatewayAttachmentId), "the VPC is attached to transit gateway %s", aws.ToString(a.TransitGatewayId))
		}
	}
	vpn, err := v.EC2.DescribeVpnGateways(ctx, &ec2.DescribeVpnGatewaysInput{Filters: []types.Filter{awsec2.Filter("attachment.vpc-id", v.vpc)}})
	if err != nil {
		return err
	}
	for _, g := range vpn.VpnGateways {
		v.find("VPN", aws.ToString(g.VpnGatewayId), "a VPN gateway is attached to the VPC")
	}
	return nil
}

// routes: every one goes to local, or to a gateway or endpoint of this environment.
func (v *verifying) routes(ctx context.Context) error {
	own := map[string]bool{"local": true}
	found, err := v.EC2.DescribeNatGateways(ctx, &ec2.DescribeNatGatewaysInput{Filter: v.id.Filters()})
	if err != nil {
		return err
	}
	for _, g := range found.NatGateways {
		own[aws.ToString(g.NatGatewayId)] = true
	}
	gateways, err := v.EC2.DescribeInternetGateways(ctx, &ec2.DescribeInternetGatewaysInput{Filters: v.id.Filters()})
	if err != nil {
		return err
	}
	for _, g := range gateways.InternetGateways {
		own[aws.ToString(g.InternetGatewayId)] = true
	}
	endpoints, err := v.EC2.DescribeVpcEndpoints(ctx, &ec2.DescribeVpcEndpointsInput{Filters: v.id.Filters()})
	if err != nil {
		return err
	}
	for _, e := range endpoints.VpcEndpoints {
		own[aws.ToString(e.VpcEndpointId)] = true
	}
	tables, err := v.EC2.DescribeRouteTables(ctx, &ec2.DescribeRouteTablesInput{Filters: []types.Filter{awsec2.Filter("vpc-id", v.vpc)}})
	if err != nil {
		return err
	}
	for _, table := range tables.RouteTables {
		for _, r := range table.Routes {
			target := ""
			for _, t := range []*string{r.GatewayId, r.NatGatewayId, r.VpcPeeringConnectionId, r.TransitGatewayId, r.NetworkInterfaceId, r.InstanceId,
				r.EgressOnlyInternetGatewayId, r.LocalGatewayId, r.CarrierGatewayId, r.CoreNetworkArn} {
				target = firstOf(target, aws.ToString(t))
			}
			if !own[target] {
				v.find("route", aws.ToString(table.RouteTableId), "a route for %s goes to %s, which is not this environment's",
					firstOf(aws.ToString(r.DestinationCidrBlock), aws.ToString(r.DestinationPrefixListId)), target)
			}
		}
	}
	return nil
}

// groups: no rule names another VPC's group or opens ingress to the world; the default group is empty.
func (v *verifying) groups(ctx context.Context) error {
	out, err := v.EC2.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{Filters: []types.Filter{awsec2.Filter("vpc-id", v.vpc)}})
	if err != nil {
		return err
	}
	here := map[string]bool{}
	for _, g := range out.SecurityGroups {
		here[aws.ToString(g.GroupId)] = true
	}
	for _, g := range out.SecurityGroups {
		id := aws.ToString(g.GroupId)
		if aws.ToString(g.GroupName) == "default" && len(g.IpPermissions)+len(g.IpPermissionsEgress) > 0 {
			v.find("default group", id, "the default security group has %d rules; it must have none", len(g.IpPermissions)+len(g.IpPermissionsEgress))
		}
		for _, p := range g.IpPermissions {
			if slices.ContainsFunc(p.IpRanges, func(r types.IpRange) bool { return strings.HasSuffix(aws.ToString(r.CidrIp), "/0") }) ||
				slices.ContainsFunc(p.Ipv6Ranges, func(r types.Ipv6Range) bool { return strings.HasSuffix(aws.ToString(r.CidrIpv6), "/0") }) {
				v.find("ingress", id, "a rule opens ingress to the world")
			}
		}
		for _, p := range slices.Concat(g.IpPermissions, g.IpPermissionsEgress) {
			for _, pair := range p.UserIdGroupPairs {
				if other := aws.ToString(pair.GroupId); !here[other] {
					v.find("group reference", id, "a rule names group %s of another VPC", other)
				}
			}
		}
	}
	return nil
}

// subnets: none maps public addresses on launch.
func (v *verifying) subnets(ctx context.Context) error {
	out, err := v.EC2.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{Filters: []types.Filter{awsec2.Filter("vpc-id", v.vpc)}})
	if err != nil {
		return err
	}
	for _, s := range out.Subnets {
		if aws.ToBool(s.MapPublicIpOnLaunch) {
			v.find("public address", aws.ToString(s.SubnetId), "the subnet gives public addresses to what is launched in it")
		}
	}
	return nil
}

// interfaces: only NAT gateways have public addresses.
func (v *verifying) interfaces(ctx context.Context) error {
	pages := ec2.NewDescribeNetworkInterfacesPaginator(v.EC2, &ec2.DescribeNetworkInterfacesInput{Filters: []types.Filter{awsec2.Filter("vpc-id", v.vpc)}})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, i := range page.NetworkInterfaces {
			if i.Association != nil && !ofNatGateway(i) {
				v.find("public address", aws.ToString(i.NetworkInterfaceId), "it has the public address %s", aws.ToString(i.Association.PublicIp))
			}
		}
	}
	return nil
}

// Missing compares the account with the graph (C14): roles that nothing has,
// and what is in the VPC and not the environment's own. It only reads.
func (n Network) Missing(ctx context.Context, id awsec2.Identity, l Layout, brokerVolumeGiB int) (missing []string, foreign []Resource, err error) {
	found, err := n.Find(ctx, id, nil)
	if err != nil {
		return nil, nil, err
	}
	has := map[string]bool{}
	for _, r := range found {
		if r.Own && r.State != "failed" && r.State != "deleting" {
			has[r.Role] = true
		} else if !r.Own {
			foreign = append(foreign, r)
		}
	}
	for _, step := range Graph(l, brokerVolumeGiB) {
		// Routes and the default group have no tags; Verify looks at those.
		if step.Kind != kindRoute && step.Kind != kindDefaultGroup && !has[step.Role] {
			missing = append(missing, step.Role)
		}
	}
	return missing, foreign, nil
}
