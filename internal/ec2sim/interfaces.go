package ec2sim

import "net/netip"

func (s *Simulator) interfaceNode(r *Resource) []node {
	n := []node{text("networkInterfaceId", r.ID), text("subnetId", r.Attr["subnetId"]), text("vpcId", r.Attr["vpcId"]), text("description", r.Attr["description"]),
		text("ownerId", r.Attr["ownerId"]), text("requesterId", r.Attr["requesterId"]), flag("requesterManaged", r.Attr["managed"] == "true"),
		text("status", r.State), text("privateIpAddress", r.Attr["privateIp"]), text("interfaceType", r.Attr["type"]),
		items("groupSet", r.List["groups"], func(id string) []node { return []node{text("groupId", id)} })}
	if id := r.Attr["instanceId"]; id != "" {
		n = append(n, group("attachment", text("attachmentId", "eni-attach-"+r.ID), text("instanceId", id), number("deviceIndex", 0), text("status", "attached"), text("deleteOnTermination", r.Attr["deleteOnTermination"])))
	}
	if ip := r.Attr["publicIp"]; ip != "" {
		n = append(n, group("association", text("publicIp", ip), text("allocationId", r.Attr["allocationId"])))
	}
	return append(n, tagSet(r))
}

// freeAddress is an address of a subnet that no interface has; AWS keeps the first four.
func (s *Simulator) freeAddress(subnet *Resource) string {
	used := map[string]bool{}
	for _, i := range s.of("network-interface") {
		if i.Attr["subnetId"] == subnet.ID {
			used[i.Attr["privateIp"]] = true
		}
	}
	address := netip.MustParsePrefix(subnet.Attr["cidr"]).Addr()
	for i := 0; ; i++ {
		if i >= 100 && !used[address.String()] {
			return address.String()
		}
		address = address.Next()
	}
}

func (s *Simulator) createNetworkInterface(r *request) ([]node, *apiError) {
	if before, err := s.idempotent(r); before != nil || err != nil {
		if err != nil {
			return nil, err
		}
		return []node{group("networkInterface", s.interfaceNode(before)...)}, nil
	}
	subnet, err := s.get("subnet", r.str("SubnetId"), "InvalidSubnetID.NotFound")
	if err != nil {
		return nil, err
	}
	address := r.str("PrivateIpAddress")
	if address == "" {
		address = s.freeAddress(subnet)
	}
	parsed, bad := netip.ParseAddr(address)
	if bad != nil || !netip.MustParsePrefix(subnet.Attr["cidr"]).Contains(parsed) {
		return nil, refuse("InvalidParameterValue", "Address %s does not fall within the subnet's address range", address)
	}
	for _, other := range s.of("network-interface") {
		if other.Attr["subnetId"] == subnet.ID && other.Attr["privateIp"] == address {
			return nil, refuse("InvalidIPAddress.InUse", "The specified address is already in use.")
		}
	}
	i, err := s.create(r, "network-interface", "eni", "available", map[string]string{"subnetId": subnet.ID, "vpcId": subnet.Attr["vpcId"], "privateIp": address,
		"description": r.str("Description"), "ownerId": s.options.Account, "type": "interface"})
	if err != nil {
		return nil, err
	}
	i.List["groups"] = r.list("SecurityGroupId")
	s.keepToken(r, i)
	return []node{group("networkInterface", s.interfaceNode(i)...)}, nil
}

func (s *Simulator) describeNetworkInterfaces(r *request) ([]node, *apiError) {
	found, err := s.find(r, "network-interface", "NetworkInterfaceId", "InvalidNetworkInterfaceID.NotFound", map[string]func(*Resource) []string{
		"network-interface-id": func(r *Resource) []string { return []string{r.ID} }, "vpc-id": attr("vpcId"), "subnet-id": attr("subnetId"), "status": stateOf, "attachment.instance-id": attr("instanceId"), "group-id": listed("groups"), "association.public-ip": attr("publicIp"),
	})
	return []node{items("networkInterfaceSet", found, s.interfaceNode)}, err
}

func (s *Simulator) deleteNetworkInterface(r *request) ([]node, *apiError) {
	i, err := s.get("network-interface", r.str("NetworkInterfaceId"), "InvalidNetworkInterfaceID.NotFound")
	if err != nil {
		return nil, err
	}
	if i.Attr["managed"] == "true" {
		return nil, refuse("OperationNotPermitted", "You are not allowed to manage '%s'.", i.ID)
	}
	if i.State != "available" {
		return nil, refuse("InvalidParameterValue", "Network interface '%s' is currently in use.", i.ID)
	}
	r.call.IDs = append(r.call.IDs, i.ID)
	s.remove(i.ID)
	return succeeded, nil
}
