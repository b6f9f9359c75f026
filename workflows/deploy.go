package workflows

import (
	"fmt"
	"slices"

	"go.temporal.io/sdk/workflow"

	"github.com/aineko-dev/environments/activities"
	"github.com/aineko-dev/environments/internal/compute"
	"github.com/aineko-dev/environments/internal/contract"
	"github.com/aineko-dev/environments/internal/plan"
)

// DeployInput starts deploy-pipelines.
type DeployInput struct {
	Target      activities.Target   `json:"target"`
	Settings    activities.Settings `json:"settings"`
	Ground      activities.Ground   `json:"ground"`
	Commit      string              `json:"commit"`
	Code        string              `json:"code"`
	Deployment  string              `json:"deployment"`
	Incarnation int                 `json:"incarnation"`
	Changes     []plan.Change       `json:"changes"`
}

// Deployed is what became of the pipelines: what the commit's sender is told,
// and what runs now.
type Deployed struct {
	Results   []contract.PipelineResult `json:"results"`
	Pipelines []contract.PipelineStatus `json:"pipelines"`
}

// DeployPipelines deploys and updates pipelines, side by side. An update
// starts the replacement, checks it, and only then stops the old instance
// (C9); one pipeline's failure is its own (C10).
func DeployPipelines(ctx workflow.Context, in DeployInput) (Deployed, error) {
	var out Deployed
	if err := checkParent(ctx, in.Target.Project, in.Target.Environment); err != nil {
		return out, err
	}
	names := make([]string, len(in.Changes))
	for i, c := range in.Changes {
		names[i] = c.Name
	}
	d := &deployment{
		DeployInput: in,
		progress:    newReporter(ctx, "Deploying pipelines of "+in.Target.Environment, names),
		stopFirst:   slices.Contains(in.Settings.StopFirst, in.Target.Project),
	}
	defer d.progress.stop()
	out.Results = make([]contract.PipelineResult, len(in.Changes))
	out.Pipelines = make([]contract.PipelineStatus, len(in.Changes))
	group := workflow.NewWaitGroup(ctx)
	for i, c := range in.Changes {
		group.Add(1)
		workflow.Go(ctx, func(ctx workflow.Context) {
			defer group.Done()
			out.Results[i], out.Pipelines[i] = d.pipeline(ctx, c)
		})
	}
	group.Wait(ctx)
	return out, ctx.Err()
}

// deployment is one run of deploy-pipelines.
type deployment struct {
	DeployInput
	progress  *reporter
	stopFirst bool
}

// pipeline brings one pipeline to the commit.
func (d *deployment) pipeline(ctx workflow.Context, c plan.Change) (contract.PipelineResult, contract.PipelineStatus) {
	result := contract.PipelineResult{Name: c.Name, Action: c.Action, Result: contract.ResultDone, Commit: d.Commit}
	wanted := pipelineStatus(*c.Desired, contract.PipelineStarting, d.Commit, c.Digest, d.Deployment)
	d.show(wanted)

	if d.stopFirst && c.Current != nil {
		d.progress.start(ctx, "stop old "+c.Name)
		d.progress.phase(ctx, "stop old "+c.Name, c.Name, contract.PhaseSwitching, "stopping the old "+c.Current.InstanceID)
		err := d.stop(ctx, c.Name, c.Current.InstanceID)
		d.progress.end(ctx, "stop old "+c.Name, c.Current.InstanceID, err)
		if err != nil {
			return d.kept(result, c, "the old instance could not be stopped: "+failure(err))
		}
	}

	instanceID, problem := d.launchAndCheck(ctx, c.Name, launch{
		pipeline: *c.Desired, commit: d.Commit, digest: c.Digest, deployment: d.Deployment,
	})
	if problem != "" {
		if d.stopFirst && c.Current != nil {
			return d.restored(ctx, result, c, problem)
		}
		return d.kept(result, c, problem)
	}

	wanted.Status, wanted.InstanceID, result.InstanceID = contract.PipelineRunning, instanceID, instanceID
	if c.Current != nil && !d.stopFirst {
		d.progress.start(ctx, "stop old "+c.Name)
		d.progress.phase(ctx, "stop old "+c.Name, c.Name, contract.PhaseSwitching, "stopping the old "+c.Current.InstanceID)
		err := d.stop(ctx, c.Name, c.Current.InstanceID)
		d.progress.end(ctx, "stop old "+c.Name, c.Current.InstanceID, err)
		if err != nil {
			// The new one runs; the next piece of work stops what was left.
			result.Result = contract.ResultFailed
			result.Error = fmt.Sprintf("the new instance runs, but the old one %s could not be stopped: %s", c.Current.InstanceID, failure(err))
			wanted.Error = result.Error
		}
	}
	d.show(wanted)
	return result, wanted
}

// kept is the end of a pipeline that did not get to the commit: what ran before runs on (C9).
func (d *deployment) kept(result contract.PipelineResult, c plan.Change, problem string) (contract.PipelineResult, contract.PipelineStatus) {
	result.Result, result.Error = contract.ResultFailed, problem
	status := pipelineStatus(*c.Desired, contract.PipelineFailed, d.Commit, c.Digest, d.Deployment)
	if c.Current != nil {
		status = *c.Current
		result.Commit, result.InstanceID = c.Current.Commit, c.Current.InstanceID
	}
	status.Error = problem
	d.show(status)
	return result, status
}

// restored launches the old commit again, after its instance was stopped first
// and the new one failed (C9).
func (d *deployment) restored(ctx workflow.Context, result contract.PipelineResult, c plan.Change, problem string) (contract.PipelineResult, contract.PipelineStatus) {
	result.Result, result.Error = contract.ResultFailed, problem
	old := *c.Current
	if old.Source == "" || old.Machine == nil {
		old.Status, old.InstanceID = contract.PipelineFailed, ""
		old.Error = problem + "; the old one cannot be launched again: its definition is not known"
		d.show(old)
		return result, old
	}
	instanceID, again := d.launchAndCheck(ctx, c.Name+" at the old commit", launch{
		pipeline: contract.Pipeline{Pipeline: c.Name, Name: old.Override, Source: old.Source, Machine: *old.Machine},
		commit:   old.Commit, digest: old.Digest, deployment: d.Deployment, firstTry: maxTries,
	})
	old.InstanceID, old.Status, old.Error, old.Deployment = instanceID, contract.PipelineRunning, problem, d.Deployment
	if again != "" {
		old.InstanceID, old.Status = "", contract.PipelineFailed
		old.Error = problem + "; the old commit did not come up again either: " + again
		result.Error = old.Error
	} else {
		result.Commit, result.InstanceID = old.Commit, instanceID
	}
	d.show(old)
	return result, old
}

// launch is what to launch: the commit's pipeline, or the old one again.
type launch struct {
	pipeline                   contract.Pipeline
	commit, digest, deployment string
	// firstTry keeps the tokens of an old commit launched again apart from
	// those of the new one.
	firstTry int
}

// maxTries is more than there are placements to try for one launch.
const maxTries = 1000

// launchAndCheck launches an instance and waits until it is ready. It returns
// the instance, or why there is none; one that did not become ready is removed.
func (d *deployment) launchAndCheck(ctx workflow.Context, step string, l launch) (instanceID, problem string) {
	d.progress.start(ctx, step)
	d.progress.phase(ctx, step, l.pipeline.Pipeline, contract.PhaseStarting, "choosing an instance type")
	instanceID, err := d.launch(ctx, step, l)
	if err != nil {
		d.progress.end(ctx, step, "", err)
		return "", failure(err)
	}
	d.progress.phase(ctx, step, l.pipeline.Pipeline, contract.PhaseChecking, instanceID+": checking")
	readiness, err := d.check(ctx, l, instanceID)
	if err == nil && readiness.Ready {
		d.progress.end(ctx, step, instanceID, nil)
		return instanceID, ""
	}
	problem = describe(readiness)
	if err != nil {
		problem = failure(err)
	}
	problem = fmt.Sprintf("%s did not become ready: %s", instanceID, problem)
	d.progress.phase(ctx, step, l.pipeline.Pipeline, contract.PhaseRemoving, instanceID+": removing it")
	if stopErr := d.stop(ctx, l.pipeline.Pipeline, instanceID); stopErr != nil {
		problem += "; and it could not be removed: " + failure(stopErr)
	}
	d.progress.end(ctx, step, "", fmt.Errorf("%s", problem))
	return "", problem
}

// launch tries one placement after the other; the next only after a definite
// capacity error (A4).
func (d *deployment) launch(ctx workflow.Context, step string, l launch) (string, error) {
	var placements []compute.Placement
	choose := activities.PlacementsInput{Target: d.Target, Settings: d.Settings, Ground: d.Ground, Machine: l.pipeline.Machine}
	summary := fmt.Sprintf("choose instance types and zones for pipeline %s: %s", l.pipeline.Pipeline, l.pipeline.Machine)
	if err := workflow.ExecuteActivity(ec2Context(ctx, stepTimeout, summary), activities.ChoosePlacements, choose).Get(ctx, &placements); err != nil {
		return "", err
	}
	var shortage string
	for try, placement := range placements {
		d.progress.phase(ctx, step, l.pipeline.Pipeline, contract.PhaseStarting, fmt.Sprintf("launching %s in %s", placement.InstanceType, placement.Zone))
		input := activities.LaunchInput{
			Target: d.Target, Settings: d.Settings, Ground: d.Ground,
			Pipeline: l.pipeline, Commit: l.commit, Digest: l.digest, Deployment: l.deployment,
			Incarnation: d.Incarnation, Try: l.firstTry + try, Placement: placement,
		}
		var launched compute.Launched
		summary := fmt.Sprintf("launch pipeline %s at %.8s on %s in %s", l.pipeline.Pipeline, l.commit, placement.InstanceType, placement.Zone)
		if err := workflow.ExecuteActivity(ec2Context(ctx, stepTimeout, summary), activities.LaunchPipeline, input).Get(ctx, &launched); err != nil {
			return "", err
		}
		if launched.Capacity == "" {
			return launched.InstanceID, nil
		}
		shortage = launched.Capacity
	}
	if shortage == "" {
		return "", fmt.Errorf("no instance type offers %s in the environment's zones", l.pipeline.Machine)
	}
	return "", fmt.Errorf("no capacity for %s in %d types and zones; last: %s", l.pipeline.Machine, len(placements), shortage)
}

// check waits until the instance is ready (A5). While the broker is down no
// pipeline is judged (A3): the reason then names the broker.
func (d *deployment) check(ctx workflow.Context, l launch, instanceID string) (compute.Readiness, error) {
	var readiness compute.Readiness
	summary := fmt.Sprintf("wait until %s of pipeline %s is ready", instanceID, l.pipeline.Pipeline)
	// The activity ends by itself at the limit; the slack is for workers that come and go.
	within := d.Settings.ReadinessTimeout + stepTimeout
	err := workflow.ExecuteActivity(ec2Context(ctx, within, summary), activities.CheckPipeline, activities.CheckInput{
		Target: d.Target, Settings: d.Settings, InstanceID: instanceID,
		Commit: l.commit, Deployment: l.deployment, Since: workflow.Now(ctx),
	}).Get(ctx, &readiness)
	if err != nil || readiness.Ready {
		return readiness, err
	}
	var brokerDown string
	if err := workflow.ExecuteActivity(ec2Context(ctx, stepTimeout, "look whether the broker is up, for a pipeline did not become ready"), activities.CheckBroker,
		activities.BeginWorkInput{Target: d.Target}).Get(ctx, &brokerDown); err == nil && brokerDown != "" {
		readiness.Reason = "not judged, for the broker is down (" + brokerDown + ")"
	}
	return readiness, nil
}

func (d *deployment) stop(ctx workflow.Context, pipeline, instanceID string) error {
	return stopPipeline(ctx, d.Target, d.Settings, pipeline, []string{instanceID})
}

// show tells the environment how a pipeline stands.
func (d *deployment) show(p contract.PipelineStatus) {
	for i := range d.progress.Pipelines {
		if d.progress.Pipelines[i].Name == p.Name {
			d.progress.Pipelines[i] = p
			return
		}
	}
	d.progress.Pipelines = append(d.progress.Pipelines, p)
}

func pipelineStatus(p contract.Pipeline, status, commit, digest, deployment string) contract.PipelineStatus {
	return contract.PipelineStatus{
		Name: p.Pipeline, Status: status, Commit: commit, Digest: digest, Source: p.Source,
		Machine: &p.Machine, Override: p.Name, Deployment: deployment,
	}
}

func describe(r compute.Readiness) string {
	if r.Journal == "" {
		return r.Reason
	}
	return r.Reason + "\n" + r.Journal
}
