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

// Resource is something that was found of an environment, or in its VPC.
type Resource struct {
	Kind  string `json:"kind"`
	ID    string `json:"id"`
	Role  string `json:"role"`
	State string `json:"state,omitempty"`
	// Own is whether its tags say that it is the environment's.
	Own         bool   `json:"own"`
	Owner       string `json:"owner,omitempty"`
	Description string `json:"description,omitempty"`
	// Attached is whether something uses it.
	Attached bool `json:"attached,omitempty"`
}

// Find lists everything of an environment: what its tags find, wherever it is,
// and what is in its VPCs, whoever's. What comes and goes with something else
// (the interface of a NAT gateway, the main route table) is left out.
func (n Network) Find(ctx context.Context, id awsec2.Identity, vpcHints []string) ([]Resource, error) {
	return n.find(ctx, finding{Network: n, id: id, seen: map[string]bool{}, vpcs: slices.Clone(vpcHints)})
}

func (n Network) find(ctx context.Context, f finding) ([]Resource, error) {
	// VPCs first: they say where else to look. The rest is looked for side by side.
	if err := f.findVPCs(ctx); err != nil {
		return nil, looking(f.id, err)
	}
	looks := []func(*finding, context.Context) error{(*finding).findInstances, (*finding).findNatGateways, (*finding).findAddresses,
		(*finding).findInternetGateways, (*finding).findEndpoints, (*finding).findInterfaces, (*finding).findVolumes, (*finding).findGroups,
		(*finding).findRouteTables, (*finding).findSubnets, (*finding).findFlowLogs, (*finding).findPeerings}
	parts := make([]finding, len(looks))
	group := awsec2.SideBySide(ctx)
	for i, look := range looks {
		parts[i] = finding{Network: n, id: f.id, vpcs: f.vpcs, own: f.own, seen: map[string]bool{}}
		group.Go(func(ctx context.Context) error { return look(&parts[i], ctx) })
	}
	if err := group.Wait(); err != nil {
		return nil, looking(f.id, err)
	}
	for _, part := range parts {
		f.found = append(f.found, part.found...)
	}
	return f.found, nil
}

func looking(id awsec2.Identity, err error) error {
	return fmt.Errorf("looking for what exists of %s: %w", id.EnvironmentID, err)
}

// findOwn is Find for what carries the environment's tags alone, in fewer looks.
func (n Network) findOwn(ctx context.Context, id awsec2.Identity) ([]Resource, error) {
	return n.find(ctx, finding{Network: n, id: id, seen: map[string]bool{}, own: true})
}

// Environments lists those of a project that have a VPC.
func (n Network) Environments(ctx context.Context, installation, project string) ([]awsec2.Identity, error) {
	out, err := awsec2.Vpcs(ctx, n.EC2, []types.Filter{
		awsec2.Filter("tag:"+contract.InstallationTag, installation), awsec2.Filter("tag:"+contract.ProjectTag, project),
	})
	if err != nil {
		return nil, fmt.Errorf("looking for VPCs of %s: %w", project, err)
	}
	var found []awsec2.Identity
	for _, vpc := range out {
		found = append(found, awsec2.Identity{
			Installation: installation, Project: project,
			Environment: awsec2.Tag(vpc.Tags, contract.EnvironmentTag), EnvironmentID: awsec2.Tag(vpc.Tags, contract.EnvironmentIDTag),
		})
	}
	return found, nil
}

// finding is one look. The resources of a kind are found by one alone, so
// each knows what it has seen.
type finding struct {
	Network
	id    awsec2.Identity
	vpcs  []string
	found []Resource
	seen  map[string]bool
	// own is whether the tags alone are looked for.
	own bool
}

// each calls look with the filters by tag, then with those by VPC, under the
// name that the call gives to a VPC filter; empty: it has none.
func (f *finding) each(vpcFilter string, look func(filters []types.Filter) error) error {
	if err := look(f.id.Filters()); err != nil {
		return err
	}
	if f.own || vpcFilter == "" || len(f.vpcs) == 0 {
		return nil
	}
	return look([]types.Filter{awsec2.Filter(vpcFilter, f.vpcs...)})
}

func (f *finding) add(r Resource, tags []types.Tag) {
	if r.ID == "" || f.seen[r.ID] {
		return
	}
	f.seen[r.ID] = true
	r.Own, r.Role = f.id.Owns(tags), awsec2.Tag(tags, contract.RoleTag)
	f.found = append(f.found, r)
}

func (f *finding) findVPCs(ctx context.Context) error {
	out, err := awsec2.Vpcs(ctx, f.EC2, f.id.Filters())
	if err != nil {
		return err
	}
	for _, v := range out {
		f.add(Resource{Kind: kindVPC, ID: aws.ToString(v.VpcId), State: string(v.State)}, v.Tags)
		if id := aws.ToString(v.VpcId); !slices.Contains(f.vpcs, id) {
			f.vpcs = append(f.vpcs, id)
		}
	}
	return nil
}

func (f *finding) findInstances(ctx context.Context) error {
	alive := awsec2.Filter("instance-state-name", "pending", "running", "shutting-down", "stopping", "stopped")
	return f.each("vpc-id", func(filters []types.Filter) error {
		found, err := awsec2.Instances(ctx, f.EC2, append(filters, alive))
		if err != nil {
			return err
		}
		for _, i := range found {
			f.add(Resource{Kind: kindInstance, ID: aws.ToString(i.InstanceId), State: string(i.State.Name),
				Description: strings.TrimSpace("instance " + awsec2.Tag(i.Tags, contract.PipelineTag))}, i.Tags)
		}
		return nil
	})
}

func (f *finding) findNatGateways(ctx context.Context) error {
	alive := awsec2.Filter("state", "pending", "available", "failed", "deleting")
	return f.each("vpc-id", func(filters []types.Filter) error {
		found, err := awsec2.NatGateways(ctx, f.EC2, append(filters, alive))
		if err != nil {
			return err
		}
		for _, g := range found {
			f.add(Resource{Kind: kindNatGateway, ID: aws.ToString(g.NatGatewayId), State: string(g.State)}, g.Tags)
		}
		return nil
	})
}

func (f *finding) findAddresses(ctx context.Context) error {
	out, err := awsec2.Addresses(ctx, f.EC2, f.id.Filters())
	if err != nil {
		return err
	}
	for _, a := range out {
		f.add(Resource{Kind: kindAddress, ID: aws.ToString(a.AllocationId), Attached: a.AssociationId != nil}, a.Tags)
	}
	return nil
}

func (f *finding) findInternetGateways(ctx context.Context) error {
	return f.each("attachment.vpc-id", func(filters []types.Filter) error {
		out, err := awsec2.InternetGateways(ctx, f.EC2, filters)
		if err != nil {
			return err
		}
		for _, g := range out {
			f.add(Resource{Kind: kindInternetGateway, ID: aws.ToString(g.InternetGatewayId), Attached: len(g.Attachments) > 0}, g.Tags)
		}
		return nil
	})
}

func (f *finding) findEndpoints(ctx context.Context) error {
	return f.each("vpc-id", func(filters []types.Filter) error {
		out, err := awsec2.VpcEndpoints(ctx, f.EC2, filters)
		if err != nil {
			return err
		}
		for _, v := range out {
			if state := strings.ToLower(string(v.State)); state != "deleted" {
				f.add(Resource{Kind: kindEndpoint, ID: aws.ToString(v.VpcEndpointId), State: state, Description: aws.ToString(v.ServiceName)}, v.Tags)
			}
		}
		return nil
	})
}

func (f *finding) findInterfaces(ctx context.Context) error {
	return f.each("vpc-id", func(filters []types.Filter) error {
		found, err := awsec2.NetworkInterfaces(ctx, f.EC2, filters)
		if err != nil {
			return err
		}
		for _, i := range found {
			if ofNatGateway(i) {
				continue // comes and goes with its NAT gateway
			}
			attached := i.Attachment != nil && aws.ToString(i.Attachment.InstanceId) != ""
			if attached && aws.ToBool(i.Attachment.DeleteOnTermination) {
				continue // comes and goes with its instance
			}
			owner := aws.ToString(i.RequesterId)
			if owner == "" {
				owner = aws.ToString(i.OwnerId)
			}
			f.add(Resource{Kind: kindInterface, ID: aws.ToString(i.NetworkInterfaceId), State: string(i.Status), Owner: owner, Description: aws.ToString(i.Description), Attached: attached}, i.TagSet)
		}
		return nil
	})
}

// ofNatGateway is whether an interface is a NAT gateway's. EC2 answers
// nat_gateway, where its model has natGateway.
func ofNatGateway(i types.NetworkInterface) bool {
	return i.InterfaceType == types.NetworkInterfaceTypeNatGateway || i.InterfaceType == "nat_gateway"
}

func (f *finding) findVolumes(ctx context.Context) error {
	found, err := awsec2.Volumes(ctx, f.EC2, f.id.Filters())
	if err != nil {
		return err
	}
	for _, v := range found {
		if len(v.Attachments) > 0 && aws.ToBool(v.Attachments[0].DeleteOnTermination) {
			continue // comes and goes with its instance
		}
		f.add(Resource{Kind: kindVolume, ID: aws.ToString(v.VolumeId), State: string(v.State), Attached: len(v.Attachments) > 0}, v.Tags)
	}
	return nil
}

func (f *finding) findGroups(ctx context.Context) error {
	return f.each("vpc-id", func(filters []types.Filter) error {
		found, err := awsec2.SecurityGroups(ctx, f.EC2, filters)
		if err != nil {
			return err
		}
		for _, g := range found {
			if aws.ToString(g.GroupName) != "default" {
				f.add(Resource{Kind: kindGroup, ID: aws.ToString(g.GroupId), Owner: aws.ToString(g.OwnerId), Description: aws.ToString(g.GroupName)}, g.Tags)
			}
		}
		return nil
	})
}

func (f *finding) findRouteTables(ctx context.Context) error {
	return f.each("vpc-id", func(filters []types.Filter) error {
		found, err := awsec2.RouteTables(ctx, f.EC2, filters)
		if err != nil {
			return err
		}
		for _, t := range found {
			main := slices.ContainsFunc(t.Associations, func(a types.RouteTableAssociation) bool { return aws.ToBool(a.Main) })
			if !main {
				f.add(Resource{Kind: kindRouteTable, ID: aws.ToString(t.RouteTableId), Owner: aws.ToString(t.OwnerId)}, t.Tags)
			}
		}
		return nil
	})
}

func (f *finding) findSubnets(ctx context.Context) error {
	return f.each("vpc-id", func(filters []types.Filter) error {
		found, err := awsec2.Subnets(ctx, f.EC2, filters)
		if err != nil {
			return err
		}
		for _, s := range found {
			f.add(Resource{Kind: kindSubnet, ID: aws.ToString(s.SubnetId), Owner: aws.ToString(s.OwnerId)}, s.Tags)
		}
		return nil
	})
}

func (f *finding) findFlowLogs(ctx context.Context) error {
	out, err := awsec2.FlowLogs(ctx, f.EC2, f.id.Filters())
	if err != nil {
		return err
	}
	for _, l := range out {
		f.add(Resource{Kind: kindFlowLogs, ID: aws.ToString(l.FlowLogId)}, l.Tags)
	}
	return nil
}

// findPeerings lists what others joined to the VPC: it blocks its deletion.
func (f *finding) findPeerings(ctx context.Context) error {
	for _, side := range []string{"requester-vpc-info.vpc-id", "accepter-vpc-info.vpc-id"} {
		if f.own || len(f.vpcs) == 0 {
			return nil
		}
		out, err := awsec2.VpcPeeringConnections(ctx, f.EC2, []types.Filter{
			awsec2.Filter(side, f.vpcs...), awsec2.Filter("status-code", "pending-acceptance", "provisioning", "active"),
		})
		if err != nil {
			return err
		}
		for _, p := range out {
			f.add(Resource{Kind: "vpc-peering-connection", ID: aws.ToString(p.VpcPeeringConnectionId), Description: "peering"}, p.Tags)
		}
	}
	return nil
}
