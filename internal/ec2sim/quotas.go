package ec2sim

// DefaultQuotas are AWS's for a new account ("Amazon VPC quotas", "Amazon EC2
// instance quotas"), by the kind of resource; the same names limit other kinds
// when they are put in. "vcpu" limits the vCPU of all instances together; it
// is not among the defaults, because AWS's differ from account to account.
var DefaultQuotas = map[string]int{
	"vpc": 5, "elastic-ip": 5, "internet-gateway": 5, "natgateway": 5, "subnet": 200, "route-table": 200,
	"security-group": 2500, "vpc-endpoint": 20, "network-interface": 5000,
}

var quotaCodes = map[string]string{
	"vpc": "VpcLimitExceeded", "elastic-ip": "AddressLimitExceeded", "internet-gateway": "InternetGatewayLimitExceeded", "natgateway": "NatGatewayLimitExceeded",
	"subnet": "SubnetLimitExceeded", "route-table": "RouteTableLimitExceeded", "security-group": "SecurityGroupLimitExceeded", "vpc-endpoint": "VpcEndpointLimitExceeded",
	"network-interface": "NetworkInterfaceLimitExceeded", "volume": "VolumeLimitExceeded", "instance": "InstanceLimitExceeded",
}

// quotaScope is the fact within whose equals a quota counts: NAT gateways in a
// zone, subnets and route tables in a VPC; everything else in the region.
var quotaScope = map[string]string{"natgateway": "zone", "subnet": "vpcId", "route-table": "vpcId"}

// overQuota refuses one more of a kind where the account has all that it may.
func (s *Simulator) overQuota(kind string, attr map[string]string) *apiError {
	if limit, limited := s.options.Quotas["vcpu"]; limited && kind == "instance" {
		vcpu := typeNamed(attr["type"]).vcpu
		for _, i := range s.of("instance") {
			if i.State == "pending" || i.State == "running" {
				vcpu += typeNamed(i.Attr["type"]).vcpu
			}
		}
		if vcpu > limit {
			return refuse("VcpuLimitExceeded", "You have requested more vCPU capacity than your current vCPU limit of %d allows for the instance bucket that the specified instance type belongs to.", limit)
		}
	}
	limit, limited := s.options.Quotas[kind]
	if !limited {
		return nil
	}
	scope, n := quotaScope[kind], 0
	for _, r := range s.of(kind) {
		if r.State != "deleted" && r.State != "terminated" && r.State != "failed" && (scope == "" || r.Attr[scope] == attr[scope]) {
			n++
		}
	}
	if n >= limit {
		return refuse(quotaCodes[kind], "The maximum number of %ss has been reached.", kind)
	}
	return nil
}
