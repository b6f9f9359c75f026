package network

import "fmt"

// Graph is the whole network of an environment as steps, with what each must
// wait for, and nothing else: whatever can be made side by side is. The
// longest way is VPC → {internet gateway, public subnet, address} → NAT gateway → route.
func Graph(l Layout, brokerVolumeGiB int) []Step {
	g := []Step{
		{Role: "vpc", Kind: kindVPC, Summary: "VPC " + l.CIDR},
		{Role: "internet-gateway", Kind: kindInternetGateway, Summary: "internet gateway, attached", After: []string{"vpc"}},
		{Role: "default-group", Kind: kindDefaultGroup, Summary: "default security group without rules", After: []string{"vpc"}},
		{Role: "pipelines-group", Kind: kindGroup, Summary: "security group of pipelines: no ingress", After: []string{"vpc"}},
		{Role: "broker-group", Kind: kindGroup, Summary: "security group of the broker: from pipelines only", After: []string{"vpc", "pipelines-group"}},
	}
	if l.FlowLogs != "" {
		g = append(g, Step{Role: "flow-logs", Kind: kindFlowLogs, Summary: "flow logs to " + l.FlowLogs, After: []string{"vpc"}})
	}
	public := Step{Role: "public-routes", Kind: kindRouteTable, Summary: "routes of the public subnets", After: []string{"vpc", "internet-gateway"}}
	endpoint := Step{Role: "s3-endpoint", Kind: kindEndpoint, Summary: "gateway endpoint for S3", After: []string{"vpc"}}
	var private []Step
	for i, zone := range l.Zones {
		z := letter(i)
		for _, kind := range []string{"public", "private"} {
			cidr, _ := l.subnetCIDR(kind + "-" + z) // Freeze has looked at it
			g = append(g, Step{Role: kind + "-" + z, Kind: kindSubnet, Summary: fmt.Sprintf("%s subnet %s in %s", kind, cidr, zone.Name), After: []string{"vpc"}})
		}
		public.After = append(public.After, "public-"+z)
		if l.NAT == NATZonal || i == 0 {
			g = append(g,
				Step{Role: "nat-address-" + z, Kind: kindAddress, Summary: "elastic IP of the NAT gateway in " + zone.Name},
				Step{Role: "nat-" + z, Kind: kindNatGateway, Summary: "NAT gateway in " + zone.Name, After: []string{"public-" + z, "nat-address-" + z, "internet-gateway"}})
			private = append(private, Step{Role: "private-routes-" + z, Kind: kindRouteTable, Summary: "routes of the private subnets, " + zone.Name, After: []string{"vpc"}})
		}
		last := &private[len(private)-1]
		last.After = append(last.After, "private-"+z)
	}
	for _, table := range private {
		endpoint.After = append(endpoint.After, table.Role)
		z := table.Role[len(table.Role)-1:]
		g = append(g, table, Step{Role: "nat-route-" + z, Kind: kindRoute, Summary: "way out through the NAT gateway", After: []string{table.Role, "nat-" + z}})
	}
	return append(g, public, endpoint,
		Step{Role: "broker-interface", Kind: kindInterface, Summary: "network interface of the broker, " + l.BrokerAddress, After: []string{"private-a", "broker-group"}},
		Step{Role: "broker-volume", Kind: kindVolume, Summary: fmt.Sprintf("data volume of the broker, %d GiB", brokerVolumeGiB)})
}
