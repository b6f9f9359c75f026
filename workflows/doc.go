// Package workflows says what happens in which order. It is deterministic: no
// I/O, no clock, no configuration; settings and facts come in as the results
// of activities and stay recorded.
//
// A commit travels: the environment workflow accepts it as an update, waits
// until the work under way has ended, then runs initialize-environment (where
// needed), deploy-pipelines and destroy-pipelines as children. The project
// workflow says who holds the slots.
package workflows

import (
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/aineko-dev/environments/internal/contract"
)

// Register makes every workflow known to a worker, under the contract's names.
func Register(w worker.WorkflowRegistry) {
	for name, f := range map[string]any{ //workflowcheck:ignore
		contract.ProjectWorkflow:               Project,
		contract.EnvironmentWorkflow:           Environment,
		contract.InitializeEnvironmentWorkflow: InitializeEnvironment,
		contract.DeployPipelinesWorkflow:       DeployPipelines,
		contract.DestroyPipelinesWorkflow:      DestroyPipelines,
		contract.DeleteEnvironmentWorkflow:     DeleteEnvironment,
	} {
		w.RegisterWorkflowWithOptions(f, workflow.RegisterOptions{Name: name})
	}
}
