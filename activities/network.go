package activities

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"github.com/aineko-dev/environments/internal/awsec2"
	"github.com/aineko-dev/environments/internal/contract"
	"github.com/aineko-dev/environments/internal/network"
)

// PlanResources says what the environment is made of, and in which order: the
// layout of the VPC that exists, or a new one from the settings (A11).
func (a *Activities) PlanResources(ctx context.Context, in PlanResourcesInput) (Resources, error) {
	return on(ctx, a, in.Target, func(ctx context.Context, beat awsec2.Beat) (Resources, error) {
		s := in.Settings
		layout, err := a.network(s).Freeze(ctx, in.Target.Identity, network.Options{
			CIDR: s.CIDR, Zones: s.Zones, NAT: s.NAT, FlowLogs: s.FlowLogs, Families: s.Families,
		}, again(ctx, in.Resumed), beat)
		if err != nil {
			return Resources{}, err
		}
		steps := network.Graph(layout, s.Broker.VolumeGiB)
		return Resources{Layout: layout, Steps: append(steps, brokerStep(steps))}, nil
	})
}

// brokerStep is the broker's instance: it needs its interface, its volume and
// a way out to fetch its program.
func brokerStep(steps []Step) Step {
	broker := Step{Role: BrokerRole, Kind: brokerKind, Summary: "message broker on its own interface and volume"}
	for _, s := range steps {
		switch s.Kind {
		case "network-interface", "volume", "route":
			broker.After = append(broker.After, s.Role)
		}
	}
	return broker
}

// EnsureResource makes the resource of one step of the network exist.
func (a *Activities) EnsureResource(ctx context.Context, in EnsureInput) (Ensured, error) {
	return on(ctx, a, in.Target, func(ctx context.Context, beat awsec2.Beat) (Ensured, error) {
		broker, n := in.Settings.Broker, a.network(in.Settings)
		n.Generation = fmt.Sprintf("%d.%d", in.Incarnation, in.Work)
		id, err := n.Ensure(ctx, in.Target.Identity, in.Layout, in.Step, in.IDs, network.Volume{GiB: broker.VolumeGiB, Tags: map[string]string{
			contract.KafkaVersionTag: broker.Version, contract.KafkaURLTag: broker.URL, contract.KafkaSHA512Tag: broker.SHA512,
		}}, again(ctx, in.Resumed), beat)
		return Ensured{ID: id}, err
	})
}

// again is whether an earlier attempt may have made what this one is to make.
func again(ctx context.Context, resumed bool) bool {
	return resumed || activity.GetInfo(ctx).Attempt > 1
}

// Sweep removes what a crash made twice.
func (a *Activities) Sweep(ctx context.Context, in SweepInput) ([]string, error) {
	return on(ctx, a, in.Target, func(ctx context.Context, beat awsec2.Beat) ([]string, error) {
		return a.network(in.Settings).Sweep(ctx, in.Target.Identity, in.IDs, beat)
	})
}

// VerifyIsolation checks the environment's isolation against the account (A7),
// and lists where it differs from today's settings (A11).
func (a *Activities) VerifyIsolation(ctx context.Context, in VerifyInput) (contract.Verified, error) {
	return on(ctx, a, in.Target, func(ctx context.Context, _ awsec2.Beat) (contract.Verified, error) {
		var findings, differences []contract.Finding
		group := awsec2.SideBySide(ctx)
		group.Go(func(ctx context.Context) (err error) {
			findings, err = a.network(a.Settings).Verify(ctx, in.Target.Identity)
			return err
		})
		group.Go(func(ctx context.Context) (err error) {
			differences, err = a.differences(ctx, in)
			return err
		})
		err := group.Wait()
		return contract.Verified{At: time.Now().UTC(), Findings: append(findings, differences...)}, err
	})
}

// FindResources finds everything that the environment owns, as steps that delete it (X4).
func (a *Activities) FindResources(ctx context.Context, in FindInput) (TearDown, error) {
	return on(ctx, a, in.Target, func(ctx context.Context, _ awsec2.Beat) (TearDown, error) {
		var vpcs []string
		if in.VPCID != "" {
			vpcs = append(vpcs, in.VPCID)
		}
		found, err := a.network(in.Settings).Find(ctx, in.Target.Identity, vpcs)
		if err != nil {
			return TearDown{}, err
		}
		left := TearDown{Steps: network.TearDown(found)}
		for _, r := range found {
			if !r.Own {
				left.Foreign = append(left.Foreign, fmt.Sprintf("%s %s, owner %s (%s)", r.Kind, r.ID, r.Owner, r.Description))
			}
		}
		return left, nil
	})
}

// DeleteResource deletes one resource and waits until it is gone. What blocks
// it for long is named (X4).
func (a *Activities) DeleteResource(ctx context.Context, in DeleteInput) (struct{}, error) {
	return on(ctx, a, in.Target, func(ctx context.Context, beat awsec2.Beat) (struct{}, error) {
		err := a.network(in.Settings).Delete(ctx, in.Target.Identity, in.Step, beat)
		var blocked *network.Blocked
		if errors.As(err, &blocked) {
			return struct{}{}, temporal.NewNonRetryableApplicationError(blocked.Error(), ErrBlocked, nil)
		}
		return struct{}{}, err
	})
}
