package workflows

import (
	"fmt"
	"strings"

	"go.temporal.io/sdk/workflow"

	"github.com/aineko-dev/environments/activities"
	"github.com/aineko-dev/environments/internal/contract"
)

// DestroyInput starts destroy-pipelines.
type DestroyInput struct {
	Target    activities.Target   `json:"target"`
	Settings  activities.Settings `json:"settings"`
	Pipelines []Doomed            `json:"pipelines"`
}

// Doomed is a pipeline to destroy, with every instance of it.
type Doomed struct {
	Name        string   `json:"name"`
	Commit      string   `json:"commit,omitempty"`
	InstanceIDs []string `json:"instanceIds"`
	// Stray is whether only left-over instances go, and the pipeline stays.
	Stray bool `json:"stray,omitempty"`
}

// DestroyPipelines terminates pipelines' instances, side by side, and touches
// nothing else of the environment (C12). One that fails does not stop the
// others (C10).
func DestroyPipelines(ctx workflow.Context, in DestroyInput) ([]contract.PipelineResult, error) {
	if err := checkParent(ctx, in.Target.Project, in.Target.Environment); err != nil {
		return nil, err
	}
	names := make([]string, len(in.Pipelines))
	for i, p := range in.Pipelines {
		names[i] = "destroy " + p.Name
	}
	progress := newReporter(ctx, "Destroying pipelines of "+in.Target.Environment, names)
	defer progress.stop()

	results := make([]contract.PipelineResult, len(in.Pipelines))
	group := workflow.NewWaitGroup(ctx)
	for i, p := range in.Pipelines {
		group.Add(1)
		workflow.Go(ctx, func(ctx workflow.Context) {
			defer group.Done()
			progress.start(ctx, names[i])
			progress.phase(ctx, names[i], p.Name, contract.PhaseStopping, strings.Join(p.InstanceIDs, ", "))
			err := stopPipeline(ctx, in.Target, in.Settings, p.Name, p.InstanceIDs)
			progress.end(ctx, names[i], strings.Join(p.InstanceIDs, ", "), err)
			results[i] = contract.PipelineResult{Name: p.Name, Action: contract.ActionDestroy, Result: contract.ResultDone, Commit: p.Commit}
			if err != nil {
				results[i].Result, results[i].Error = contract.ResultFailed, failure(err)
				results[i].InstanceID = strings.Join(p.InstanceIDs, " ")
			}
		})
	}
	group.Wait(ctx)
	return results, ctx.Err()
}

// stopPipeline terminates instances of a pipeline and waits until they are gone.
func stopPipeline(ctx workflow.Context, target activities.Target, settings activities.Settings, pipeline string, instanceIDs []string) error {
	if len(instanceIDs) == 0 {
		return nil // it never became healthy, and what was launched is gone
	}
	summary := fmt.Sprintf("stop %s of pipeline %s", strings.Join(instanceIDs, ", "), pipeline)
	return workflow.ExecuteActivity(ec2Context(ctx, stepTimeout, summary), activities.StopPipeline, activities.StopInput{
		Target: target, Settings: settings, Pipeline: pipeline, InstanceIDs: instanceIDs,
	}).Get(ctx, nil)
}
