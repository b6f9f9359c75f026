package ec2sim

import (
	"slices"
	"strings"
)

// An association is kept as "<association id>|<subnet id>" in List["assoc"].

func routeTableNode(r *Resource) []node {
	routes := items("routeSet", r.Routes, func(route Route) []node {
		n := []node{text("destinationCidrBlock", route.Destination), text("state", "active")}
		switch {
		case strings.HasPrefix(route.Target, "nat-"):
			return append(n, text("natGatewayId", route.Target), text("origin", "CreateRoute"))
		case strings.HasPrefix(route.Target, "pcx-"):
			return append(n, text("vpcPeeringConnectionId", route.Target), text("origin", "CreateRoute"))
		case route.Target == "local":
			return append(n, text("gatewayId", "local"), text("origin", "CreateRouteTable"))
		case strings.HasPrefix(route.Target, "vpce-"):
			return []node{text("destinationPrefixListId", route.Destination), text("gatewayId", route.Target), text("state", "active"), text("origin", "CreateRoute")}
		}
		return append(n, text("gatewayId", route.Target), text("origin", "CreateRoute"))
	})
	associations := items("associationSet", r.List["assoc"], func(a string) []node {
		id, subnet, _ := strings.Cut(a, "|")
		n := []node{text("routeTableAssociationId", id), text("routeTableId", r.ID), flag("main", subnet == "")}
		if subnet != "" {
			n = append(n, text("subnetId", subnet))
		}
		return n
	})
	return []node{text("routeTableId", r.ID), text("vpcId", r.Attr["vpcId"]), routes, associations, tagSet(r)}
}

func (s *Simulator) createRouteTable(r *request) ([]node, *apiError) {
	if before, err := s.idempotent(r); before != nil || err != nil {
		if err != nil {
			return nil, err
		}
		return []node{group("routeTable", routeTableNode(before)...)}, nil
	}
	vpc, err := s.get("vpc", r.str("VpcId"), "InvalidVpcID.NotFound")
	if err != nil {
		return nil, err
	}
	table, err := s.create(r, "route-table", "rtb", "active", map[string]string{"vpcId": vpc.ID, "main": "false"})
	if err != nil {
		return nil, err
	}
	table.Routes = []Route{{vpc.Attr["cidr"], "local"}}
	s.keepToken(r, table)
	return []node{group("routeTable", routeTableNode(table)...)}, nil
}

func (s *Simulator) describeRouteTables(r *request) ([]node, *apiError) {
	found, err := s.find(r, "route-table", "RouteTableId", "InvalidRouteTableID.NotFound", map[string]func(*Resource) []string{
		"vpc-id": attr("vpcId"), "association.main": attr("main"), "route-table-id": func(r *Resource) []string { return []string{r.ID} },
	})
	return []node{items("routeTableSet", found, routeTableNode)}, err
}

func (s *Simulator) routeTarget(r *request) (string, *apiError) {
	switch {
	case r.str("NatGatewayId") != "":
		nat, err := s.get("natgateway", r.str("NatGatewayId"), "InvalidNatGatewayID.NotFound")
		if err != nil {
			return "", err
		}
		return nat.ID, nil
	case r.str("VpcPeeringConnectionId") != "":
		return r.str("VpcPeeringConnectionId"), nil
	}
	gateway, err := s.get("internet-gateway", r.str("GatewayId"), "InvalidGatewayID.NotFound")
	if err != nil {
		return "", err
	}
	return gateway.ID, nil
}

func (s *Simulator) createRoute(r *request) ([]node, *apiError) {
	table, err := s.get("route-table", r.str("RouteTableId"), "InvalidRouteTableID.NotFound")
	if err != nil {
		return nil, err
	}
	target, err := s.routeTarget(r)
	if err != nil {
		return nil, err
	}
	destination := r.str("DestinationCidrBlock")
	for _, route := range table.Routes {
		if route.Destination == destination {
			if route.Target == target {
				return succeeded, nil
			}
			return nil, refuse("RouteAlreadyExists", "The route identified by %s already exists.", destination)
		}
	}
	if strings.HasPrefix(target, "igw-") && s.Resources[target].Attr["vpcId"] != table.Attr["vpcId"] {
		return nil, refuse("InvalidParameterValue", "route table %s and network gateway %s belong to different networks", table.ID, target)
	}
	table.Routes = append(table.Routes, Route{destination, target})
	r.call.IDs = append(r.call.IDs, table.ID)
	return succeeded, nil
}

func (s *Simulator) replaceRoute(r *request) ([]node, *apiError) {
	table, err := s.get("route-table", r.str("RouteTableId"), "InvalidRouteTableID.NotFound")
	if err != nil {
		return nil, err
	}
	target, err := s.routeTarget(r)
	if err != nil {
		return nil, err
	}
	for i, route := range table.Routes {
		if route.Destination == r.str("DestinationCidrBlock") {
			table.Routes[i].Target = target
			return succeeded, nil
		}
	}
	return nil, refuse("InvalidParameterValue", "There is no route defined for '%s' in the route table.", r.str("DestinationCidrBlock"))
}

func (s *Simulator) deleteRoute(r *request) ([]node, *apiError) {
	table, err := s.get("route-table", r.str("RouteTableId"), "InvalidRouteTableID.NotFound")
	if err != nil {
		return nil, err
	}
	before := len(table.Routes)
	table.Routes = slices.DeleteFunc(table.Routes, func(route Route) bool { return route.Destination == r.str("DestinationCidrBlock") })
	if len(table.Routes) == before {
		return nil, refuse("InvalidRoute.NotFound", "no route with destination-cidr-block %s", r.str("DestinationCidrBlock"))
	}
	return succeeded, nil
}

func (s *Simulator) associateRouteTable(r *request) ([]node, *apiError) {
	table, err := s.get("route-table", r.str("RouteTableId"), "InvalidRouteTableID.NotFound")
	if err != nil {
		return nil, err
	}
	subnet, err := s.get("subnet", r.str("SubnetId"), "InvalidSubnetID.NotFound")
	if err != nil {
		return nil, err
	}
	for _, other := range s.of("route-table") {
		for _, a := range other.List["assoc"] {
			if strings.HasSuffix(a, "|"+subnet.ID) {
				if other.ID == table.ID {
					id, _, _ := strings.Cut(a, "|")
					return []node{text("associationId", id)}, nil
				}
				return nil, refuse("Resource.AlreadyAssociated", "the specified association for route table %s conflicts with an existing association", table.ID)
			}
		}
	}
	id := s.newID("rtbassoc")
	table.List["assoc"] = append(table.List["assoc"], id+"|"+subnet.ID)
	r.call.IDs = append(r.call.IDs, id)
	return []node{text("associationId", id)}, nil
}

func (s *Simulator) removeAssociation(table *Resource, idOrSubnet string) bool {
	before := len(table.List["assoc"])
	table.List["assoc"] = slices.DeleteFunc(table.List["assoc"], func(a string) bool {
		id, subnet, _ := strings.Cut(a, "|")
		return subnet != "" && (id == idOrSubnet || subnet == idOrSubnet)
	})
	return len(table.List["assoc"]) < before
}

func (s *Simulator) disassociateRouteTable(r *request) ([]node, *apiError) {
	for _, table := range s.of("route-table") {
		if s.removeAssociation(table, r.str("AssociationId")) {
			return succeeded, nil
		}
	}
	return nil, refuse("InvalidAssociationID.NotFound", "The association ID '%s' does not exist", r.str("AssociationId"))
}

func (s *Simulator) deleteRouteTable(r *request) ([]node, *apiError) {
	table, err := s.get("route-table", r.str("RouteTableId"), "InvalidRouteTableID.NotFound")
	if err != nil {
		return nil, err
	}
	if table.Attr["main"] == "true" || len(table.List["assoc"]) > 0 {
		return nil, refuse("DependencyViolation", "The routeTable '%s' has dependencies and cannot be deleted.", table.ID)
	}
	r.call.IDs = append(r.call.IDs, table.ID)
	s.remove(table.ID)
	return succeeded, nil
}

func endpointNode(r *Resource) []node {
	return []node{text("vpcEndpointId", r.ID), text("vpcEndpointType", "Gateway"), text("vpcId", r.Attr["vpcId"]), text("serviceName", r.Attr["service"]),
		text("state", r.State), texts("routeTableIdSet", r.List["tables"]), tagSet(r)}
}

func (s *Simulator) createVpcEndpoint(r *request) ([]node, *apiError) {
	if before, err := s.idempotent(r); before != nil || err != nil {
		if err != nil {
			return nil, err
		}
		return []node{group("vpcEndpoint", endpointNode(before)...)}, nil
	}
	vpc, err := s.get("vpc", r.str("VpcId"), "InvalidVpcID.NotFound")
	if err != nil {
		return nil, err
	}
	if err := s.freeOfS3(r.list("RouteTableId")); err != nil {
		return nil, err
	}
	endpoint, err := s.create(r, "vpc-endpoint", "vpce", "available", map[string]string{"vpcId": vpc.ID, "service": r.str("ServiceName")})
	if err != nil {
		return nil, err
	}
	s.putOn(endpoint, r.list("RouteTableId"))
	s.keepToken(r, endpoint)
	return []node{group("vpcEndpoint", endpointNode(endpoint)...)}, nil
}

// s3Prefixes is the list of S3's addresses, to which an endpoint's routes lead.
const s3Prefixes = "pl-s3"

// freeOfS3 refuses route tables that do not exist, or lead to S3 already.
func (s *Simulator) freeOfS3(tables []string) *apiError {
	for _, id := range tables {
		table, err := s.get("route-table", id, "InvalidRouteTableId.NotFound")
		if err != nil {
			return err
		}
		for _, route := range table.Routes {
			if route.Destination == s3Prefixes {
				return refuse("RouteAlreadyExists", "route table %s already has a route with destination-prefix-list-id %s", id, s3Prefixes)
			}
		}
	}
	return nil
}

// putOn gives route tables a route to an endpoint.
func (s *Simulator) putOn(endpoint *Resource, tables []string) {
	endpoint.List["tables"] = append(endpoint.List["tables"], tables...)
	for _, id := range tables {
		s.Resources[id].Routes = append(s.Resources[id].Routes, Route{s3Prefixes, endpoint.ID})
	}
}

func (s *Simulator) modifyVpcEndpoint(r *request) ([]node, *apiError) {
	endpoint, err := s.get("vpc-endpoint", r.str("VpcEndpointId"), "InvalidVpcEndpointId.NotFound")
	if err != nil {
		return nil, err
	}
	if err := s.freeOfS3(r.list("AddRouteTableId")); err != nil {
		return nil, err
	}
	for _, id := range r.list("RemoveRouteTableId") {
		table, err := s.get("route-table", id, "InvalidRouteTableId.NotFound")
		if err != nil {
			return nil, err
		}
		table.Routes = slices.DeleteFunc(table.Routes, func(route Route) bool { return route.Target == endpoint.ID })
		endpoint.List["tables"] = slices.DeleteFunc(endpoint.List["tables"], func(t string) bool { return t == id })
	}
	r.call.IDs = append(r.call.IDs, endpoint.ID)
	s.putOn(endpoint, r.list("AddRouteTableId"))
	return succeeded, nil
}

func (s *Simulator) describeVpcEndpoints(r *request) ([]node, *apiError) {
	found, err := s.find(r, "vpc-endpoint", "VpcEndpointId", "InvalidVpcEndpointId.NotFound", map[string]func(*Resource) []string{
		"vpc-id": attr("vpcId"), "service-name": attr("service"), "vpc-endpoint-state": stateOf,
	})
	return []node{items("vpcEndpointSet", found, endpointNode)}, err
}

// deleteVpcEndpoints fails inside an answer of 200, as EC2 does.
func (s *Simulator) deleteVpcEndpoints(r *request) ([]node, *apiError) {
	failed := node{name: "unsuccessful"}
	for _, id := range r.list("VpcEndpointId") {
		endpoint, err := s.get("vpc-endpoint", id, "InvalidVpcEndpoint.NotFound")
		if err != nil {
			failed.kids = append(failed.kids, group("item", group("error", text("code", err.Code), text("message", err.Message)), text("resourceId", id)))
			continue
		}
		r.call.IDs = append(r.call.IDs, id)
		for _, table := range s.of("route-table") {
			table.Routes = slices.DeleteFunc(table.Routes, func(route Route) bool { return route.Target == id })
		}
		endpoint.State = "deleting"
		s.becomes(endpoint, "gone", InterfaceLingers)
	}
	return []node{failed}, nil
}

func (s *Simulator) createFlowLogs(r *request) ([]node, *apiError) {
	if before, err := s.idempotent(r); before != nil || err != nil {
		if err != nil {
			return nil, err
		}
		return []node{texts("flowLogIdSet", []string{before.ID})}, nil
	}
	vpc := r.str("ResourceId.1")
	if _, err := s.get("vpc", vpc, "InvalidVpcId.NotFound"); err != nil {
		return nil, err
	}
	for _, other := range s.of("vpc-flow-log") {
		if other.Attr["vpcId"] == vpc && other.Attr["destination"] == r.str("LogDestination") {
			return []node{group("unsuccessful", group("item", group("error", text("code", "FlowLogAlreadyExists"), text("message", "There is an existing Flow Log with the same configuration and log destination.")), text("resourceId", vpc)))}, nil
		}
	}
	log, err := s.create(r, "vpc-flow-log", "fl", "ACTIVE", map[string]string{"vpcId": vpc, "destination": r.str("LogDestination")})
	if err != nil {
		return nil, err
	}
	s.keepToken(r, log)
	return []node{texts("flowLogIdSet", []string{log.ID})}, nil
}

func (s *Simulator) describeFlowLogs(r *request) ([]node, *apiError) {
	found, err := s.find(r, "vpc-flow-log", "FlowLogId", "InvalidFlowLogId.NotFound", map[string]func(*Resource) []string{"resource-id": attr("vpcId")})
	return []node{items("flowLogSet", found, func(l *Resource) []node {
		return []node{text("flowLogId", l.ID), text("resourceId", l.Attr["vpcId"]), text("logDestination", l.Attr["destination"]), text("flowLogStatus", l.State), tagSet(l)}
	})}, err
}

func (s *Simulator) deleteFlowLogs(r *request) ([]node, *apiError) {
	for _, id := range r.list("FlowLogId") {
		if _, err := s.get("vpc-flow-log", id, "InvalidFlowLogId.NotFound"); err != nil {
			return nil, err
		}
		r.call.IDs = append(r.call.IDs, id)
		s.remove(id)
	}
	return []node{{name: "unsuccessful"}}, nil
}
