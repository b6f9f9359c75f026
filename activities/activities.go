// Package activities holds the side effects of the workflows, thin: each
// decodes its input, calls internal/*, beats, and says of an error whether
// trying again can help. All are safe to run at any time again.
package activities

import (
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"github.com/aineko-dev/environments/internal/awsec2"
	"github.com/aineko-dev/environments/internal/compute"
	"github.com/aineko-dev/environments/internal/network"
)

// Config is what the worker gives to its activities.
type Config struct {
	Settings Settings
	Account  Account
	EC2      awsec2.API
	Temporal client.Client
}

// Activities are the activities of one worker.
type Activities struct{ Config }

// New returns the activities of a worker.
func New(c Config) *Activities { return &Activities{Config: c} }

// Register makes every activity known to a worker, under its type's name.
func (a *Activities) Register(r worker.ActivityRegistry) {
	for name, f := range map[string]any{
		ReadSettings:     a.ReadSettings,
		BeginWork:        a.BeginWork,
		TakeSlot:         a.TakeSlot,
		FreeSlot:         a.FreeSlot,
		StartEnvironment: a.StartEnvironment,
		InspectSlot:      a.InspectSlot,
		RecoverSlots:     a.RecoverSlots,
		Discover:         a.Discover,
		PlanResources:    a.PlanResources,
		EnsureBroker:     a.EnsureBroker,
		Sweep:            a.Sweep,
		VerifyIsolation:  a.VerifyIsolation,
		FindDrift:        a.FindDrift,
		ChoosePlacements: a.ChoosePlacements,
		LaunchPipeline:   a.LaunchPipeline,
		CheckPipeline:    a.CheckPipeline,
		StopPipeline:     a.StopPipeline,
		CheckBroker:      a.CheckBroker,
		FindResources:    a.FindResources,
		ReadIdentity:     a.ReadIdentity,
	} {
		r.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name})
	}
	for _, kind := range network.Kinds {
		r.RegisterActivityWithOptions(a.EnsureResource, activity.RegisterOptions{Name: EnsureActivity(kind)})
	}
	for _, kind := range network.DeletableKinds {
		r.RegisterActivityWithOptions(a.DeleteResource, activity.RegisterOptions{Name: DeleteActivity(kind)})
	}
}

func (a *Activities) network(s Settings) network.Network {
	return network.Network{EC2: a.EC2, PollInterval: s.PollInterval, SettleTime: s.SettleTime}
}

func (a *Activities) compute(s Settings) compute.Compute {
	return compute.Compute{EC2: a.EC2, PollInterval: s.PollInterval, SettleTime: s.SettleTime}
}
