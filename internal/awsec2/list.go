package awsec2

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// What follows lists all that filters select, over as many pages as EC2 makes
// of it: it may end a page whenever it likes.

// pager is one of the SDK's paginators.
type pager[Output any] interface {
	HasMorePages() bool
	NextPage(context.Context, ...func(*ec2.Options)) (Output, error)
}

func all[Output, Item any](ctx context.Context, pages pager[Output], items func(Output) []Item) ([]Item, error) {
	var found []Item
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		found = append(found, items(page)...)
	}
	return found, nil
}

// Vpcs lists VPCs.
func Vpcs(ctx context.Context, api API, filters []types.Filter) ([]types.Vpc, error) {
	return all(ctx, ec2.NewDescribeVpcsPaginator(api, &ec2.DescribeVpcsInput{Filters: filters}), func(o *ec2.DescribeVpcsOutput) []types.Vpc { return o.Vpcs })
}

// Subnets lists subnets.
func Subnets(ctx context.Context, api API, filters []types.Filter) ([]types.Subnet, error) {
	return all(ctx, ec2.NewDescribeSubnetsPaginator(api, &ec2.DescribeSubnetsInput{Filters: filters}), func(o *ec2.DescribeSubnetsOutput) []types.Subnet { return o.Subnets })
}

// InternetGateways lists internet gateways.
func InternetGateways(ctx context.Context, api API, filters []types.Filter) ([]types.InternetGateway, error) {
	return all(ctx, ec2.NewDescribeInternetGatewaysPaginator(api, &ec2.DescribeInternetGatewaysInput{Filters: filters}),
		func(o *ec2.DescribeInternetGatewaysOutput) []types.InternetGateway { return o.InternetGateways })
}

// Addresses lists elastic IPs; EC2 has no pages of them.
func Addresses(ctx context.Context, api API, filters []types.Filter) ([]types.Address, error) {
	out, err := api.DescribeAddresses(ctx, &ec2.DescribeAddressesInput{Filters: filters})
	if err != nil {
		return nil, err
	}
	return out.Addresses, nil
}

// NatGateways lists NAT gateways.
func NatGateways(ctx context.Context, api API, filters []types.Filter) ([]types.NatGateway, error) {
	return all(ctx, ec2.NewDescribeNatGatewaysPaginator(api, &ec2.DescribeNatGatewaysInput{Filter: filters}),
		func(o *ec2.DescribeNatGatewaysOutput) []types.NatGateway { return o.NatGateways })
}

// RouteTables lists route tables.
func RouteTables(ctx context.Context, api API, filters []types.Filter) ([]types.RouteTable, error) {
	return all(ctx, ec2.NewDescribeRouteTablesPaginator(api, &ec2.DescribeRouteTablesInput{Filters: filters}),
		func(o *ec2.DescribeRouteTablesOutput) []types.RouteTable { return o.RouteTables })
}

// VpcEndpoints lists VPC endpoints.
func VpcEndpoints(ctx context.Context, api API, filters []types.Filter) ([]types.VpcEndpoint, error) {
	return all(ctx, ec2.NewDescribeVpcEndpointsPaginator(api, &ec2.DescribeVpcEndpointsInput{Filters: filters}),
		func(o *ec2.DescribeVpcEndpointsOutput) []types.VpcEndpoint { return o.VpcEndpoints })
}

// SecurityGroups lists security groups.
func SecurityGroups(ctx context.Context, api API, filters []types.Filter) ([]types.SecurityGroup, error) {
	return all(ctx, ec2.NewDescribeSecurityGroupsPaginator(api, &ec2.DescribeSecurityGroupsInput{Filters: filters}),
		func(o *ec2.DescribeSecurityGroupsOutput) []types.SecurityGroup { return o.SecurityGroups })
}

// NetworkInterfaces lists network interfaces.
func NetworkInterfaces(ctx context.Context, api API, filters []types.Filter) ([]types.NetworkInterface, error) {
	return all(ctx, ec2.NewDescribeNetworkInterfacesPaginator(api, &ec2.DescribeNetworkInterfacesInput{Filters: filters}),
		func(o *ec2.DescribeNetworkInterfacesOutput) []types.NetworkInterface { return o.NetworkInterfaces })
}

// Volumes lists volumes.
func Volumes(ctx context.Context, api API, filters []types.Filter) ([]types.Volume, error) {
	return all(ctx, ec2.NewDescribeVolumesPaginator(api, &ec2.DescribeVolumesInput{Filters: filters}), func(o *ec2.DescribeVolumesOutput) []types.Volume { return o.Volumes })
}

// FlowLogs lists flow logs.
func FlowLogs(ctx context.Context, api API, filters []types.Filter) ([]types.FlowLog, error) {
	return all(ctx, ec2.NewDescribeFlowLogsPaginator(api, &ec2.DescribeFlowLogsInput{Filter: filters}), func(o *ec2.DescribeFlowLogsOutput) []types.FlowLog { return o.FlowLogs })
}

// Instances lists instances.
func Instances(ctx context.Context, api API, filters []types.Filter) ([]types.Instance, error) {
	return all(ctx, ec2.NewDescribeInstancesPaginator(api, &ec2.DescribeInstancesInput{Filters: filters}), func(o *ec2.DescribeInstancesOutput) []types.Instance {
		var found []types.Instance
		for _, reservation := range o.Reservations {
			found = append(found, reservation.Instances...)
		}
		return found
	})
}

// InstanceStatuses lists the status checks of instances that run.
func InstanceStatuses(ctx context.Context, api API, ids []string) ([]types.InstanceStatus, error) {
	return instanceStatuses(ctx, api, &ec2.DescribeInstanceStatusInput{InstanceIds: ids})
}

// InstanceStates lists the states and status checks of instances, in whatever
// state they are. Who waits for an instance asks so; the looks are shared, see Share.
func InstanceStates(ctx context.Context, api API, ids []string) ([]types.InstanceStatus, error) {
	return instanceStatuses(ctx, api, &ec2.DescribeInstanceStatusInput{InstanceIds: ids, IncludeAllInstances: aws.Bool(true)})
}

func instanceStatuses(ctx context.Context, api API, in *ec2.DescribeInstanceStatusInput) ([]types.InstanceStatus, error) {
	return all(ctx, ec2.NewDescribeInstanceStatusPaginator(api, in),
		func(o *ec2.DescribeInstanceStatusOutput) []types.InstanceStatus { return o.InstanceStatuses })
}

// InstanceTypes lists instance types.
func InstanceTypes(ctx context.Context, api API, filters []types.Filter) ([]types.InstanceTypeInfo, error) {
	return all(ctx, ec2.NewDescribeInstanceTypesPaginator(api, &ec2.DescribeInstanceTypesInput{Filters: filters}),
		func(o *ec2.DescribeInstanceTypesOutput) []types.InstanceTypeInfo { return o.InstanceTypes })
}

// InstanceTypeOfferings lists which zones offer which instance types.
func InstanceTypeOfferings(ctx context.Context, api API, filters []types.Filter) ([]types.InstanceTypeOffering, error) {
	return all(ctx, ec2.NewDescribeInstanceTypeOfferingsPaginator(api, &ec2.DescribeInstanceTypeOfferingsInput{LocationType: types.LocationTypeAvailabilityZone, Filters: filters}),
		func(o *ec2.DescribeInstanceTypeOfferingsOutput) []types.InstanceTypeOffering {
			return o.InstanceTypeOfferings
		})
}

// VpcPeeringConnections lists peering connections.
func VpcPeeringConnections(ctx context.Context, api API, filters []types.Filter) ([]types.VpcPeeringConnection, error) {
	return all(ctx, ec2.NewDescribeVpcPeeringConnectionsPaginator(api, &ec2.DescribeVpcPeeringConnectionsInput{Filters: filters}),
		func(o *ec2.DescribeVpcPeeringConnectionsOutput) []types.VpcPeeringConnection {
			return o.VpcPeeringConnections
		})
}

// TransitGatewayAttachments lists attachments of transit gateways.
func TransitGatewayAttachments(ctx context.Context, api API, filters []types.Filter) ([]types.TransitGatewayAttachment, error) {
	return all(ctx, ec2.NewDescribeTransitGatewayAttachmentsPaginator(api, &ec2.DescribeTransitGatewayAttachmentsInput{Filters: filters}),
		func(o *ec2.DescribeTransitGatewayAttachmentsOutput) []types.TransitGatewayAttachment {
			return o.TransitGatewayAttachments
		})
}
