package workflows

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/aineko-dev/environments/activities"
	"github.com/aineko-dev/environments/internal/compute"
	"github.com/aineko-dev/environments/internal/contract"
	"github.com/aineko-dev/environments/internal/plan"
)

// maxRepairs is how often a day reconcile replaces a pipeline (C14).
const maxRepairs = 3

// observe holds what is deployed against the instances that exist: one that is
// gone makes its pipeline failed, and those that nobody knows of are strays,
// left by a piece of work that was ended by hand.
func (e *environment) observe(begun activities.Work, w *work) (strays []Doomed) {
	known := map[string]bool{}
	for _, p := range slices.Clone(e.Pipelines) {
		if p.InstanceID == "" {
			continue
		}
		known[p.InstanceID] = true
		i := slices.IndexFunc(begun.Instances, func(i compute.Instance) bool { return i.ID == p.InstanceID })
		switch {
		case i < 0:
			p.Status, p.Error, p.InstanceID = contract.PipelineFailed, fmt.Sprintf("its instance %s is gone", p.InstanceID), ""
		case begun.Instances[i].State != "running" && begun.Instances[i].State != "pending":
			p.Status, p.Error = contract.PipelineFailed, fmt.Sprintf("its instance %s is %s", p.InstanceID, begun.Instances[i].State)
		case w != nil && w.Failed[p.InstanceID] != "":
			p.Status, p.Error = contract.PipelineFailed, w.Failed[p.InstanceID]
		default:
			continue
		}
		e.setPipeline(p)
	}
	for _, i := range begun.Instances {
		if i.Pipeline == "" || known[i.ID] {
			continue
		}
		at := slices.IndexFunc(strays, func(d Doomed) bool { return d.Name == i.Pipeline })
		if at < 0 {
			strays = append(strays, Doomed{Name: i.Pipeline, Commit: i.Commit, Stray: true})
			at = len(strays) - 1
		}
		strays[at].InstanceIDs = append(strays[at].InstanceIDs, i.ID)
	}
	return strays
}

// scheduleReconcile sets when the next one is due.
func (e *environment) scheduleReconcile(ctx workflow.Context) {
	e.ReconcileAt = time.Time{}
	if every := e.Settings.ReconcileInterval; every > 0 {
		e.ReconcileAt = workflow.Now(ctx).Add(every)
	}
}

func (e *environment) reconcileDue(ctx workflow.Context) bool {
	return e.Initialized && (e.reconcileRequested || (!e.ReconcileAt.IsZero() && !workflow.Now(ctx).Before(e.ReconcileAt)))
}

// reconcile reads first, and lets a commit that arrives meanwhile go ahead:
// the reading is then thrown away. What has to be mended becomes a deployment
// of the newest commit (C14).
func (e *environment) reconcile(ctx workflow.Context) error {
	e.reconcileRequested, e.reconciling = false, true
	defer func() { e.reconciling = false }()
	e.scheduleReconcile(ctx)
	readCtx, cancel := workflow.WithCancel(ec2Context(ctx, stepTimeout, "compare what exists of "+e.ID+" with the desired state; changes nothing"))
	defer cancel()
	reading := workflow.ExecuteActivity(readCtx, activities.FindDrift, activities.DriftInput{Target: e.target(), Layout: e.Ground.Layout})
	if err := workflow.Await(ctx, func() bool { return reading.IsReady() || e.Waiting != nil || e.deletionAccepted() }); err != nil {
		return err
	}
	if !reading.IsReady() || e.Waiting != nil || e.deletionAccepted() {
		return nil
	}
	var drift activities.Drift
	if err := reading.Get(ctx, &drift); err != nil {
		e.Unread = contract.Clip(fmt.Sprintf("reconcile could not read the account: %s (%s)", failure(err), workflow.Now(ctx).UTC().Format(time.RFC3339)), maxErrorSize)
		workflow.GetLogger(ctx).Warn(e.Unread)
		return nil
	}
	e.Unread = ""
	e.keepSettings(drift.Settings)
	e.Verified = &contract.Verified{At: workflow.Now(ctx), Findings: drift.Findings}
	e.Foreign = drift.Foreign
	e.setBrokerDown(drift.BrokerDown)
	if w := e.repair(ctx, drift); w != nil {
		return e.perform(ctx, w)
	}
	return nil
}

// repair is the piece of work that mends a drift; nil where there is nothing
// to mend, or nothing that may be mended any more today.
func (e *environment) repair(ctx workflow.Context, drift activities.Drift) *work {
	w := &work{Commit: e.Newest, Since: workflow.Now(ctx), Failed: drift.Failed, Only: []string{}}
	var found []string
	if len(drift.Lacking) > 0 {
		w.Repair = true
		found = append(found, "the network lacks "+strings.Join(drift.Lacking, ", "))
	}
	if drift.BrokerDown != "" {
		w.Repair = true
		found = append(found, "broker down: "+drift.BrokerDown)
	}
	strays := e.observe(drift.Work, w)
	for _, s := range strays {
		found = append(found, fmt.Sprintf("left over of pipeline %s: %s", s.Name, strings.Join(s.InstanceIDs, ", ")))
	}
	if e.Newest != nil {
		// An empty map does not outlive a run: omitempty leaves it out of the state.
		if today := workflow.Now(ctx).UTC().Format(time.DateOnly); e.RepairDay != today || e.Repairs == nil {
			e.RepairDay, e.Repairs = today, map[string]int{}
		}
		for _, c := range plan.Make(e.Newest.Code, e.Newest.Desired, e.Pipelines).Changes {
			if c.Action == contract.ActionNone || e.Repairs[c.Name] >= maxRepairs {
				continue
			}
			e.Repairs[c.Name]++
			w.Only = append(w.Only, c.Name)
			found = append(found, fmt.Sprintf("pipeline %s: %s", c.Name, c.Reason))
		}
	}
	if len(found) == 0 {
		return nil
	}
	w.Why = "reconcile: " + strings.Join(found, "; ")
	w.N = e.Next
	e.Next++
	return w
}

// setBrokerDown shows why the broker cannot serve, or that it does.
func (e *environment) setBrokerDown(why string) {
	for i := range e.Services {
		s := &e.Services[i]
		s.Status, s.Error = contract.PipelineRunning, ""
		if why != "" {
			s.Status, s.Error = contract.PipelineFailed, why
		}
	}
}

func (e *environment) validateReconcile(ctx workflow.Context, r contract.OperatorRequest) error {
	return e.unlessBusy(ctx, e.mayReconcile(r))
}

func (e *environment) mayReconcile(r contract.OperatorRequest) error {
	if err := checkRequest(r); err != nil {
		return err
	}
	switch reason := e.deletionInTheWay(); {
	case reason != "":
		return temporal.NewApplicationError(reason, contract.ErrRefused)
	case !e.Initialized:
		return temporal.NewApplicationError("the environment is not initialised", contract.ErrRefused)
	}
	return nil
}

// handleReconcile asks for a reconcile now. The work under way, if any, ends first.
func (e *environment) handleReconcile(ctx workflow.Context, r contract.OperatorRequest) (contract.CommitAnswer, error) {
	e.handled++
	if err := e.mayReconcile(r); err != nil {
		return contract.CommitAnswer{}, err
	}
	e.note(ctx, e.byUpdate(ctx, r), accepted)
	e.reconcileRequested = true
	if err := workflow.Await(ctx, func() bool { return !e.reconcileRequested || e.deletionAccepted() }); err != nil {
		return contract.CommitAnswer{}, err
	}
	answer := contract.CommitAnswer{}
	if err := workflow.Await(ctx, func() bool { return e.current != nil || !e.reconciling }); err != nil {
		return answer, err
	}
	if e.current != nil {
		answer.Deployment = e.deploymentID(e.current)
	}
	return answer, nil
}

func (e *environment) validateVerify(ctx workflow.Context, r contract.OperatorRequest) error {
	return e.unlessBusy(ctx, e.mayVerify(r))
}

func (e *environment) mayVerify(r contract.OperatorRequest) error {
	if err := checkRequest(r); err != nil {
		return err
	}
	if !e.Initialized {
		return temporal.NewApplicationError("the environment is not initialised: there is nothing to verify", contract.ErrRefused)
	}
	return nil
}

// handleVerify checks the isolation beside whatever is under way; it only reads.
func (e *environment) handleVerify(ctx workflow.Context, r contract.OperatorRequest) (contract.Verified, error) {
	e.handled++
	if err := e.mayVerify(r); err != nil {
		return contract.Verified{}, err
	}
	var verified contract.Verified
	err := workflow.ExecuteActivity(ec2Context(ctx, stepTimeout, "check the isolation of "+e.ID+" against the account"), activities.VerifyIsolation,
		activities.VerifyInput{Target: e.target(), Layout: e.Ground.Layout}).Get(ctx, &verified)
	if err != nil {
		return contract.Verified{}, temporal.NewApplicationError(failure(err), activities.ErrTerminal)
	}
	e.Verified = &verified
	e.describe(ctx, e.status())
	return verified, nil
}
