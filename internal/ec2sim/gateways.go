package ec2sim

import "fmt"

func internetGatewayNode(r *Resource) []node {
	attached := node{name: "attachmentSet"}
	if r.Attr["vpcId"] != "" {
		attached.kids = []node{group("item", text("vpcId", r.Attr["vpcId"]), text("state", "available"))}
	}
	return []node{text("internetGatewayId", r.ID), attached, tagSet(r)}
}

func (s *Simulator) createInternetGateway(r *request) ([]node, *apiError) {
	gateway, err := s.create(r, "internet-gateway", "igw", "", nil)
	if err != nil {
		return nil, err
	}
	return []node{group("internetGateway", internetGatewayNode(gateway)...)}, nil
}

func (s *Simulator) attachInternetGateway(r *request) ([]node, *apiError) {
	gateway, err := s.get("internet-gateway", r.str("InternetGatewayId"), "InvalidInternetGatewayID.NotFound")
	if err != nil {
		return nil, err
	}
	vpc, err := s.get("vpc", r.str("VpcId"), "InvalidVpcID.NotFound")
	if err != nil {
		return nil, err
	}
	if gateway.Attr["vpcId"] != "" {
		return nil, refuse("Resource.AlreadyAssociated", "resource %s is already attached to network %s", gateway.ID, gateway.Attr["vpcId"])
	}
	for _, other := range s.of("internet-gateway") {
		if other.Attr["vpcId"] == vpc.ID {
			return nil, refuse("InvalidParameterValue", "Network %s already has an internet gateway attached", vpc.ID)
		}
	}
	gateway.Attr["vpcId"] = vpc.ID
	r.call.IDs = append(r.call.IDs, gateway.ID)
	return succeeded, nil
}

func (s *Simulator) detachInternetGateway(r *request) ([]node, *apiError) {
	gateway, err := s.get("internet-gateway", r.str("InternetGatewayId"), "InvalidInternetGatewayID.NotFound")
	if err != nil {
		return nil, err
	}
	vpc := r.str("VpcId")
	if gateway.Attr["vpcId"] != vpc {
		return nil, refuse("Gateway.NotAttached", "resource %s is not attached to network %s", gateway.ID, vpc)
	}
	for _, i := range s.of("network-interface") {
		// Elastic IPs, those of NAT gateways among them, and addresses given at launch.
		if i.Attr["publicIp"] != "" && i.Attr["vpcId"] == vpc {
			return nil, refuse("DependencyViolation", "Network %s has some mapped public address(es). Please unmap those public address(es) before detaching the gateway.", vpc)
		}
	}
	gateway.Attr["vpcId"] = ""
	r.call.IDs = append(r.call.IDs, gateway.ID)
	return succeeded, nil
}

func (s *Simulator) describeInternetGateways(r *request) ([]node, *apiError) {
	found, err := s.find(r, "internet-gateway", "InternetGatewayId", "InvalidInternetGatewayID.NotFound", map[string]func(*Resource) []string{
		"attachment.vpc-id": attr("vpcId"), "internet-gateway-id": func(r *Resource) []string { return []string{r.ID} },
	})
	return []node{items("internetGatewaySet", found, internetGatewayNode)}, err
}

func (s *Simulator) deleteInternetGateway(r *request) ([]node, *apiError) {
	gateway, err := s.get("internet-gateway", r.str("InternetGatewayId"), "InvalidInternetGatewayID.NotFound")
	if err != nil {
		return nil, err
	}
	if gateway.Attr["vpcId"] != "" {
		return nil, refuse("DependencyViolation", "The internetGateway '%s' has dependencies and cannot be deleted.", gateway.ID)
	}
	r.call.IDs = append(r.call.IDs, gateway.ID)
	s.remove(gateway.ID)
	return succeeded, nil
}

func (s *Simulator) allocateAddress(r *request) ([]node, *apiError) {
	address, err := s.create(r, "elastic-ip", "eipalloc", "", nil)
	if err != nil {
		return nil, err
	}
	address.Attr["publicIp"] = fmt.Sprintf("198.51.%d.%d", s.Next/250%100, s.Next%250+1)
	return []node{text("publicIp", address.Attr["publicIp"]), text("allocationId", address.ID), text("domain", "vpc")}, nil
}

func addressNode(r *Resource) []node {
	n := []node{text("publicIp", r.Attr["publicIp"]), text("allocationId", r.ID), text("domain", "vpc")}
	if r.Attr["associationId"] != "" {
		n = append(n, text("associationId", r.Attr["associationId"]), text("networkInterfaceId", r.Attr["interfaceId"]), text("instanceId", r.Attr["instanceId"]))
	}
	return append(n, tagSet(r))
}

func (s *Simulator) describeAddresses(r *request) ([]node, *apiError) {
	found, err := s.find(r, "elastic-ip", "AllocationId", "InvalidAllocationID.NotFound", map[string]func(*Resource) []string{
		"allocation-id": func(r *Resource) []string { return []string{r.ID} }, "instance-id": attr("instanceId"), "network-interface-id": attr("interfaceId"),
	})
	return []node{items("addressesSet", found, addressNode)}, err
}

// associateAddress lets tests give an instance a public address.
func (s *Simulator) associateAddress(r *request) ([]node, *apiError) {
	address, err := s.get("elastic-ip", r.str("AllocationId"), "InvalidAllocationID.NotFound")
	if err != nil {
		return nil, err
	}
	instance, err := s.get("instance", r.str("InstanceId"), "InvalidInstanceID.NotFound")
	if err != nil {
		return nil, err
	}
	s.mapAddress(address, instance.Attr["interfaceId"], instance.Attr["vpcId"])
	address.Attr["instanceId"] = instance.ID
	instance.Attr["publicIp"] = address.Attr["publicIp"]
	return []node{text("associationId", address.Attr["associationId"]), text("return", "true")}, nil
}

func (s *Simulator) mapAddress(address *Resource, interfaceID, vpcID string) {
	address.Attr["associationId"] = s.newID("eipassoc")
	address.Attr["interfaceId"], address.Attr["vpcId"] = interfaceID, vpcID
	if i := s.Resources[interfaceID]; i != nil {
		i.Attr["publicIp"], i.Attr["allocationId"] = address.Attr["publicIp"], address.ID
	}
}

func (s *Simulator) releaseAddress(r *request) ([]node, *apiError) {
	address, err := s.get("elastic-ip", r.str("AllocationId"), "InvalidAllocationID.NotFound")
	if err != nil {
		return nil, err
	}
	if address.Attr["natGatewayId"] != "" {
		return nil, refuse("AuthFailure", "You do not have permission to access the specified resource.")
	}
	if address.Attr["associationId"] != "" {
		return nil, refuse("InvalidIPAddress.InUse", "Address %s is in use.", address.Attr["publicIp"])
	}
	r.call.IDs = append(r.call.IDs, address.ID)
	s.remove(address.ID)
	return succeeded, nil
}

func (s *Simulator) natNode(r *Resource) []node {
	address := []node{text("allocationId", r.Attr["allocationId"])}
	if r.Attr["interfaceId"] != "" {
		address = append(address, text("networkInterfaceId", r.Attr["interfaceId"]))
	}
	return []node{text("natGatewayId", r.ID), text("subnetId", r.Attr["subnetId"]), text("vpcId", r.Attr["vpcId"]), text("state", r.State),
		text("connectivityType", "public"), group("natGatewayAddressSet", group("item", address...)), tagSet(r)}
}

func (s *Simulator) createNatGateway(r *request) ([]node, *apiError) {
	if before, err := s.idempotent(r); before != nil || err != nil {
		if err != nil {
			return nil, err
		}
		return []node{group("natGateway", s.natNode(before)...)}, nil
	}
	subnet, err := s.get("subnet", r.str("SubnetId"), "InvalidSubnetID.NotFound")
	if err != nil {
		return nil, err
	}
	address, err := s.get("elastic-ip", r.str("AllocationId"), "InvalidAllocationID.NotFound")
	if err != nil {
		return nil, err
	}
	if address.Attr["natGatewayId"] != "" || address.Attr["associationId"] != "" {
		return nil, refuse("InvalidParameterValue", "Elastic IP address [%s] is already associated", address.ID)
	}
	attached := false
	for _, gateway := range s.of("internet-gateway") {
		attached = attached || gateway.Attr["vpcId"] == subnet.Attr["vpcId"]
	}
	nat, err := s.create(r, "natgateway", "nat", "pending", map[string]string{"subnetId": subnet.ID, "zone": subnet.Attr["zone"], "vpcId": subnet.Attr["vpcId"], "allocationId": address.ID})
	if err != nil {
		return nil, err
	}
	s.keepToken(r, nat)
	if !attached {
		// EC2 accepts it, and lets it fail.
		s.becomes(nat, "failed", NatGatewayPending/10)
		return []node{group("natGateway", s.natNode(nat)...)}, nil
	}
	s.becomes(nat, "available", NatGatewayPending)
	i := s.with("network-interface", "eni", "in-use", map[string]string{"subnetId": subnet.ID, "vpcId": nat.Attr["vpcId"], "natGatewayId": nat.ID,
		"description": "Interface for NAT Gateway " + nat.ID, "requesterId": "amazon-vpc", "ownerId": s.options.Account, "managed": "true", "type": "nat_gateway"})
	i.Attr["privateIp"] = s.freeAddress(subnet)
	nat.Attr["interfaceId"] = i.ID
	s.mapAddress(address, i.ID, nat.Attr["vpcId"])
	address.Attr["natGatewayId"] = nat.ID
	return []node{group("natGateway", s.natNode(nat)...)}, nil
}

func (s *Simulator) describeNatGateways(r *request) ([]node, *apiError) {
	found, err := s.find(r, "natgateway", "NatGatewayId", "NatGatewayNotFound", map[string]func(*Resource) []string{
		"vpc-id": attr("vpcId"), "subnet-id": attr("subnetId"), "state": stateOf,
	})
	return []node{items("natGatewaySet", found, s.natNode)}, err
}

func (s *Simulator) deleteNatGateway(r *request) ([]node, *apiError) {
	nat, err := s.get("natgateway", r.str("NatGatewayId"), "NatGatewayNotFound")
	if err != nil {
		return nil, err
	}
	r.call.IDs = append(r.call.IDs, nat.ID)
	if nat.State != "deleting" && nat.State != "deleted" {
		nat.State = "deleting"
		s.becomes(nat, "deleted", NatGatewayDeleting)
	}
	return []node{text("natGatewayId", nat.ID)}, nil
}

// natDeleted is what follows when a NAT gateway is gone: its address is free,
// its interface lingers for a while.
func (s *Simulator) natDeleted(nat *Resource) {
	if address := s.Resources[nat.Attr["allocationId"]]; address != nil {
		for _, key := range []string{"natGatewayId", "associationId", "interfaceId", "vpcId"} {
			delete(address.Attr, key)
		}
	}
	if i := s.Resources[nat.Attr["interfaceId"]]; i != nil {
		delete(i.Attr, "publicIp")
		s.becomes(i, "gone", InterfaceLingers)
	}
}
