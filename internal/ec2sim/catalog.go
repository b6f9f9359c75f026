package ec2sim

import (
	"slices"
	"strings"
)

type zone struct{ name, id, kind, optIn string }

// zones of the simulated region: three of the usual kind, one of them local.
func zones(region string) []zone {
	short := "use1"
	if region != "us-east-1" {
		short = strings.ReplaceAll(region, "-", "")
	}
	return []zone{
		{region + "a", short + "-az2", "availability-zone", "opt-in-not-required"},
		{region + "b", short + "-az1", "availability-zone", "opt-in-not-required"},
		{region + "c", short + "-az3", "availability-zone", "opt-in-not-required"},
		{region + "-bos-1a", short + "-bos1-az1", "local-zone", "opted-in"},
	}
}

func zoneNamed(region, name, id string) *zone {
	for _, z := range zones(region) {
		if (name != "" && z.name == name) || (name == "" && z.id == id) {
			return &z
		}
	}
	return nil
}

func (s *Simulator) describeAvailabilityZones(r *request) ([]node, *apiError) {
	var found []*Resource
	for _, z := range zones(s.options.Region) {
		found = append(found, &Resource{ID: z.id, State: "available", Attr: map[string]string{"name": z.name, "id": z.id, "kind": z.kind, "optIn": z.optIn}})
	}
	found, err := r.only(found, map[string]func(*Resource) []string{
		"zone-type": attr("kind"), "opt-in-status": attr("optIn"), "state": stateOf, "zone-name": attr("name"), "zone-id": attr("id"),
	})
	return []node{items("availabilityZoneInfo", found, func(z *Resource) []node {
		return []node{text("zoneName", z.Attr["name"]), text("zoneId", z.ID), text("zoneState", z.State), text("zoneType", z.Attr["kind"]), text("optInStatus", z.Attr["optIn"]), text("regionName", s.options.Region)}
	})}, err
}

// only filters things that are not in the account.
func (r *request) only(all []*Resource, filters map[string]func(*Resource) []string) ([]*Resource, *apiError) {
	var failed *apiError
	r.each("Filter", func(prefix string) {
		of := filters[r.str(prefix+".Name")]
		if of == nil {
			failed = refuse("InvalidParameterValue", "The filter '%s' is invalid", r.str(prefix+".Name"))
			return
		}
		all = slices.DeleteFunc(all, func(one *Resource) bool { return !matches(r.list(prefix+".Value"), of(one)) })
	})
	return all, failed
}

type instanceType struct {
	name                                 string
	vcpu, memGiB                         int
	arch                                 string
	burstable, metal, gpu, notNitro, old bool
	// notIn are the last letters of the zones that do not offer it.
	notIn string
}

func (t instanceType) offeredIn(zone string) bool {
	return !strings.Contains(t.notIn, zone[len(zone)-1:]) && !strings.Contains(zone, "-bos-")
}

// types are some that AWS has: those that suit, and those that must be passed over.
var types = []instanceType{
	{name: "m7i.large", vcpu: 2, memGiB: 8, arch: "x86_64"}, {name: "m7i.xlarge", vcpu: 4, memGiB: 16, arch: "x86_64"},
	{name: "m7i.2xlarge", vcpu: 8, memGiB: 32, arch: "x86_64"}, {name: "m7i.4xlarge", vcpu: 16, memGiB: 64, arch: "x86_64"}, {name: "m7i.8xlarge", vcpu: 32, memGiB: 128, arch: "x86_64"},
	{name: "c7i.large", vcpu: 2, memGiB: 4, arch: "x86_64"}, {name: "c7i.xlarge", vcpu: 4, memGiB: 8, arch: "x86_64"}, {name: "c7i.2xlarge", vcpu: 8, memGiB: 16, arch: "x86_64"},
	{name: "c7i.4xlarge", vcpu: 16, memGiB: 32, arch: "x86_64"}, {name: "c7i.8xlarge", vcpu: 32, memGiB: 64, arch: "x86_64"},
	{name: "r7i.large", vcpu: 2, memGiB: 16, arch: "x86_64"}, {name: "r7i.xlarge", vcpu: 4, memGiB: 32, arch: "x86_64"}, {name: "r7i.2xlarge", vcpu: 8, memGiB: 64, arch: "x86_64"},
	{name: "r7i.4xlarge", vcpu: 16, memGiB: 128, arch: "x86_64"}, {name: "r7i.8xlarge", vcpu: 32, memGiB: 256, arch: "x86_64"},
	{name: "m6i.large", vcpu: 2, memGiB: 8, arch: "x86_64"}, {name: "m6i.xlarge", vcpu: 4, memGiB: 16, arch: "x86_64"}, {name: "m6i.2xlarge", vcpu: 8, memGiB: 32, arch: "x86_64"},
	{name: "c6i.large", vcpu: 2, memGiB: 4, arch: "x86_64", notIn: "c"}, {name: "r6i.large", vcpu: 2, memGiB: 16, arch: "x86_64", notIn: "c"},
	{name: "t3.large", vcpu: 2, memGiB: 8, arch: "x86_64", burstable: true}, {name: "m7g.large", vcpu: 2, memGiB: 8, arch: "arm64"},
	{name: "m7i.metal-24xl", vcpu: 96, memGiB: 384, arch: "x86_64", metal: true}, {name: "g5.xlarge", vcpu: 4, memGiB: 16, arch: "x86_64", gpu: true},
	{name: "m4.large", vcpu: 2, memGiB: 8, arch: "x86_64", notNitro: true, old: true},
}

func typeNamed(name string) *instanceType {
	for i := range types {
		if types[i].name == name {
			return &types[i]
		}
	}
	return nil
}

func (s *Simulator) describeInstanceTypes(r *request) ([]node, *apiError) {
	var all []*Resource
	for _, t := range types {
		hypervisor := "nitro"
		if t.notNitro {
			hypervisor = "xen"
		}
		if t.metal {
			hypervisor = ""
		}
		all = append(all, &Resource{ID: t.name, Attr: map[string]string{"type": t.name, "hypervisor": hypervisor, "arch": t.arch, "vcpu": number("", t.vcpu).text, "mem": number("", t.memGiB*1024).text,
			"current": flag("", !t.old).text, "metal": flag("", t.metal).text, "burstable": flag("", t.burstable).text}})
	}
	all, err := r.only(all, map[string]func(*Resource) []string{
		"instance-type": attr("type"), "hypervisor": attr("hypervisor"), "processor-info.supported-architecture": attr("arch"), "vcpu-info.default-vcpus": attr("vcpu"),
		"memory-info.size-in-mib": attr("mem"), "current-generation": attr("current"), "bare-metal": attr("metal"), "burstable-performance-supported": attr("burstable"),
	})
	return []node{items("instanceTypeSet", all, func(r *Resource) []node {
		n := []node{text("instanceType", r.ID), text("currentGeneration", r.Attr["current"]), text("bareMetal", r.Attr["metal"]), text("hypervisor", r.Attr["hypervisor"]),
			text("burstablePerformanceSupported", r.Attr["burstable"]), group("processorInfo", texts("supportedArchitectures", []string{r.Attr["arch"]})),
			group("vCpuInfo", text("defaultVCpus", r.Attr["vcpu"])), group("memoryInfo", text("sizeInMiB", r.Attr["mem"]))}
		if typeNamed(r.ID).gpu {
			n = append(n, group("gpuInfo", number("totalGpuMemoryInMiB", 24576)))
		}
		return n
	})}, err
}

func (s *Simulator) describeInstanceTypeOfferings(r *request) ([]node, *apiError) {
	if r.str("LocationType") != "availability-zone" {
		return nil, refuse("InvalidParameterValue", "the simulator lists offerings by availability-zone")
	}
	var all []*Resource
	for _, t := range types {
		for _, z := range zones(s.options.Region) {
			if t.offeredIn(z.name) {
				all = append(all, &Resource{Attr: map[string]string{"type": t.name, "zone": z.name}})
			}
		}
	}
	all, err := r.only(all, map[string]func(*Resource) []string{"instance-type": attr("type"), "location": attr("zone")})
	return []node{items("instanceTypeOfferingSet", all, func(o *Resource) []node {
		return []node{text("instanceType", o.Attr["type"]), text("locationType", "availability-zone"), text("location", o.Attr["zone"])}
	})}, err
}
