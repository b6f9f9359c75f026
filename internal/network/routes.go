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
)

const anywhere = "0.0.0.0/0"

func (e ensuring) listTables(ctx context.Context, role string) ([]types.RouteTable, error) {
	return awsec2.RouteTables(ctx, e.EC2, e.id.Filters(awsec2.Role(role)))
}

// routeTable makes a route table with its associations; the public one with
// its way out. The private ones' way out waits for the NAT gateway: a step of its own.
func (e ensuring) routeTable(ctx context.Context) (string, error) {
	vpc, err := e.before("vpc")
	if err != nil {
		return "", err
	}
	found, err := existing(ctx, e, func(ctx context.Context) ([]types.RouteTable, error) { return e.listTables(ctx, e.step.Role) },
		func(t types.RouteTable) string { return aws.ToString(t.RouteTableId) })
	if err != nil {
		return "", err
	}
	var table types.RouteTable
	if len(found) > 0 {
		table = found[0]
	} else {
		made, err := e.EC2.CreateRouteTable(ctx, &ec2.CreateRouteTableInput{
			VpcId: &vpc, ClientToken: e.token(), TagSpecifications: e.id.Specification(types.ResourceTypeRouteTable, e.step.Role, nil),
		})
		if err != nil {
			return "", err
		}
		table = *made.RouteTable
	}
	id := aws.ToString(table.RouteTableId)
	if e.step.Role == "public-routes" {
		gateway, err := e.before("internet-gateway")
		if err != nil {
			return "", err
		}
		if err := e.routeTo(ctx, table, &ec2.CreateRouteInput{RouteTableId: &id, DestinationCidrBlock: aws.String(anywhere), GatewayId: &gateway}); err != nil {
			return "", err
		}
	}
	return id, e.associate(ctx, table)
}

// associate puts the subnets that the step waited for onto the table.
func (e ensuring) associate(ctx context.Context, table types.RouteTable) error {
	has := map[string]bool{}
	for _, a := range table.Associations {
		has[aws.ToString(a.SubnetId)] = true
	}
	for _, role := range e.step.After {
		if !isSubnetRole(role) {
			continue
		}
		subnet, err := e.before(role)
		if err != nil {
			return err
		}
		if has[subnet] {
			continue
		}
		_, err = e.EC2.AssociateRouteTable(ctx, &ec2.AssociateRouteTableInput{RouteTableId: table.RouteTableId, SubnetId: &subnet})
		if err != nil && awsec2.ClassOf(err) != awsec2.Done {
			return fmt.Errorf("associating %s with %s: %w", aws.ToString(table.RouteTableId), subnet, err)
		}
	}
	return nil
}

// isSubnetRole is whether a role is public-a, private-b, …
func isSubnetRole(role string) bool {
	kind, zone, _ := strings.Cut(role, "-")
	return (kind == "public" || kind == "private") && len(zone) == 1
}

// routeTo makes the way out of a table, or points it to where it must go.
func (e ensuring) routeTo(ctx context.Context, table types.RouteTable, route *ec2.CreateRouteInput) error {
	for _, r := range table.Routes {
		if aws.ToString(r.DestinationCidrBlock) != anywhere {
			continue
		}
		if aws.ToString(r.GatewayId) == aws.ToString(route.GatewayId) && aws.ToString(r.NatGatewayId) == aws.ToString(route.NatGatewayId) {
			return nil
		}
		return e.replaceRoute(ctx, route)
	}
	_, err := e.EC2.CreateRoute(ctx, route)
	if awsec2.Code(err) == "RouteAlreadyExists" {
		return e.replaceRoute(ctx, route)
	}
	if err != nil {
		return fmt.Errorf("route of %s: %w", aws.ToString(route.RouteTableId), err)
	}
	return nil
}

func (e ensuring) replaceRoute(ctx context.Context, route *ec2.CreateRouteInput) error {
	_, err := e.EC2.ReplaceRoute(ctx, &ec2.ReplaceRouteInput{
		RouteTableId: route.RouteTableId, DestinationCidrBlock: route.DestinationCidrBlock, GatewayId: route.GatewayId, NatGatewayId: route.NatGatewayId,
	})
	if err != nil {
		return fmt.Errorf("replacing the route of %s: %w", aws.ToString(route.RouteTableId), err)
	}
	return nil
}

// route is the private subnets' way out.
func (e ensuring) route(ctx context.Context) (string, error) {
	zone := e.step.Role[len("nat-route-"):]
	id, err := e.before("private-routes-" + zone)
	if err != nil {
		return "", err
	}
	nat, err := e.before("nat-" + zone)
	if err != nil {
		return "", err
	}
	var table types.RouteTable
	if e.again {
		tables, err := e.listTables(ctx, "private-routes-"+zone)
		if err != nil {
			return "", err
		}
		for _, t := range tables {
			if aws.ToString(t.RouteTableId) == id {
				table = t
			}
		}
	}
	return id, e.routeTo(ctx, table, &ec2.CreateRouteInput{RouteTableId: &id, DestinationCidrBlock: aws.String(anywhere), NatGatewayId: &nat})
}

// endpoint makes the gateway endpoint for S3 on the private route tables.
func (e ensuring) endpoint(ctx context.Context) (string, error) {
	vpc, err := e.before("vpc")
	if err != nil {
		return "", err
	}
	var tables []string
	for _, role := range e.step.After {
		if strings.HasPrefix(role, "private-routes-") {
			table, err := e.before(role)
			if err != nil {
				return "", err
			}
			tables = append(tables, table)
		}
	}
	list := func(ctx context.Context) ([]types.VpcEndpoint, error) {
		return awsec2.VpcEndpoints(ctx, e.EC2, e.id.Filters(awsec2.Role(e.step.Role), awsec2.Filter("vpc-endpoint-state", "pending", "available", "Pending", "Available")))
	}
	found, err := existing(ctx, e, list, func(v types.VpcEndpoint) string { return aws.ToString(v.VpcEndpointId) })
	if err != nil {
		return "", err
	}
	if len(found) > 0 {
		return aws.ToString(found[0].VpcEndpointId), e.endpointOn(ctx, found[0], tables)
	}
	region := e.layout.Zones[0].region()
	made, err := e.EC2.CreateVpcEndpoint(ctx, &ec2.CreateVpcEndpointInput{
		VpcId: &vpc, VpcEndpointType: types.VpcEndpointTypeGateway, ServiceName: aws.String("com.amazonaws." + region + ".s3"),
		RouteTableIds: tables, ClientToken: e.token(),
		TagSpecifications: e.id.Specification(types.ResourceTypeVpcEndpoint, e.step.Role, nil),
	})
	if awsec2.Code(err) == "RouteAlreadyExists" {
		return e.shown(ctx, func(ctx context.Context) ([]string, error) {
			found, err := list(ctx)
			return idsOf(found, func(v types.VpcEndpoint) *string { return v.VpcEndpointId }), err
		}, err)
	}
	if err != nil {
		return "", err
	}
	return aws.ToString(made.VpcEndpoint.VpcEndpointId), nil
}

// endpointOn puts an endpoint that exists onto the route tables that it is not
// on: it was taken off, or they were replaced.
func (e ensuring) endpointOn(ctx context.Context, endpoint types.VpcEndpoint, tables []string) error {
	for _, table := range tables {
		if slices.Contains(endpoint.RouteTableIds, table) {
			continue
		}
		_, err := e.EC2.ModifyVpcEndpoint(ctx, &ec2.ModifyVpcEndpointInput{VpcEndpointId: endpoint.VpcEndpointId, AddRouteTableIds: []string{table}})
		if err != nil && awsec2.ClassOf(err) != awsec2.Done {
			return fmt.Errorf("putting %s onto %s: %w", aws.ToString(endpoint.VpcEndpointId), table, err)
		}
	}
	return nil
}

// region of a zone: its name without the letter.
func (z Zone) region() string { return strings.TrimRight(z.Name, "abcdefghijklmnopqrstuvwxyz") }
