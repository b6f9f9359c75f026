package network

import (
	"context"
	"encoding/json"
	"fmt"
	"math/bits"
	"net/netip"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/aineko-dev/environments/internal/awsec2"
	"github.com/aineko-dev/environments/internal/contract"
)

// NAT modes (A2).
const (
	NATSingle = "single"
	NATZonal  = "zonal"
)

// Zone is an availability zone: its ID is the same for every account, its name is not.
type Zone struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Layout is what is frozen when initialising begins (A11). It is kept in the
// VPC's tag aineko:layout.
type Layout struct {
	CIDR     string `json:"cidr"`
	Zones    []Zone `json:"zones"`
	NAT      string `json:"nat"`
	FlowLogs string `json:"flowLogs,omitempty"`
	// BrokerAddress is the broker's fixed private address (A3).
	BrokerAddress string `json:"broker"`
}

// Options are what a new layout is made of.
type Options struct {
	CIDR     string
	Zones    int
	NAT      string
	FlowLogs string
	Families []string
}

// brokerHost is the broker's place in the first private subnet: AWS keeps the
// first four addresses, and some room before it does no harm.
const brokerHost = 10

// Freeze returns the layout of the VPC that exists, by its tags; else a new
// one, with the first zones by ID that are available, not local, and offer the
// broker's instance type. again is whether an earlier attempt may have made
// the VPC: its absence then counts only after SettleTime.
func (n Network) Freeze(ctx context.Context, id awsec2.Identity, o Options, again bool, beat awsec2.Beat) (Layout, error) {
	e := ensuring{Network: n, id: id, step: Step{Role: kindVPC}, again: again, beat: beat}
	vpcs, err := existing(ctx, e, func(ctx context.Context) ([]types.Vpc, error) {
		return awsec2.Vpcs(ctx, n.EC2, id.Filters(awsec2.Role(kindVPC)))
	}, func(v types.Vpc) string { return aws.ToString(v.VpcId) })
	if err != nil {
		return Layout{}, fmt.Errorf("looking for the VPC of %s: %w", id.EnvironmentID, err)
	}
	if len(vpcs) > 0 {
		vpc := vpcs[0]
		var frozen Layout
		if err := json.Unmarshal([]byte(awsec2.Tag(vpc.Tags, contract.LayoutTag)), &frozen); err != nil {
			return Layout{}, fmt.Errorf("tag %s of %s cannot be read: %w", contract.LayoutTag, aws.ToString(vpc.VpcId), err)
		}
		return frozen, nil
	}
	layout := Layout{CIDR: o.CIDR, NAT: o.NAT, FlowLogs: o.FlowLogs}
	if layout.Zones, err = n.zones(ctx, o); err != nil {
		return Layout{}, err
	}
	private, err := layout.subnetCIDR("private-a")
	if err != nil {
		return Layout{}, err
	}
	address := private.Addr()
	for range brokerHost {
		address = address.Next()
	}
	layout.BrokerAddress = address.String()
	return layout, nil
}

func (n Network) zones(ctx context.Context, o Options) ([]Zone, error) {
	described, err := n.EC2.DescribeAvailabilityZones(ctx, &ec2.DescribeAvailabilityZonesInput{Filters: []types.Filter{
		awsec2.Filter("state", "available"), awsec2.Filter("zone-type", "availability-zone"), awsec2.Filter("opt-in-status", "opt-in-not-required"),
	}})
	if err != nil {
		return nil, fmt.Errorf("listing availability zones: %w", err)
	}
	patterns := make([]string, len(o.Families))
	for i, family := range o.Families {
		patterns[i] = family + ".*"
	}
	offered := map[string]bool{}
	found, err := awsec2.InstanceTypeOfferings(ctx, n.EC2, []types.Filter{awsec2.Filter("instance-type", patterns...)})
	if err != nil {
		return nil, fmt.Errorf("listing where the broker's instance types are offered: %w", err)
	}
	for _, offer := range found {
		offered[aws.ToString(offer.Location)] = true
	}
	var zones []Zone
	for _, z := range described.AvailabilityZones {
		if offered[aws.ToString(z.ZoneName)] {
			zones = append(zones, Zone{ID: aws.ToString(z.ZoneId), Name: aws.ToString(z.ZoneName)})
		}
	}
	slices.SortFunc(zones, func(a, b Zone) int { return strings.Compare(a.ID, b.ID) })
	if len(zones) < o.Zones {
		return nil, fmt.Errorf("%d availability zones are available and offer %s, but %d are wanted", len(zones), strings.Join(o.Families, ", "), o.Zones)
	}
	return zones[:o.Zones], nil
}

// letter names a zone by its place: a is the first.
func letter(zone int) string { return string(rune('a' + zone)) }

// subnetCIDR is the part of the VPC's range that a subnet has: as many equal
// parts as there are subnets, rounded up to a power of two; the public ones first.
func (l Layout) subnetCIDR(role string) (netip.Prefix, error) {
	whole, err := netip.ParsePrefix(l.CIDR)
	if err != nil || !whole.Addr().Is4() || whole.Masked() != whole {
		return netip.Prefix{}, fmt.Errorf("CIDR %q: want an IPv4 network such as 10.0.0.0/16", l.CIDR)
	}
	size := whole.Bits() + bits.Len(uint(2*len(l.Zones)-1))
	// AWS takes subnets from /16 to /28; the broker's address needs room.
	if whole.Bits() < 16 || size > 27 {
		return netip.Prefix{}, fmt.Errorf("CIDR %s: want /16 to /%d for %d zones", l.CIDR, 27-(size-whole.Bits()), len(l.Zones))
	}
	kind, zone, _ := strings.Cut(role, "-")
	part := int(zone[0] - 'a')
	if kind == "private" {
		part += len(l.Zones)
	}
	base := whole.Addr().As4()
	start := uint32(base[0])<<24 | uint32(base[1])<<16 | uint32(base[2])<<8 | uint32(base[3])
	start += uint32(part) << (32 - size)
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(start >> 24), byte(start >> 16), byte(start >> 8), byte(start)}), size), nil
}

// zoneOf is the zone of a role that ends in a zone's letter.
func (l Layout) zoneOf(role string) (Zone, error) {
	at := int(role[len(role)-1]) - 'a'
	if at < 0 || at >= len(l.Zones) {
		return Zone{}, fmt.Errorf("role %s has no zone among %d", role, len(l.Zones))
	}
	return l.Zones[at], nil
}

// tag is the layout as the VPC's tag holds it.
func (l Layout) tag() (string, error) {
	encoded, err := json.Marshal(l)
	if err == nil && len(encoded) > 256 {
		err = fmt.Errorf("the layout takes %d characters, and a tag holds 256: use fewer zones or a shorter flow log destination", len(encoded))
	}
	return string(encoded), err
}
