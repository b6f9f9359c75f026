package ec2sim_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aineko-dev/environments/internal/ec2sim"
)

// An account with one of everything refuses every deletion that is out of
// order, with EC2's codes, and takes them in order.
func TestDeletion_HoldsToTheGraph(t *testing.T) {
	a := newAccount(t, ec2sim.Options{})
	ctx, vpc := t.Context(), a.vpc()
	subnet, gateway, address := a.subnet(vpc, "10.0.0.0/24"), a.gateway(vpc), a.address()
	nat := a.nat(subnet, address)
	table, used, other := a.table(vpc), a.group(vpc, "used"), a.group(vpc, "other")
	association := *must(a.AssociateRouteTable(ctx, &ec2.AssociateRouteTableInput{RouteTableId: &table, SubnetId: &subnet}))(t).AssociationId
	endpoint := *must(a.CreateVpcEndpoint(ctx, &ec2.CreateVpcEndpointInput{VpcId: &vpc, ServiceName: aws.String("com.amazonaws.us-east-1.s3"), RouteTableIds: []string{table}}))(t).VpcEndpoint.VpcEndpointId
	eni := *must(a.CreateNetworkInterface(ctx, &ec2.CreateNetworkInterfaceInput{SubnetId: &subnet, Groups: []string{used}}))(t).NetworkInterface.NetworkInterfaceId
	in := launchInput(subnet, "x")
	in.SubnetId, in.NetworkInterfaces = nil, []types.InstanceNetworkInterfaceSpecification{{DeviceIndex: aws.Int32(0), NetworkInterfaceId: &eni}}
	instance := *must(a.RunInstances(ctx, in))(t).Instances[0].InstanceId
	a.becomes(nat, "available")

	deleteVPC := func() error { _, err := a.DeleteVpc(ctx, &ec2.DeleteVpcInput{VpcId: &vpc}); return err }
	deleteSubnet := func() error { _, err := a.DeleteSubnet(ctx, &ec2.DeleteSubnetInput{SubnetId: &subnet}); return err }
	deleteTable := func() error {
		_, err := a.DeleteRouteTable(ctx, &ec2.DeleteRouteTableInput{RouteTableId: &table})
		return err
	}
	deleteGroup := func(id string) error {
		_, err := a.DeleteSecurityGroup(ctx, &ec2.DeleteSecurityGroupInput{GroupId: &id})
		return err
	}
	deleteInterface := func() error {
		_, err := a.DeleteNetworkInterface(ctx, &ec2.DeleteNetworkInterfaceInput{NetworkInterfaceId: &eni})
		return err
	}
	release := func() error {
		_, err := a.ReleaseAddress(ctx, &ec2.ReleaseAddressInput{AllocationId: &address})
		return err
	}
	detach := func() error {
		_, err := a.DetachInternetGateway(ctx, &ec2.DetachInternetGatewayInput{InternetGatewayId: &gateway, VpcId: &vpc})
		return err
	}
	deleteGateway := func() error {
		_, err := a.DeleteInternetGateway(ctx, &ec2.DeleteInternetGatewayInput{InternetGatewayId: &gateway})
		return err
	}

	refused(t, "DependencyViolation", deleteVPC())
	refused(t, "DependencyViolation", deleteSubnet())
	refused(t, "DependencyViolation", deleteTable())
	refused(t, "DependencyViolation", deleteGroup(used))
	refused(t, "InvalidParameterValue", deleteInterface()) // in use
	refused(t, "AuthFailure", release())                   // the NAT gateway holds it
	refused(t, "DependencyViolation", detach())            // mapped addresses
	refused(t, "DependencyViolation", deleteGateway())     // attached

	// The NAT gateway's own interface is Amazon's, and lingers after it.
	var own string
	for _, r := range a.Account() {
		if r.Attr["natGatewayId"] == nat && r.Kind == "network-interface" {
			own = r.ID
		}
	}
	_, err := a.DeleteNetworkInterface(ctx, &ec2.DeleteNetworkInterfaceInput{NetworkInterfaceId: &own})
	refused(t, "OperationNotPermitted", err)

	must(a.TerminateInstances(ctx, &ec2.TerminateInstancesInput{InstanceIds: []string{instance}}))(t)
	refused(t, "InvalidParameterValue", deleteInterface()) // until it is terminated
	a.becomes(eni, "available")
	require.NoError(t, deleteInterface())
	refused(t, "InvalidNetworkInterfaceID.NotFound", deleteInterface())

	must(a.DeleteNatGateway(ctx, &ec2.DeleteNatGatewayInput{NatGatewayId: &nat}))(t)
	refused(t, "AuthFailure", release()) // until it is deleted
	refused(t, "DependencyViolation", deleteSubnet())
	a.becomes(nat, "deleted")
	require.NoError(t, release())
	a.becomes(own, "")
	require.NoError(t, detach())
	refusedAgain := detach()
	refused(t, "Gateway.NotAttached", refusedAgain)
	require.NoError(t, deleteGateway())

	must(a.DisassociateRouteTable(ctx, &ec2.DisassociateRouteTableInput{AssociationId: &association}))(t)
	done := must(a.DeleteVpcEndpoints(ctx, &ec2.DeleteVpcEndpointsInput{VpcEndpointIds: []string{endpoint, "vpce-none"}}))(t)
	require.Len(t, done.Unsuccessful, 1, "it fails inside an answer of 200")
	assert.Equal(t, "InvalidVpcEndpoint.NotFound", *done.Unsuccessful[0].Error.Code)
	require.NoError(t, deleteTable())

	// Groups whose rules name each other hold each other, until the rules are revoked.
	name := func(in, from string) *ec2.AuthorizeSecurityGroupIngressInput {
		return &ec2.AuthorizeSecurityGroupIngressInput{GroupId: &in, IpPermissions: []types.IpPermission{{IpProtocol: aws.String("-1"), UserIdGroupPairs: []types.UserIdGroupPair{{GroupId: &from}}}}}
	}
	must(a.AuthorizeSecurityGroupIngress(ctx, name(used, other)))(t)
	must(a.AuthorizeSecurityGroupIngress(ctx, name(other, used)))(t)
	refused(t, "DependencyViolation", deleteGroup(used))
	refused(t, "DependencyViolation", deleteGroup(other))
	must(a.RevokeSecurityGroupIngress(ctx, &ec2.RevokeSecurityGroupIngressInput{GroupId: &other, IpPermissions: name(other, used).IpPermissions}))(t)
	require.NoError(t, deleteGroup(used))
	require.NoError(t, deleteGroup(other))

	require.NoError(t, deleteSubnet())
	a.becomes(endpoint, "")
	require.NoError(t, deleteVPC(), "what came with it goes with it")
	for _, r := range a.Account() {
		assert.Contains(t, []string{"deleted", "terminated"}, r.State, "%s %s is left", r.Kind, r.ID)
	}
}

func TestDeletion_WhatComesWithAVPCCannotGoAlone(t *testing.T) {
	a := newAccount(t, ec2sim.Options{})
	vpc := a.vpc()
	for _, r := range a.Account() {
		id := r.ID
		switch r.Kind {
		case "security-group":
			_, err := a.DeleteSecurityGroup(t.Context(), &ec2.DeleteSecurityGroupInput{GroupId: &id})
			refused(t, "CannotDelete", err)
		case "route-table":
			_, err := a.DeleteRouteTable(t.Context(), &ec2.DeleteRouteTableInput{RouteTableId: &id})
			refused(t, "DependencyViolation", err)
		}
	}
	must(a.DeleteVpc(t.Context(), &ec2.DeleteVpcInput{VpcId: &vpc}))(t)
	assert.Empty(t, a.Account())
}

// A public address given at launch holds the internet gateway as well, and a
// peering holds both its VPCs.
func TestDeletion_PublicAddressesAndPeeringsHold(t *testing.T) {
	a := newAccount(t, ec2sim.Options{})
	ctx, vpc, peer := t.Context(), a.vpc(), a.vpc()
	subnet, gateway := a.subnet(vpc, "10.0.0.0/24"), a.gateway(vpc)
	in := launchInput(subnet, "x")
	in.SubnetId, in.NetworkInterfaces = nil, []types.InstanceNetworkInterfaceSpecification{{DeviceIndex: aws.Int32(0), SubnetId: &subnet, AssociatePublicIpAddress: aws.Bool(true)}}
	id := *must(a.RunInstances(ctx, in))(t).Instances[0].InstanceId
	_, err := a.DetachInternetGateway(ctx, &ec2.DetachInternetGatewayInput{InternetGatewayId: &gateway, VpcId: &vpc})
	refused(t, "DependencyViolation", err)
	must(a.TerminateInstances(ctx, &ec2.TerminateInstancesInput{InstanceIds: []string{id}}))(t)
	a.becomes(id, "terminated")
	must(a.DetachInternetGateway(ctx, &ec2.DetachInternetGatewayInput{InternetGatewayId: &gateway, VpcId: &vpc}))(t)

	pcx := must(a.CreateVpcPeeringConnection(ctx, &ec2.CreateVpcPeeringConnectionInput{VpcId: &vpc, PeerVpcId: &peer}))(t).VpcPeeringConnection.VpcPeeringConnectionId
	_, err = a.DeleteVpc(ctx, &ec2.DeleteVpcInput{VpcId: &peer})
	refused(t, "DependencyViolation", err)
	must(a.DeleteVpcPeeringConnection(ctx, &ec2.DeleteVpcPeeringConnectionInput{VpcPeeringConnectionId: pcx}))(t)
	must(a.DeleteVpc(ctx, &ec2.DeleteVpcInput{VpcId: &peer}))(t)
}
