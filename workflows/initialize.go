package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/aineko-dev/environments/activities"
	"github.com/aineko-dev/environments/internal/contract"
)

// InitializeInput starts initialize-environment.
type InitializeInput struct {
	Target      activities.Target   `json:"target"`
	Settings    activities.Settings `json:"settings"`
	Incarnation int                 `json:"incarnation"`
	// Work is the number of the piece of work, within the incarnation.
	Work int `json:"work,omitempty"`
	// Resumed is whether an earlier piece of work may have made things already.
	Resumed bool `json:"resumed,omitempty"`
}

// Initialized is what initialize-environment made.
type Initialized struct {
	Ground   activities.Ground        `json:"ground"`
	Services []contract.ServiceStatus `json:"services"`
	Verified contract.Verified        `json:"verified"`
}

// InitializeEnvironment makes everything that an environment needs before
// pipelines run in it (A1-A3): the network, the broker; then it removes what a
// crash may have made twice, and checks the isolation (A7). It can run at any
// time again: it repairs, too.
func InitializeEnvironment(ctx workflow.Context, in InitializeInput) (Initialized, error) {
	var out Initialized
	if err := checkParent(ctx, in.Target.Project, in.Target.Environment); err != nil {
		return out, err
	}
	deadline := workflow.Now(ctx).Add(in.Settings.InitializeTimeout)
	left := func() time.Duration { return max(deadline.Sub(workflow.Now(ctx)), time.Second) }

	var resources activities.Resources
	planning := activities.PlanResourcesInput{Target: in.Target, Settings: in.Settings, Resumed: in.Resumed}
	if err := workflow.ExecuteActivity(ec2Context(ctx, left(), "plan the network of "+in.Target.EnvironmentID+": what to make, in which order"), activities.PlanResources, planning).Get(ctx, &resources); err != nil {
		return out, unfinished("planning the resources", err)
	}
	out.Ground.Layout = resources.Layout

	steps := resources.Steps
	progress := newReporter(ctx, "Initializing "+in.Target.Environment, roles(steps))
	defer progress.stop()
	progress.Progress.Total += 2 // the sweep and the verification
	ids, err := runSteps(ctx, steps, func(ctx workflow.Context, step activities.Step, done map[string]string) (string, error) {
		progress.start(ctx, step.Role)
		ensure := activities.EnsureInput{
			Target: in.Target, Settings: in.Settings, Layout: resources.Layout,
			Step: step, IDs: done, Resumed: in.Resumed, Incarnation: in.Incarnation, Work: in.Work,
		}
		var made activities.Ensured
		err := workflow.ExecuteActivity(ec2Context(ctx, left(), "make "+step.Summary), activities.EnsureActivity(step.Kind), ensure).Get(ctx, &made)
		progress.end(ctx, step.Role, made.ID, err)
		return made.ID, err
	})
	out.Ground.IDs = ids
	if err != nil {
		return out, unfinished("initialising", err)
	}

	progress.start(ctx, activities.Sweep)
	sweep := activities.SweepInput{Target: in.Target, Settings: in.Settings, IDs: ids}
	err = workflow.ExecuteActivity(ec2Context(ctx, left(), "remove what was made twice of "+in.Target.EnvironmentID+", if anything"), activities.Sweep, sweep).Get(ctx, nil)
	progress.end(ctx, activities.Sweep, "", err)
	if err != nil {
		return out, unfinished("removing duplicates", err)
	}

	progress.start(ctx, activities.VerifyIsolation)
	err = workflow.ExecuteActivity(ec2Context(ctx, left(), "check the isolation of "+in.Target.EnvironmentID+" against the account"), activities.VerifyIsolation,
		activities.VerifyInput{Target: in.Target, Layout: resources.Layout}).Get(ctx, &out.Verified)
	progress.end(ctx, activities.VerifyIsolation, fmt.Sprintf("%d findings", len(out.Verified.Findings)), err)
	if err != nil {
		return out, unfinished("checking the isolation", err)
	}

	out.Services = []contract.ServiceStatus{{
		Name: brokerService, Status: contract.PipelineRunning,
		InstanceID: ids[activities.BrokerRole], Address: resources.Layout.BrokerAddress,
	}}
	return out, nil
}

// brokerService is the name of the message broker among the services.
const brokerService = "kafka"

// unfinished is the error by which a child says what it could not do; the
// environment keeps what was made (C13).
func unfinished(doing string, err error) error {
	return temporal.NewNonRetryableApplicationError(doing+": "+failure(err), activities.ErrTerminal, nil)
}

func roles(steps []activities.Step) []string {
	names := make([]string, len(steps))
	for i, s := range steps {
		names[i] = s.Role
	}
	return names
}
