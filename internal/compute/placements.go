package compute

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/aineko-dev/environments/internal/awsec2"
	"github.com/aineko-dev/environments/internal/contract"
)

// Subnet is where instances can go.
type Subnet struct{ ID, ZoneName, ZoneID string }

// Placement is a type and a place to launch an instance.
type Placement struct {
	InstanceType string `json:"instanceType"`
	Zone         string `json:"zone"`
	SubnetID     string `json:"subnetId"`
}

// maxPlacements bounds how many are tried: where a dozen have no capacity, a
// person had better look.
const maxPlacements = 12

// Placements lists the types and zones to try for a machine, in a fixed order
// (A4): current generation, Nitro, x86_64, no burstable, metal or GPU; least
// vCPU, then memory, then the order of the families, then the name; each in
// every subnet's zone that offers it.
func (c Compute) Placements(ctx context.Context, m contract.Machine, families []string, subnets []Subnet) ([]Placement, error) {
	fitting, err := c.types(ctx, m, families)
	if err != nil {
		return nil, fmt.Errorf("listing instance types for %s: %w", m, err)
	}
	if len(fitting) == 0 {
		return nil, nil
	}
	names := make([]string, len(fitting))
	for i, t := range fitting {
		names[i] = string(t.InstanceType)
	}
	offered := map[string]bool{}
	found, err := awsec2.InstanceTypeOfferings(ctx, c.EC2, []types.Filter{awsec2.Filter("instance-type", names...)})
	if err != nil {
		return nil, fmt.Errorf("listing where %s are offered: %w", strings.Join(names, ", "), err)
	}
	for _, offer := range found {
		offered[string(offer.InstanceType)+" "+aws.ToString(offer.Location)] = true
	}
	var placements []Placement
	for _, name := range names {
		for _, subnet := range subnets {
			if offered[name+" "+subnet.ZoneName] && len(placements) < maxPlacements {
				placements = append(placements, Placement{InstanceType: name, Zone: subnet.ZoneName, SubnetID: subnet.ID})
			}
		}
	}
	return placements, nil
}

func (c Compute) types(ctx context.Context, m contract.Machine, families []string) ([]types.InstanceTypeInfo, error) {
	patterns := make([]string, len(families))
	for i, family := range families {
		patterns[i] = family + ".*"
	}
	var fitting []types.InstanceTypeInfo
	found, err := awsec2.InstanceTypes(ctx, c.EC2, []types.Filter{
		awsec2.Filter("instance-type", patterns...), awsec2.Filter("current-generation", "true"), awsec2.Filter("hypervisor", "nitro"),
		awsec2.Filter("processor-info.supported-architecture", "x86_64"), awsec2.Filter("bare-metal", "false"), awsec2.Filter("burstable-performance-supported", "false"),
	})
	if err != nil {
		return nil, err
	}
	for _, t := range found {
		if vcpu(t) >= int32(m.VCPU) && memory(t) >= int64(m.MemGiB)<<10 && t.GpuInfo == nil && t.InferenceAcceleratorInfo == nil {
			fitting = append(fitting, t)
		}
	}
	rank := func(t types.InstanceTypeInfo) int {
		family, _, _ := strings.Cut(string(t.InstanceType), ".")
		return slices.Index(families, family)
	}
	slices.SortFunc(fitting, func(a, b types.InstanceTypeInfo) int {
		return cmp.Or(cmp.Compare(vcpu(a), vcpu(b)), cmp.Compare(memory(a), memory(b)), cmp.Compare(rank(a), rank(b)), cmp.Compare(a.InstanceType, b.InstanceType))
	})
	return fitting, nil
}

func vcpu(t types.InstanceTypeInfo) int32 {
	if t.VCpuInfo == nil {
		return 0
	}
	return aws.ToInt32(t.VCpuInfo.DefaultVCpus)
}

func memory(t types.InstanceTypeInfo) int64 {
	if t.MemoryInfo == nil {
		return 0
	}
	return aws.ToInt64(t.MemoryInfo.SizeInMiB)
}
