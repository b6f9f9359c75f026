package ec2sim

// actions are the calls that the simulator knows: those that the product
// makes, and those by which tests plant what must not be.
var actions map[string]action

func init() {
	actions = map[string]action{
		"CreateVpc":            {"CidrBlock TagSpecification", (*Simulator).createVpc},
		"DescribeVpcs":         {"VpcId Filter MaxResults NextToken", (*Simulator).describeVpcs},
		"DescribeVpcAttribute": {"VpcId Attribute", (*Simulator).describeVpcAttribute},
		"ModifyVpcAttribute":   {"VpcId EnableDnsSupport EnableDnsHostnames", (*Simulator).modifyVpcAttribute},
		"DeleteVpc":            {"VpcId", (*Simulator).deleteVpc},

		"CreateSubnet":          {"VpcId CidrBlock AvailabilityZone AvailabilityZoneId TagSpecification", (*Simulator).createSubnet},
		"DescribeSubnets":       {"SubnetId Filter MaxResults NextToken", (*Simulator).describeSubnets},
		"ModifySubnetAttribute": {"SubnetId MapPublicIpOnLaunch", (*Simulator).modifySubnetAttribute},
		"DeleteSubnet":          {"SubnetId", (*Simulator).deleteSubnet},

		"CreateInternetGateway":    {"TagSpecification", (*Simulator).createInternetGateway},
		"AttachInternetGateway":    {"InternetGatewayId VpcId", (*Simulator).attachInternetGateway},
		"DetachInternetGateway":    {"InternetGatewayId VpcId", (*Simulator).detachInternetGateway},
		"DescribeInternetGateways": {"InternetGatewayId Filter MaxResults NextToken", (*Simulator).describeInternetGateways},
		"DeleteInternetGateway":    {"InternetGatewayId", (*Simulator).deleteInternetGateway},

		"AllocateAddress":   {"Domain TagSpecification", (*Simulator).allocateAddress},
		"DescribeAddresses": {"AllocationId Filter", (*Simulator).describeAddresses},
		"AssociateAddress":  {"AllocationId InstanceId", (*Simulator).associateAddress},
		"ReleaseAddress":    {"AllocationId", (*Simulator).releaseAddress},

		"CreateNatGateway":    {"SubnetId AllocationId ClientToken ConnectivityType TagSpecification", (*Simulator).createNatGateway},
		"DescribeNatGateways": {"NatGatewayId Filter MaxResults NextToken", (*Simulator).describeNatGateways},
		"DeleteNatGateway":    {"NatGatewayId", (*Simulator).deleteNatGateway},

		"CreateRouteTable":       {"VpcId ClientToken TagSpecification", (*Simulator).createRouteTable},
		"DescribeRouteTables":    {"RouteTableId Filter MaxResults NextToken", (*Simulator).describeRouteTables},
		"CreateRoute":            {"RouteTableId DestinationCidrBlock GatewayId NatGatewayId VpcPeeringConnectionId", (*Simulator).createRoute},
		"ReplaceRoute":           {"RouteTableId DestinationCidrBlock GatewayId NatGatewayId VpcPeeringConnectionId", (*Simulator).replaceRoute},
		"DeleteRoute":            {"RouteTableId DestinationCidrBlock", (*Simulator).deleteRoute},
		"AssociateRouteTable":    {"RouteTableId SubnetId", (*Simulator).associateRouteTable},
		"DisassociateRouteTable": {"AssociationId", (*Simulator).disassociateRouteTable},
		"DeleteRouteTable":       {"RouteTableId", (*Simulator).deleteRouteTable},

		"CreateVpcEndpoint":    {"VpcId VpcEndpointType ServiceName RouteTableId ClientToken TagSpecification", (*Simulator).createVpcEndpoint},
		"DescribeVpcEndpoints": {"VpcEndpointId Filter MaxResults NextToken", (*Simulator).describeVpcEndpoints},
		"ModifyVpcEndpoint":    {"VpcEndpointId AddRouteTableId RemoveRouteTableId", (*Simulator).modifyVpcEndpoint},
		"DeleteVpcEndpoints":   {"VpcEndpointId", (*Simulator).deleteVpcEndpoints},

		"CreateFlowLogs":   {"ResourceId ResourceType TrafficType LogDestinationType LogDestination ClientToken TagSpecification", (*Simulator).createFlowLogs},
		"DescribeFlowLogs": {"FlowLogId Filter MaxResults NextToken", (*Simulator).describeFlowLogs},
		"DeleteFlowLogs":   {"FlowLogId", (*Simulator).deleteFlowLogs},

		"CreateSecurityGroup":           {"GroupName GroupDescription VpcId TagSpecification", (*Simulator).createSecurityGroup},
		"DescribeSecurityGroups":        {"GroupId Filter MaxResults NextToken", (*Simulator).describeSecurityGroups},
		"AuthorizeSecurityGroupIngress": {"GroupId IpPermissions", func(s *Simulator, r *request) ([]node, *apiError) { return s.authorize(r, false) }},
		"AuthorizeSecurityGroupEgress":  {"GroupId IpPermissions", func(s *Simulator, r *request) ([]node, *apiError) { return s.authorize(r, true) }},
		"RevokeSecurityGroupIngress":    {"GroupId IpPermissions", func(s *Simulator, r *request) ([]node, *apiError) { return s.revoke(r, false) }},
		"RevokeSecurityGroupEgress":     {"GroupId IpPermissions", func(s *Simulator, r *request) ([]node, *apiError) { return s.revoke(r, true) }},
		"DeleteSecurityGroup":           {"GroupId", (*Simulator).deleteSecurityGroup},

		"CreateNetworkInterface":    {"SubnetId PrivateIpAddress SecurityGroupId Description ClientToken TagSpecification", (*Simulator).createNetworkInterface},
		"DescribeNetworkInterfaces": {"NetworkInterfaceId Filter MaxResults NextToken", (*Simulator).describeNetworkInterfaces},
		"DeleteNetworkInterface":    {"NetworkInterfaceId", (*Simulator).deleteNetworkInterface},

		"CreateVolume":    {"AvailabilityZone Size VolumeType Encrypted ClientToken TagSpecification", (*Simulator).createVolume},
		"DescribeVolumes": {"VolumeId Filter MaxResults NextToken", (*Simulator).describeVolumes},
		"AttachVolume":    {"VolumeId InstanceId Device", (*Simulator).attachVolume},
		"DetachVolume":    {"VolumeId InstanceId Device Force", (*Simulator).detachVolume},
		"DeleteVolume":    {"VolumeId", (*Simulator).deleteVolume},

		"RunInstances": {"ImageId InstanceType MinCount MaxCount UserData ClientToken SubnetId SecurityGroupId NetworkInterface BlockDeviceMapping MetadataOptions IamInstanceProfile InstanceInitiatedShutdownBehavior Placement TagSpecification",
			(*Simulator).runInstances},
		"DescribeInstances":             {"InstanceId Filter MaxResults NextToken", (*Simulator).describeInstances},
		"DescribeInstanceStatus":        {"InstanceId Filter IncludeAllInstances MaxResults NextToken", (*Simulator).describeInstanceStatus},
		"GetConsoleOutput":              {"InstanceId Latest", (*Simulator).getConsoleOutput},
		"StopInstances":                 {"InstanceId", (*Simulator).stopInstances},
		"TerminateInstances":            {"InstanceId", (*Simulator).terminateInstances},
		"DescribeInstanceTypes":         {"InstanceType Filter MaxResults NextToken", (*Simulator).describeInstanceTypes},
		"DescribeInstanceTypeOfferings": {"LocationType Filter MaxResults NextToken", (*Simulator).describeInstanceTypeOfferings},
		"DescribeAvailabilityZones":     {"ZoneName ZoneId Filter AllAvailabilityZones", (*Simulator).describeAvailabilityZones},

		"CreateTags": {"ResourceId Tag", (*Simulator).createTags},

		"CreateVpcPeeringConnection":        {"VpcId PeerVpcId TagSpecification", (*Simulator).createPeering},
		"DescribeVpcPeeringConnections":     {"VpcPeeringConnectionId Filter MaxResults NextToken", (*Simulator).describePeerings},
		"DeleteVpcPeeringConnection":        {"VpcPeeringConnectionId", (*Simulator).deletePeering},
		"DescribeTransitGatewayAttachments": {"TransitGatewayAttachmentIds Filter MaxResults NextToken", planted("transit-gateway-attachment", "transitGatewayAttachments", "transitGatewayAttachmentId")},
		"DescribeVpnGateways":               {"VpnGatewayId Filter", planted("vpn-gateway", "vpnGatewaySet", "vpnGatewayId")},
	}
}

// planted describes a kind that no call here can create, only Plant.
func planted(kind, set, id string) func(*Simulator, *request) ([]node, *apiError) {
	return func(s *Simulator, r *request) ([]node, *apiError) {
		found, err := s.find(r, kind, "Id", "InvalidID.NotFound", map[string]func(*Resource) []string{
			"resource-id": attr("vpcId"), "attachment.vpc-id": attr("vpcId"), "state": stateOf, "resource-type": attr("resourceType"),
		})
		return []node{items(set, found, func(r *Resource) []node {
			return []node{text(id, r.ID), text("state", r.State), text("resourceId", r.Attr["vpcId"]), text("transitGatewayId", r.Attr["gatewayId"])}
		})}, err
	}
}
