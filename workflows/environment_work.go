package workflows

import (
	"fmt"
	"slices"
	"strings"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/aineko-dev/environments/activities"
	"github.com/aineko-dev/environments/internal/contract"
	"github.com/aineko-dev/environments/internal/plan"
)

// perform does one piece of work to its end, and records how it ended. Nothing
// cuts it (C7).
func (e *environment) perform(ctx workflow.Context, w *work) error {
	e.current, e.began = w, workflow.Now(ctx)
	defer func() { e.current, e.planned = nil, nil }()
	outcome, err := e.deploy(ctx, w)
	if err != nil {
		return err
	}
	if w.Commit != nil {
		outcome.Began, outcome.Ended = e.began, workflow.Now(ctx)
		e.record(outcome)
		workflow.GetLogger(ctx).Info("deployment ended", "deployment", outcome.Deployment, "commit", outcome.Commit, "outcome", outcome.Outcome)
	}
	return nil
}

// deploy is the way of a commit through the environment: initialise where
// needed, plan, deploy and destroy side by side. An error is one of the
// workflow itself; whatever goes wrong with the work is in the outcome.
func (e *environment) deploy(ctx workflow.Context, w *work) (contract.Outcome, error) {
	failed := func(reason string) (contract.Outcome, error) {
		o := e.outcome(w, contract.OutcomeFailed)
		o.Reason = strings.TrimPrefix(o.Reason+": "+reason, ": ")
		return o, nil
	}
	// Before it is initialised nothing can be seen; where an earlier workflow
	// was at work, there may be much to see afterwards (C6).
	resumed := !e.Initialized && e.Begun
	begun, err := e.begin(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return contract.Outcome{}, ctx.Err()
		}
		return failed(failure(err))
	}
	if w.Commit != nil {
		if err := w.Commit.Desired.CheckLimits(e.Settings.Limits); err != nil {
			return failed(err.Error())
		}
	}
	if !e.Initialized || w.Repair || begun.BrokerDown != "" {
		if err := e.initialize(ctx, w); err != nil {
			if ctx.Err() != nil {
				return contract.Outcome{}, ctx.Err()
			}
			return failed(failure(err))
		}
	}
	if w.Commit == nil {
		return contract.Outcome{}, nil
	}
	if resumed {
		if begun, err = e.begin(ctx); err != nil {
			if ctx.Err() != nil {
				return contract.Outcome{}, ctx.Err()
			}
			return failed(failure(err))
		}
	}
	strays := e.observe(begun, w)
	p := plan.Make(w.Commit.Code, w.Commit.Desired, e.Pipelines)
	if w.Only != nil {
		p.Changes = slices.DeleteFunc(p.Changes, func(c plan.Change) bool {
			return c.Action != contract.ActionNone && !slices.Contains(w.Only, c.Name)
		})
	}
	return e.carryOut(ctx, w, p, strays)
}

// begin reads the settings and what runs (A11, A10). An environment that is
// not initialised has nothing to look at yet.
func (e *environment) begin(ctx workflow.Context) (activities.Work, error) {
	var begun activities.Work
	if !e.Initialized {
		err := workflow.ExecuteActivity(quickContext(ctx, "read the worker's settings"), activities.ReadSettings).Get(ctx, &begun.Frame)
		if err == nil {
			e.keepSettings(begun.Settings)
		}
		return begun, err
	}
	err := workflow.ExecuteActivity(ec2Context(ctx, stepTimeout, "read the worker's settings, and the instances of "+e.ID), activities.BeginWork,
		activities.BeginWorkInput{Target: e.target()}).Get(ctx, &begun)
	if err == nil {
		e.keepSettings(begun.Settings)
	}
	return begun, err
}

// keepSettings takes the worker's settings for the next piece of work. The
// installation belongs to the environment's resources, so it stays.
func (e *environment) keepSettings(s activities.Settings) {
	if e.Settings.Installation != "" {
		s.Installation = e.Settings.Installation
	}
	e.Settings = s
}

// initialize runs initialize-environment, first or again (C13).
func (e *environment) initialize(ctx workflow.Context, w *work) error {
	e.InitializeError = ""
	resumed := e.Begun
	e.Begun = true
	e.show(ctx)
	var done Initialized
	err := e.runChild(ctx, contract.InitializeWorkflowID(e.Project, e.Environment, w.N), contract.InitializeEnvironmentWorkflow,
		fmt.Sprintf("Initializes %s of %s", e.Environment, e.Project),
		InitializeInput{Target: e.target(), Settings: e.Settings, Incarnation: e.Incarnation, Work: w.N, Resumed: resumed}, &done)
	if err != nil {
		if e.Initialized {
			e.setBrokerDown(failure(err))
		} else {
			e.InitializeError = failure(err)
		}
		return err
	}
	e.Initialized = true
	e.Ground, e.Services, e.Verified = done.Ground, done.Services, &done.Verified
	e.VPCID = done.Ground.IDs[activities.VPCRole]
	e.scheduleReconcile(ctx)
	return nil
}

// runChild runs a child to its end and follows its progress meanwhile.
func (e *environment) runChild(ctx workflow.Context, id, workflowType, summary string, in, out any) error {
	e.children = append(e.children, report{WorkflowID: id})
	defer func() {
		e.children = slices.DeleteFunc(e.children, func(r report) bool { return r.WorkflowID == id })
	}()
	return workflow.ExecuteChildWorkflow(workflow.WithChildOptions(ctx, e.childOptions(id, workflowType, summary)), workflowType, in).Get(ctx, out)
}

func (e *environment) childOptions(id, workflowType, summary string) workflow.ChildWorkflowOptions {
	return workflow.ChildWorkflowOptions{
		WorkflowID:    id,
		StaticSummary: summary,
		StaticDetails: childDetails(workflowType, e.Project, e.Environment, e.ID),
		// A child works for this environment alone; it must not outlive it.
		ParentClosePolicy:     enumspb.PARENT_CLOSE_POLICY_TERMINATE,
		WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		TypedSearchAttributes: temporal.NewSearchAttributes(
			temporal.NewSearchAttributeKeyKeyword(contract.ProjectAttribute).ValueSet(e.Project),
			temporal.NewSearchAttributeKeyKeyword(contract.EnvironmentAttribute).ValueSet(e.Environment),
		),
	}
}

// carryOut does what a plan says, and folds the results into what is deployed.
func (e *environment) carryOut(ctx workflow.Context, w *work, p plan.Plan, strays []Doomed) (contract.Outcome, error) {
	outcome := e.outcome(w, contract.OutcomeUnchanged)
	outcome.Plan = p.Summary()
	e.planned = &outcome.Plan
	doomed := append(doomedBy(p), strays...)
	changes := p.By(contract.ActionDeploy, contract.ActionUpdate)
	if len(changes) > 0 || len(doomed) > 0 {
		outcome.Outcome = contract.OutcomeDeployed
		e.show(ctx)
	}

	var deployed Deployed
	var destroyed []contract.PipelineResult
	var deployErr, destroyErr error
	group := workflow.NewWaitGroup(ctx)
	if len(changes) > 0 {
		group.Add(1)
		workflow.Go(ctx, func(ctx workflow.Context) {
			defer group.Done()
			deployErr = e.runChild(ctx, contract.DeployWorkflowID(e.Project, e.Environment, w.N), contract.DeployPipelinesWorkflow,
				fmt.Sprintf("Deploys %s to %s at %.8s", changedNames(changes), e.Environment, w.Commit.SHA),
				DeployInput{
					Target: e.target(), Settings: e.Settings, Ground: e.Ground, Commit: w.Commit.SHA, Code: w.Commit.Code,
					Deployment: e.deploymentID(w), Incarnation: e.Incarnation, Changes: changes,
				}, &deployed)
		})
	}
	if len(doomed) > 0 {
		group.Add(1)
		workflow.Go(ctx, func(ctx workflow.Context) {
			defer group.Done()
			destroyErr = e.runChild(ctx, contract.DestroyWorkflowID(e.Project, e.Environment, w.N), contract.DestroyPipelinesWorkflow,
				fmt.Sprintf("Destroys %s of %s", doomedNames(doomed), e.Environment),
				DestroyInput{Target: e.target(), Settings: e.Settings, Pipelines: doomed}, &destroyed)
		})
	}
	group.Wait(ctx)
	if err := ctx.Err(); err != nil {
		return outcome, err
	}
	for _, c := range p.By(contract.ActionNone) {
		outcome.Pipelines = append(outcome.Pipelines, contract.PipelineResult{
			Name: c.Name, Action: contract.ActionNone, Result: contract.ResultDone, Commit: c.Current.Commit, InstanceID: c.Current.InstanceID,
		})
		if kept := *c.Current; kept.Error != "" {
			kept.Error = "" // of an update that is no longer wanted
			e.setPipeline(kept)
		}
	}
	e.foldDeployed(&outcome, changes, deployed, deployErr)
	e.foldDestroyed(&outcome, doomed, destroyed, destroyErr)
	slices.SortStableFunc(outcome.Pipelines, func(a, b contract.PipelineResult) int { return compareNames(a.Name, b.Name) })
	for _, r := range outcome.Pipelines {
		if r.Result == contract.ResultFailed {
			outcome.Outcome = contract.OutcomeFailed
			outcome.Reason = strings.TrimPrefix(fmt.Sprintf("%s: pipeline %s: %s", w.Why, r.Name, firstLine(r.Error)), ": ")
			break
		}
	}
	return outcome, nil
}

func doomedBy(p plan.Plan) []Doomed {
	var doomed []Doomed
	for _, c := range p.By(contract.ActionDestroy) {
		d := Doomed{Name: c.Name, Commit: c.Current.Commit, InstanceIDs: []string{}}
		if c.Current.InstanceID != "" {
			d.InstanceIDs = append(d.InstanceIDs, c.Current.InstanceID)
		}
		doomed = append(doomed, d)
	}
	return doomed
}

// foldDeployed takes over what deploy-pipelines says. If somebody ended it by
// hand, what it left is found by its tags when the next piece of work begins.
func (e *environment) foldDeployed(outcome *contract.Outcome, changes []plan.Change, d Deployed, err error) {
	if err != nil {
		for _, c := range changes {
			outcome.Pipelines = append(outcome.Pipelines, contract.PipelineResult{
				Name: c.Name, Action: c.Action, Result: contract.ResultFailed, Commit: outcome.Commit, Error: "deploy-pipelines: " + failure(err),
			})
			status := pipelineStatus(*c.Desired, contract.PipelineFailed, outcome.Commit, c.Digest, outcome.Deployment)
			if c.Current != nil {
				status = *c.Current
			}
			status.Error = "deploy-pipelines: " + failure(err)
			e.setPipeline(status)
		}
		return
	}
	outcome.Pipelines = append(outcome.Pipelines, d.Results...)
	for _, p := range d.Pipelines {
		p.Error = contract.Clip(contract.Clean(p.Error), maxErrorSize)
		e.setPipeline(p)
	}
}

func (e *environment) foldDestroyed(outcome *contract.Outcome, doomed []Doomed, results []contract.PipelineResult, err error) {
	for i, d := range doomed {
		r := contract.PipelineResult{Name: d.Name, Action: contract.ActionDestroy, Result: contract.ResultFailed, Commit: d.Commit}
		switch {
		case err != nil:
			r.Error = "destroy-pipelines: " + failure(err)
		default:
			r = results[i]
		}
		if d.Stray {
			if r.Result == contract.ResultFailed {
				r.Error = "a left-over instance could not be stopped: " + r.Error
				outcome.Pipelines = append(outcome.Pipelines, r)
				e.setError(d.Name, r.Error)
			}
			continue
		}
		outcome.Pipelines = append(outcome.Pipelines, r)
		if r.Result == contract.ResultDone {
			e.removePipeline(d.Name)
			continue
		}
		for _, p := range e.Pipelines {
			if p.Name == d.Name {
				p.Status, p.Error = contract.PipelineFailed, r.Error
				e.setPipeline(p)
				break
			}
		}
	}
}
