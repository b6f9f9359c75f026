package activities

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/aineko-dev/environments/internal/awsec2"
	"github.com/aineko-dev/environments/internal/compute"
	"github.com/aineko-dev/environments/internal/contract"
)

const (
	brokerKind = "broker"
	// brokerPort is where Kafka listens inside the environment.
	brokerPort = "9092"
)

// BeginWork returns the settings for a piece of work, and the instances that
// exist: two reads, whatever the environment's size (A11).
func (a *Activities) BeginWork(ctx context.Context, in BeginWorkInput) (Work, error) {
	return on(ctx, a, in.Target, func(ctx context.Context, _ awsec2.Beat) (Work, error) {
		instances, err := a.compute(a.Settings).Instances(ctx, in.Target.Identity)
		return Work{
			Frame:      Frame{Settings: a.Settings, Account: a.Account},
			Instances:  instances,
			BrokerDown: compute.BrokerDown(instances),
		}, err
	})
}

// CheckBroker says why the broker cannot serve; nothing when it does (A3).
func (a *Activities) CheckBroker(ctx context.Context, in BeginWorkInput) (string, error) {
	work, err := a.BeginWork(ctx, in)
	return work.BrokerDown, err
}

// EnsureBroker makes the broker's instance exist and serve.
func (a *Activities) EnsureBroker(ctx context.Context, in EnsureInput) (Ensured, error) {
	return on(ctx, a, in.Target, func(ctx context.Context, beat awsec2.Beat) (Ensured, error) {
		s, c := in.Settings, a.compute(in.Settings)
		subnets := privateSubnets(Ground{Layout: in.Layout, IDs: in.IDs})
		if len(subnets) == 0 {
			return Ensured{}, fmt.Errorf("the broker needs the private subnet of the first zone, but there is none among %v", in.IDs)
		}
		placements, err := c.Placements(ctx, s.Broker.Machine, s.Families, subnets[:1])
		if err != nil {
			return Ensured{}, err
		}
		image := s.Broker.Image
		if image == "" {
			image = s.Image
		}
		id, err := c.EnsureBroker(ctx, compute.BrokerLaunch{
			Identity: in.Target.Identity, Placements: placements,
			InterfaceID: in.IDs["broker-interface"], VolumeID: in.IDs["broker-volume"],
			Image: image, URL: s.Broker.URL, SHA512: s.Broker.SHA512, Version: s.Broker.Version,
			Address: in.Layout.BrokerAddress, Generation: in.Incarnation,
			RootVolumeGiB: s.RootVolumeGiB,
			Readiness:     s.Readiness, ReadinessTimeout: s.ReadinessTimeout,
		}, again(ctx, in.Resumed), beat)
		return Ensured{ID: id}, err
	})
}

// ChoosePlacements lists the instance types and zones to try for a machine, in order (A4).
func (a *Activities) ChoosePlacements(ctx context.Context, in PlacementsInput) ([]compute.Placement, error) {
	return on(ctx, a, in.Target, func(ctx context.Context, _ awsec2.Beat) ([]compute.Placement, error) {
		return a.compute(in.Settings).Placements(ctx, in.Machine, in.Settings.Families, privateSubnets(in.Ground))
	})
}

// privateSubnets are those that pipelines run in, in the order of the zones.
func privateSubnets(g Ground) []compute.Subnet {
	var subnets []compute.Subnet
	for i, zone := range g.Layout.Zones {
		if id := g.IDs["private-"+string(rune('a'+i))]; id != "" {
			subnets = append(subnets, compute.Subnet{ID: id, ZoneName: zone.Name, ZoneID: zone.ID})
		}
	}
	return subnets
}

// LaunchPipeline launches one instance of a pipeline at one placement, or finds
// the one that an earlier attempt launched.
func (a *Activities) LaunchPipeline(ctx context.Context, in LaunchInput) (compute.Launched, error) {
	return on(ctx, a, in.Target, func(ctx context.Context, _ awsec2.Beat) (compute.Launched, error) {
		s, t := in.Settings, in.Target
		return a.compute(s).Launch(ctx, compute.Launch{
			Identity: t.Identity, Pipeline: in.Pipeline, SHA: in.Commit, Digest: in.Digest, Deployment: in.Deployment,
			Generation: in.Incarnation, Try: in.Try, Placement: in.Placement,
			SecurityGroupID: in.Ground.IDs["pipelines-group"], Image: s.Image, RootVolumeGiB: s.RootVolumeGiB,
			InstanceProfile:          strings.ReplaceAll(filled(s.InstanceProfile, t), "/", "-"),
			RepositoryURL:            filled(s.Repository, t),
			RepositoryTokenParameter: filled(s.RepositoryToken, t),
			SecretsPath:              secretsPath(s, t),
			BootstrapServers:         in.Ground.Layout.BrokerAddress + ":" + brokerPort,
		}, again(ctx, false))
	})
}

// filled replaces the placeholders of a setting.
func filled(setting string, t Target) string {
	return strings.NewReplacer("{project}", t.Project, "{environment}", t.Environment).Replace(setting)
}

// secretsPath is where a pipeline's secrets are (A12); without an instance
// profile an instance cannot read any.
func secretsPath(s Settings, t Target) string {
	if s.InstanceProfile == "" {
		return ""
	}
	return filled("/aineko/{project}/{environment}/", t)
}

// CheckPipeline waits until an instance is ready, or says why it is not (A5).
func (a *Activities) CheckPipeline(ctx context.Context, in CheckInput) (compute.Readiness, error) {
	return on(ctx, a, in.Target, func(ctx context.Context, beat awsec2.Beat) (compute.Readiness, error) {
		return a.compute(in.Settings).WaitReady(ctx, in.Target.Identity, in.InstanceID, compute.Wait{
			Line: compute.ReadyLine(in.Target.EnvironmentID, in.Deployment, in.Commit), How: in.Settings.Readiness,
			Since: in.Since, Limit: in.Settings.ReadinessTimeout, Fresh: true,
		}, beat)
	})
}

// StopPipeline terminates instances of a pipeline and waits until they are gone.
func (a *Activities) StopPipeline(ctx context.Context, in StopInput) (struct{}, error) {
	return on(ctx, a, in.Target, func(ctx context.Context, beat awsec2.Beat) (struct{}, error) {
		return struct{}{}, a.compute(in.Settings).Terminate(ctx, in.Target.Identity, in.InstanceIDs, beat)
	})
}

// Discover says what the tags tell of an environment whose workflow is gone (C6).
// Where a pipeline has two instances, an update was cut: the older one was
// healthy, so that one counts.
func (a *Activities) Discover(ctx context.Context, in BeginWorkInput) (Discovery, error) {
	return on(ctx, a, in.Target, func(ctx context.Context, _ awsec2.Beat) (Discovery, error) {
		var d Discovery
		found, err := a.network(a.Settings).Find(ctx, in.Target.Identity, nil)
		if err != nil {
			return d, err
		}
		for _, r := range found {
			if r.Role == VPCRole && r.Own {
				d.VPCID = r.ID
			}
		}
		instances, err := a.compute(a.Settings).Instances(ctx, in.Target.Identity)
		if err != nil {
			return d, err
		}
		slices.SortFunc(instances, func(x, y compute.Instance) int { return number(x.Deployment) - number(y.Deployment) })
		for _, i := range instances {
			d.LastDeployment = max(d.LastDeployment, number(i.Deployment))
			if i.Pipeline == "" || slices.ContainsFunc(d.Pipelines, func(p contract.PipelineStatus) bool { return p.Name == i.Pipeline }) {
				continue
			}
			d.Pipelines = append(d.Pipelines, contract.PipelineStatus{
				Name: i.Pipeline, Status: contract.PipelineRunning, Commit: i.Commit, Digest: i.Digest,
				InstanceID: i.ID, Deployment: i.Deployment,
			})
		}
		return d, nil
	})
}

// number is n of <environment-id>/<n>, or 0.
func number(deployment string) int {
	_, n, _ := strings.Cut(deployment, "/")
	i, _ := strconv.Atoi(n)
	return i
}
