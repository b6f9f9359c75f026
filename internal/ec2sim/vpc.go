package ec2sim

import (
	"net/netip"
)

func vpcNode(s *Simulator, r *Resource) []node {
	return []node{text("vpcId", r.ID), text("state", r.State), text("cidrBlock", r.Attr["cidr"]), text("ownerId", s.options.Account), flag("isDefault", false), tagSet(r)}
}

func (s *Simulator) createVpc(r *request) ([]node, *apiError) {
	prefix, err := netip.ParsePrefix(r.str("CidrBlock"))
	if err != nil || prefix.Masked() != prefix {
		return nil, refuse("InvalidParameterValue", "Value (%s) for parameter cidrBlock is invalid. This is not a valid CIDR block.", r.str("CidrBlock"))
	}
	if prefix.Bits() < 16 || prefix.Bits() > 28 {
		return nil, refuse("InvalidVpc.Range", "The CIDR '%s' is invalid.", prefix)
	}
	vpc, refused := s.create(r, "vpc", "vpc", "pending", map[string]string{"cidr": prefix.String(), "enableDnsSupport": "true", "enableDnsHostnames": "false"})
	if refused != nil {
		return nil, refused
	}
	s.becomes(vpc, "available", VPCPending)
	// With a VPC come its main route table and its default group.
	main := s.with("route-table", "rtb", "active", map[string]string{"vpcId": vpc.ID, "main": "true"})
	main.Routes = []Route{{prefix.String(), "local"}}
	main.List["assoc"] = []string{main.ID + "-main|"}
	def := s.with("security-group", "sg", "", map[string]string{"vpcId": vpc.ID, "name": "default", "description": "default VPC security group"})
	def.Rules = []Rule{{Protocol: "-1", GroupID: def.ID}, {Egress: true, Protocol: "-1", CIDR: "0.0.0.0/0"}}
	return []node{group("vpc", vpcNode(s, vpc)...)}, nil
}

// with makes what EC2 itself makes beside something else: no tags, no quota.
func (s *Simulator) with(kind, prefix, state string, attr map[string]string) *Resource {
	res := &Resource{ID: s.newID(prefix), Kind: kind, State: state, Tags: map[string]string{}, Attr: attr, List: map[string][]string{}, Born: s.Now()}
	s.put(res)
	return res
}

func (s *Simulator) describeVpcs(r *request) ([]node, *apiError) {
	found, err := s.find(r, "vpc", "VpcId", "InvalidVpcID.NotFound", map[string]func(*Resource) []string{
		"vpc-id": func(r *Resource) []string { return []string{r.ID} }, "state": stateOf, "cidr": attr("cidr"),
	})
	return []node{items("vpcSet", found, func(v *Resource) []node { return vpcNode(s, v) })}, err
}

func (s *Simulator) describeVpcAttribute(r *request) ([]node, *apiError) {
	vpc, err := s.get("vpc", r.str("VpcId"), "InvalidVpcID.NotFound")
	if err != nil {
		return nil, err
	}
	name := r.str("Attribute")
	if _, known := vpc.Attr[name]; !known {
		return nil, refuse("InvalidParameterValue", "Value (%s) for parameter attribute is invalid.", name)
	}
	return []node{text("vpcId", vpc.ID), group(name, text("value", vpc.Attr[name]))}, nil
}

func (s *Simulator) modifyVpcAttribute(r *request) ([]node, *apiError) {
	vpc, err := s.get("vpc", r.str("VpcId"), "InvalidVpcID.NotFound")
	if err != nil {
		return nil, err
	}
	support, names := r.str("EnableDnsSupport.Value"), r.str("EnableDnsHostnames.Value")
	switch {
	case support != "" && names != "":
		return nil, refuse("InvalidParameterCombination", "Only one attribute can be modified at a time")
	case support != "":
		vpc.Attr["enableDnsSupport"] = support
	case names != "":
		vpc.Attr["enableDnsHostnames"] = names
	}
	return succeeded, nil
}

func (s *Simulator) deleteVpc(r *request) ([]node, *apiError) {
	vpc, err := s.get("vpc", r.str("VpcId"), "InvalidVpcID.NotFound")
	if err != nil {
		return nil, err
	}
	r.call.IDs = append(r.call.IDs, vpc.ID)
	var own []string
	for _, id := range s.sortedIDs() {
		other := s.Resources[id]
		if other.Attr["vpcId"] != vpc.ID && other.Attr["peerVpcId"] != vpc.ID || other.State == "deleted" || other.State == "terminated" {
			continue
		}
		switch {
		case other.Kind == "route-table" && other.Attr["main"] == "true", other.Kind == "security-group" && other.Attr["name"] == "default":
			own = append(own, id)
		case other.Kind == "vpc-flow-log":
			own = append(own, id)
		default:
			return nil, refuse("DependencyViolation", "The vpc '%s' has dependencies and cannot be deleted.", vpc.ID)
		}
	}
	for _, id := range append(own, vpc.ID) {
		s.remove(id)
	}
	return succeeded, nil
}

func subnetNode(r *Resource) []node {
	return []node{text("subnetId", r.ID), text("vpcId", r.Attr["vpcId"]), text("cidrBlock", r.Attr["cidr"]), text("availabilityZone", r.Attr["zone"]),
		text("availabilityZoneId", r.Attr["zoneId"]), text("mapPublicIpOnLaunch", r.Attr["mapPublic"]), text("state", r.State), number("availableIpAddressCount", 4091), tagSet(r)}
}

func (s *Simulator) createSubnet(r *request) ([]node, *apiError) {
	vpc, err := s.get("vpc", r.str("VpcId"), "InvalidVpcID.NotFound")
	if err != nil {
		return nil, err
	}
	prefix, bad := netip.ParsePrefix(r.str("CidrBlock"))
	outer := netip.MustParsePrefix(vpc.Attr["cidr"])
	if bad != nil || prefix.Bits() < 16 || prefix.Bits() > 28 || !outer.Contains(prefix.Addr()) || prefix.Bits() < outer.Bits() {
		return nil, refuse("InvalidSubnet.Range", "The CIDR '%s' is invalid.", r.str("CidrBlock"))
	}
	for _, other := range s.of("subnet") {
		if other.Attr["vpcId"] == vpc.ID && netip.MustParsePrefix(other.Attr["cidr"]).Overlaps(prefix) {
			return nil, refuse("InvalidSubnet.Conflict", "The CIDR '%s' conflicts with another subnet", prefix)
		}
	}
	z := zoneNamed(s.options.Region, r.str("AvailabilityZone"), r.str("AvailabilityZoneId"))
	if z == nil {
		return nil, refuse("InvalidParameterValue", "Value (%s) for parameter availabilityZone is invalid.", r.str("AvailabilityZone"))
	}
	subnet, refused := s.create(r, "subnet", "subnet", "available", map[string]string{"vpcId": vpc.ID, "cidr": prefix.String(), "zone": z.name, "zoneId": z.id, "mapPublic": "false"})
	if refused != nil {
		return nil, refused
	}
	return []node{group("subnet", subnetNode(subnet)...)}, nil
}

func (s *Simulator) describeSubnets(r *request) ([]node, *apiError) {
	found, err := s.find(r, "subnet", "SubnetId", "InvalidSubnetID.NotFound", map[string]func(*Resource) []string{
		"vpc-id": attr("vpcId"), "state": stateOf, "availability-zone": attr("zone"), "cidr-block": attr("cidr"), "map-public-ip-on-launch": attr("mapPublic"),
	})
	return []node{items("subnetSet", found, subnetNode)}, err
}

func (s *Simulator) modifySubnetAttribute(r *request) ([]node, *apiError) {
	subnet, err := s.get("subnet", r.str("SubnetId"), "InvalidSubnetID.NotFound")
	if err != nil {
		return nil, err
	}
	subnet.Attr["mapPublic"] = r.str("MapPublicIpOnLaunch.Value")
	return succeeded, nil
}

func (s *Simulator) deleteSubnet(r *request) ([]node, *apiError) {
	subnet, err := s.get("subnet", r.str("SubnetId"), "InvalidSubnetID.NotFound")
	if err != nil {
		return nil, err
	}
	r.call.IDs = append(r.call.IDs, subnet.ID)
	for _, other := range s.Resources {
		if other.Attr["subnetId"] == subnet.ID && other.State != "terminated" && other.State != "deleted" {
			return nil, refuse("DependencyViolation", "The subnet '%s' has dependencies and cannot be deleted.", subnet.ID)
		}
	}
	for _, table := range s.of("route-table") {
		s.removeAssociation(table, subnet.ID)
	}
	s.remove(subnet.ID)
	return succeeded, nil
}

func (s *Simulator) createPeering(r *request) ([]node, *apiError) {
	peering, err := s.create(r, "vpc-peering-connection", "pcx", "pending-acceptance", map[string]string{"vpcId": r.str("VpcId"), "peerVpcId": r.str("PeerVpcId")})
	if err != nil {
		return nil, err
	}
	return []node{group("vpcPeeringConnection", peeringNode(peering)...)}, nil
}

func peeringNode(r *Resource) []node {
	return []node{text("vpcPeeringConnectionId", r.ID), group("requesterVpcInfo", text("vpcId", r.Attr["vpcId"])), group("accepterVpcInfo", text("vpcId", r.Attr["peerVpcId"])),
		group("status", text("code", r.State)), tagSet(r)}
}

func (s *Simulator) describePeerings(r *request) ([]node, *apiError) {
	found, err := s.find(r, "vpc-peering-connection", "VpcPeeringConnectionId", "InvalidVpcPeeringConnectionID.NotFound", map[string]func(*Resource) []string{
		"requester-vpc-info.vpc-id": attr("vpcId"), "accepter-vpc-info.vpc-id": attr("peerVpcId"), "status-code": stateOf,
	})
	return []node{items("vpcPeeringConnectionSet", found, peeringNode)}, err
}

func (s *Simulator) deletePeering(r *request) ([]node, *apiError) {
	if _, err := s.get("vpc-peering-connection", r.str("VpcPeeringConnectionId"), "InvalidVpcPeeringConnectionID.NotFound"); err != nil {
		return nil, err
	}
	s.remove(r.str("VpcPeeringConnectionId"))
	return succeeded, nil
}

func (s *Simulator) createTags(r *request) ([]node, *apiError) {
	for _, id := range r.list("ResourceId") {
		res := s.Resources[id]
		if res == nil {
			return nil, refuse("InvalidID", "The ID '%s' is not valid", id)
		}
		if err := r.readTags("Tag", res.Tags); err != nil {
			return nil, err
		}
	}
	return succeeded, nil
}
