package network

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/aineko-dev/environments/internal/awsec2"
	"github.com/aineko-dev/environments/internal/contract"
)

// Drift compares the account with the graph (C14): what is lacking of it, by
// role, or is there twice; and what is in the VPC and not the environment's
// own. It only reads; initialising again restores what is lacking, and its
// sweep removes twins.
func (n Network) Drift(ctx context.Context, id awsec2.Identity, l Layout) (lacking []string, foreign []Resource, err error) {
	found, err := n.Find(ctx, id, nil)
	if err != nil {
		return nil, nil, err
	}
	d := drifting{Network: n, id: id, has: map[string]string{}}
	for _, r := range found {
		switch {
		case !r.Own:
			foreign = append(foreign, r)
		case r.Kind == kindInstance || r.State == "failed" || r.State == "deleting":
		case d.has[r.Role] != "":
			d.lacks("%s: twice, %s and %s", r.Role, d.has[r.Role], r.ID)
		case r.Kind == kindInternetGateway && !r.Attached:
			d.lacks("%s: %s is not attached", r.Role, r.ID)
			d.has[r.Role] = r.ID
		default:
			d.has[r.Role] = r.ID
		}
	}
	graph := Graph(l, 0)
	for _, step := range graph {
		// Routes and the default group have no tags of their own.
		if step.Kind != kindRoute && step.Kind != kindDefaultGroup && d.has[step.Role] == "" {
			d.lacks("%s: missing", step.Role)
		}
	}
	if err := d.tables(ctx, graph); err != nil {
		return nil, nil, err
	}
	if err := d.groups(ctx); err != nil {
		return nil, nil, err
	}
	return d.lacking, foreign, nil
}

type drifting struct {
	Network
	id      awsec2.Identity
	has     map[string]string // resource IDs by role
	lacking []string
}

func (d *drifting) lacks(format string, args ...any) {
	d.lacking = append(d.lacking, fmt.Sprintf(format, args...))
}

// tables looks that each route table has its way out and its subnets.
func (d *drifting) tables(ctx context.Context, graph []Step) error {
	out, err := awsec2.RouteTables(ctx, d.EC2, d.id.Filters())
	if err != nil {
		return fmt.Errorf("looking at the routes of %s: %w", d.id.EnvironmentID, err)
	}
	for _, step := range graph {
		i := slices.IndexFunc(out, func(t types.RouteTable) bool { return aws.ToString(t.RouteTableId) == d.has[step.Role] })
		if step.Kind != kindRouteTable || i < 0 {
			continue
		}
		table := out[i]
		way := d.has["internet-gateway"]
		if zone, private := strings.CutPrefix(step.Role, "private-routes-"); private {
			way = d.has["nat-"+zone]
			endpoint := d.has["s3-endpoint"]
			if endpoint != "" && !slices.ContainsFunc(table.Routes, func(r types.Route) bool { return aws.ToString(r.GatewayId) == endpoint }) {
				d.lacks("%s: no route to S3 through %s", step.Role, endpoint)
			}
		}
		if !slices.ContainsFunc(table.Routes, func(r types.Route) bool {
			return aws.ToString(r.DestinationCidrBlock) == anywhere && r.State != types.RouteStateBlackhole &&
				firstOf(aws.ToString(r.GatewayId), aws.ToString(r.NatGatewayId)) == way
		}) {
			d.lacks("%s: no route out through %s", step.Role, firstOf(way, "its gateway"))
		}
		for _, role := range step.After {
			subnet := d.has[role]
			if !isSubnetRole(role) || subnet == "" {
				continue
			}
			if !slices.ContainsFunc(table.Associations, func(a types.RouteTableAssociation) bool { return aws.ToString(a.SubnetId) == subnet }) {
				d.lacks("%s: %s is not associated", step.Role, subnet)
			}
		}
	}
	return nil
}

// groups looks that what runs here may get out, and pipelines to the broker.
func (d *drifting) groups(ctx context.Context) error {
	out, err := awsec2.SecurityGroups(ctx, d.EC2, d.id.Filters(awsec2.Filter("tag:"+contract.RoleTag, "pipelines-group", "broker-group")))
	if err != nil {
		return fmt.Errorf("looking at the security groups of %s: %w", d.id.EnvironmentID, err)
	}
	for _, g := range out {
		role, pipelines := awsec2.Tag(g.Tags, contract.RoleTag), d.has["pipelines-group"]
		if aws.ToString(g.GroupId) != d.has[role] {
			continue
		}
		if !letsOut(g) {
			d.lacks("%s: no rule lets anything out", role)
		}
		if role == "broker-group" && pipelines != "" && !reachableFrom(g, pipelines) {
			d.lacks("%s: no rule lets %s in", role, pipelines)
		}
	}
	return nil
}

// reachableFrom is whether a group lets another reach the broker's port.
func reachableFrom(g types.SecurityGroup, from string) bool {
	return slices.ContainsFunc(g.IpPermissions, func(p types.IpPermission) bool {
		return aws.ToInt32(p.FromPort) == brokerPort && aws.ToInt32(p.ToPort) == brokerPort &&
			slices.ContainsFunc(p.UserIdGroupPairs, func(pair types.UserIdGroupPair) bool { return aws.ToString(pair.GroupId) == from })
	})
}
