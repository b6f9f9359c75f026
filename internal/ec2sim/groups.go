package ec2sim

import (
	"fmt"
	"slices"
)

func (s *Simulator) groupNode(r *Resource) []node {
	permissions := func(name string, egress bool) node {
		n := node{name: name}
		for _, rule := range r.Rules {
			if rule.Egress != egress {
				continue
			}
			item := []node{text("ipProtocol", rule.Protocol)}
			if rule.Protocol != "-1" {
				item = append(item, number("fromPort", rule.From), number("toPort", rule.To))
			}
			groups, ranges := node{name: "groups"}, node{name: "ipRanges"}
			if rule.GroupID != "" {
				groups.kids = append(groups.kids, group("item", text("userId", s.options.Account), text("groupId", rule.GroupID)))
			}
			if rule.CIDR != "" {
				ranges.kids = append(ranges.kids, group("item", text("cidrIp", rule.CIDR)))
			}
			n.kids = append(n.kids, group("item", append(item, groups, ranges)...))
		}
		return n
	}
	return []node{text("ownerId", s.options.Account), text("groupId", r.ID), text("groupName", r.Attr["name"]), text("groupDescription", r.Attr["description"]),
		text("vpcId", r.Attr["vpcId"]), permissions("ipPermissions", false), permissions("ipPermissionsEgress", true), tagSet(r)}
}

func (s *Simulator) createSecurityGroup(r *request) ([]node, *apiError) {
	vpc, err := s.get("vpc", r.str("VpcId"), "InvalidVpcID.NotFound")
	if err != nil {
		return nil, err
	}
	name := r.str("GroupName")
	if name == "" || len(name) > 255 || r.str("GroupDescription") == "" {
		return nil, refuse("InvalidParameterValue", "Invalid group name or description")
	}
	for _, other := range s.of("security-group") {
		if other.Attr["vpcId"] == vpc.ID && other.Attr["name"] == name {
			return nil, refuse("InvalidGroup.Duplicate", "The security group '%s' already exists for VPC '%s'", name, vpc.ID)
		}
	}
	g, err := s.create(r, "security-group", "sg", "", map[string]string{"vpcId": vpc.ID, "name": name, "description": r.str("GroupDescription")})
	if err != nil {
		return nil, err
	}
	g.Rules = []Rule{{Egress: true, Protocol: "-1", CIDR: "0.0.0.0/0"}}
	return []node{text("groupId", g.ID), text("return", "true")}, nil
}

func (s *Simulator) describeSecurityGroups(r *request) ([]node, *apiError) {
	found, err := s.find(r, "security-group", "GroupId", "InvalidGroup.NotFound", map[string]func(*Resource) []string{
		"vpc-id": attr("vpcId"), "group-name": attr("name"), "group-id": func(r *Resource) []string { return []string{r.ID} },
	})
	return []node{items("securityGroupInfo", found, s.groupNode)}, err
}

func (r *request) rules(egress bool) []Rule {
	var rules []Rule
	r.each("IpPermissions", func(p string) {
		rule := Rule{Egress: egress, Protocol: r.str(p + ".IpProtocol"), From: r.number(p + ".FromPort"), To: r.number(p + ".ToPort")}
		if rule.Protocol == "-1" {
			rule.From, rule.To = 0, 0
		}
		r.each(p+".IpRanges", func(q string) {
			with := rule
			with.CIDR = r.str(q + ".CidrIp")
			rules = append(rules, with)
		})
		r.each(p+".Groups", func(q string) {
			with := rule
			with.GroupID = r.str(q + ".GroupId")
			rules = append(rules, with)
		})
	})
	return rules
}

func (s *Simulator) authorize(r *request, egress bool) ([]node, *apiError) {
	g, err := s.get("security-group", r.str("GroupId"), "InvalidGroup.NotFound")
	if err != nil {
		return nil, err
	}
	for _, rule := range r.rules(egress) {
		if slices.Contains(g.Rules, rule) {
			return nil, refuse("InvalidPermission.Duplicate", "the specified rule %q already exists", fmt.Sprintf("%+v", rule))
		}
		g.Rules = append(g.Rules, rule)
	}
	r.call.IDs = append(r.call.IDs, g.ID)
	return succeeded, nil
}

func (s *Simulator) revoke(r *request, egress bool) ([]node, *apiError) {
	g, err := s.get("security-group", r.str("GroupId"), "InvalidGroup.NotFound")
	if err != nil {
		return nil, err
	}
	for _, rule := range r.rules(egress) {
		i := slices.Index(g.Rules, rule)
		if i < 0 {
			return nil, refuse("InvalidPermission.NotFound", "The specified rule does not exist in this security group.")
		}
		g.Rules = slices.Delete(g.Rules, i, i+1)
	}
	r.call.IDs = append(r.call.IDs, g.ID)
	return succeeded, nil
}

func (s *Simulator) deleteSecurityGroup(r *request) ([]node, *apiError) {
	g, err := s.get("security-group", r.str("GroupId"), "InvalidGroup.NotFound")
	if err != nil {
		return nil, err
	}
	if g.Attr["name"] == "default" {
		return nil, refuse("CannotDelete", "the specified group: \"%s\" name: \"default\" cannot be deleted by a user", g.ID)
	}
	for _, other := range s.Resources {
		if other.State == "terminated" {
			continue
		}
		uses := slices.Contains(other.List["groups"], g.ID)
		for _, rule := range other.Rules {
			uses = uses || (other.ID != g.ID && rule.GroupID == g.ID)
		}
		if uses {
			return nil, refuse("DependencyViolation", "resource %s has a dependent object", g.ID)
		}
	}
	r.call.IDs = append(r.call.IDs, g.ID)
	s.remove(g.ID)
	return []node{text("return", "true"), text("groupId", g.ID)}, nil
}
