package network

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/aineko-dev/environments/internal/awsec2"
	"github.com/aineko-dev/environments/internal/contract"
)

// Verify checks the isolation of an environment against the account (A7): a
// finding for each violated rule and resource. It only reads.
func (n Network) Verify(ctx context.Context, id awsec2.Identity) ([]contract.Finding, error) {
	vpcs, err := awsec2.Vpcs(ctx, n.EC2, id.Filters(awsec2.Role("vpc")))
	if err != nil {
		return nil, fmt.Errorf("looking for the VPC of %s: %w", id.EnvironmentID, err)
	}
	if len(vpcs) == 0 {
		return []contract.Finding{{Rule: "A1 VPC", Resource: id.EnvironmentID, Message: "its VPC does not exist"}}, nil
	}
	vpc := aws.ToString(vpcs[0].VpcId)
	cidr, err := netip.ParsePrefix(aws.ToString(vpcs[0].CidrBlock))
	if err != nil {
		return nil, fmt.Errorf("the range of %s: %w", vpc, err)
	}
	checks := []func(*verifying, context.Context) error{
		(*verifying).connections, (*verifying).routes, (*verifying).groups, (*verifying).subnets, (*verifying).interfaces}
	parts := make([]verifying, len(checks))
	group := awsec2.SideBySide(ctx)
	for i, check := range checks {
		parts[i] = verifying{Network: n, id: id, vpc: vpc, cidr: cidr}
		group.Go(func(ctx context.Context) error { return check(&parts[i], ctx) })
	}
	if err := group.Wait(); err != nil {
		return nil, fmt.Errorf("checking the isolation of %s: %w", vpc, err)
	}
	findings := []contract.Finding{}
	for _, part := range parts {
		findings = append(findings, part.findings...)
	}
	return findings, nil
}

// verifying is one of the checks, which run side by side.
type verifying struct {
	Network
	id       awsec2.Identity
	vpc      string
	cidr     netip.Prefix
	findings []contract.Finding
}

func (v *verifying) find(rule, resource, format string, args ...any) {
	v.findings = append(v.findings, contract.Finding{Rule: "A7 " + rule, Resource: resource, Message: fmt.Sprintf(format, args...)})
}

// connections: no peering, transit gateway or VPN.
func (v *verifying) connections(ctx context.Context) error {
	for _, side := range []string{"requester-vpc-info.vpc-id", "accepter-vpc-info.vpc-id"} {
		out, err := awsec2.VpcPeeringConnections(ctx, v.EC2, []types.Filter{
			awsec2.Filter(side, v.vpc), awsec2.Filter("status-code", "pending-acceptance", "provisioning", "active")})
		if err != nil {
			return err
		}
		for _, p := range out {
			v.find("peering", aws.ToString(p.VpcPeeringConnectionId), "a peering connection joins the VPC to another")
		}
	}
	transit, err := awsec2.TransitGatewayAttachments(ctx, v.EC2, []types.Filter{awsec2.Filter("resource-id", v.vpc)})
	if err != nil {
		return err
	}
	for _, a := range transit {
		if a.State != types.TransitGatewayAttachmentStateDeleted && a.State != types.TransitGatewayAttachmentStateRejected {
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
	found, err := awsec2.NatGateways(ctx, v.EC2, v.id.Filters())
	if err != nil {
		return err
	}
	for _, g := range found {
		own[aws.ToString(g.NatGatewayId)] = true
	}
	gateways, err := awsec2.InternetGateways(ctx, v.EC2, v.id.Filters())
	if err != nil {
		return err
	}
	for _, g := range gateways {
		own[aws.ToString(g.InternetGatewayId)] = true
	}
	endpoints, err := awsec2.VpcEndpoints(ctx, v.EC2, v.id.Filters())
	if err != nil {
		return err
	}
	for _, e := range endpoints {
		own[aws.ToString(e.VpcEndpointId)] = true
	}
	tables, err := awsec2.RouteTables(ctx, v.EC2, []types.Filter{awsec2.Filter("vpc-id", v.vpc)})
	if err != nil {
		return err
	}
	for _, table := range tables {
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
	out, err := awsec2.SecurityGroups(ctx, v.EC2, []types.Filter{awsec2.Filter("vpc-id", v.vpc)})
	if err != nil {
		return err
	}
	here := map[string]bool{}
	for _, g := range out {
		here[aws.ToString(g.GroupId)] = true
	}
	for _, g := range out {
		id := aws.ToString(g.GroupId)
		if aws.ToString(g.GroupName) == "default" && len(g.IpPermissions)+len(g.IpPermissionsEgress) > 0 {
			v.find("default group", id, "the default security group has %d rules; it must have none", len(g.IpPermissions)+len(g.IpPermissionsEgress))
		}
		for _, p := range g.IpPermissions {
			for _, source := range sources(p) {
				if !v.inside(source) {
					v.find("ingress", id, "a rule lets %s in, which is outside the VPC", source)
				}
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

// sources are the addresses and prefix lists that a rule lets in.
func sources(p types.IpPermission) []string {
	var all []string
	for _, r := range p.IpRanges {
		all = append(all, aws.ToString(r.CidrIp))
	}
	for _, r := range p.Ipv6Ranges {
		all = append(all, aws.ToString(r.CidrIpv6))
	}
	for _, l := range p.PrefixListIds {
		all = append(all, aws.ToString(l.PrefixListId))
	}
	return all
}

// inside is whether a range is part of the VPC's; a prefix list never is.
func (v *verifying) inside(source string) bool {
	p, err := netip.ParsePrefix(source)
	return err == nil && p.Bits() >= v.cidr.Bits() && v.cidr.Contains(p.Addr())
}

// subnets: none maps public addresses on launch.
func (v *verifying) subnets(ctx context.Context) error {
	out, err := awsec2.Subnets(ctx, v.EC2, []types.Filter{awsec2.Filter("vpc-id", v.vpc)})
	if err != nil {
		return err
	}
	for _, s := range out {
		if aws.ToBool(s.MapPublicIpOnLaunch) {
			v.find("public address", aws.ToString(s.SubnetId), "the subnet gives public addresses to what is launched in it")
		}
	}
	return nil
}

// interfaces: only NAT gateways have public addresses.
func (v *verifying) interfaces(ctx context.Context) error {
	found, err := awsec2.NetworkInterfaces(ctx, v.EC2, []types.Filter{awsec2.Filter("vpc-id", v.vpc)})
	if err != nil {
		return err
	}
	for _, i := range found {
		if i.Association != nil && !ofNatGateway(i) {
			v.find("public address", aws.ToString(i.NetworkInterfaceId), "it has the public address %s", aws.ToString(i.Association.PublicIp))
		}
	}
	return nil
}
