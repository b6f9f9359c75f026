package main

import (
	"context"
	"fmt"
	"strings"

	"go.temporal.io/sdk/client"

	"github.com/aineko-dev/environments/internal/contract"
	"github.com/aineko-dev/environments/internal/ec2sim"
	"github.com/aineko-dev/environments/test/stack"
)

// callsSpeed leaves polls as they are on AWS: every 5 s by its clock.
const callsSpeed = 20

// calls counts what each piece of work of an environment asks of EC2 and of
// Temporal, from its making to its end.
func calls(ctx context.Context, b *bench) error {
	speed := float64(b.size(callsSpeed, 100))
	r, err := newRig(ctx, stack.Options{Speed: speed, WorkerSettings: slowly(speed, nil)})
	if err != nil {
		return err
	}
	defer r.close()
	stop, err := r.bareWorker()
	if err != nil {
		return err
	}
	defer stop()
	l := &life{rig: r, bench: b, project: "bench/calls"}
	return l.measure(ctx)
}

// life is one environment's, measured piece by piece.
type life struct {
	*rig
	bench   *bench
	project string
	seen    int // calls so far
}

func (l *life) measure(ctx context.Context) error {
	// Both environments of a new project are initialised side by side, and alike.
	_, journal, err := l.count(ctx, 0)
	if err != nil {
		return err
	}
	l.seen = len(journal)
	if err := l.createProject(ctx, l.project); err != nil {
		return err
	}
	var ids []string
	for _, name := range contract.InitialEnvironments {
		s, err := l.ready(ctx, l.project, name)
		if err != nil {
			return err
		}
		ids = append(ids, s.EnvironmentID)
	}
	initializing, err := l.since(ctx)
	if err != nil {
		return err
	}
	done, err := l.initialized(ctx, l.project, "develop")
	if err != nil {
		return err
	}
	if err := l.initializingPrice(ctx); err != nil {
		return err
	}
	verifying, err := l.verifying(ctx)
	if err != nil {
		return err
	}
	l.bench.say("initialised; verifying costs %d reading calls", verifying.reading)
	half := counted{initializing.changing / 2, initializing.reading/2 - verifying.reading, initializing.refused}
	l.report("initialise, verification aside", half, least(done.steps), true)

	const pipelines = 2
	steps := []struct {
		what      string
		commit    contract.Commit
		outcome   string
		least     int
		unchanged bool
	}{
		{"deploy two pipelines", l.commit(l.project, pipelines, codeOf(1)), contract.OutcomeDeployed, pipelines, false},
		{"commit that changes nothing", l.commit(l.project, pipelines, codeOf(1)), contract.OutcomeUnchanged, 0, true},
		// A replacement is launched, and the old one terminated.
		{"update two pipelines", l.commit(l.project, pipelines, codeOf(2)), contract.OutcomeDeployed, 2 * pipelines, false},
		{"destroy two pipelines", l.commit(l.project, 0, codeOf(2)), contract.OutcomeDeployed, pipelines, false},
	}
	for _, step := range steps {
		before, err := l.events(ctx)
		if err != nil {
			return err
		}
		if err := l.deploy(ctx, step.commit, step.outcome); err != nil {
			return fmt.Errorf("%s: %w", step.what, err)
		}
		c, err := l.since(ctx)
		if err != nil {
			return err
		}
		l.report(step.what, c, step.least, false)
		after, err := l.events(ctx)
		if err != nil {
			return err
		}
		if err := l.price(ctx, step.what, newer(after, before), step.unchanged); err != nil {
			return err
		}
	}
	return l.delete(ctx, ids[0])
}

// since is the calls since it was asked last.
func (l *life) since(ctx context.Context) (counted, error) {
	c, journal, err := l.count(ctx, l.seen)
	l.seen = len(journal)
	return c, err
}

// verifying is what checking the isolation costs by itself.
func (l *life) verifying(ctx context.Context) (counted, error) {
	if _, err := l.update(ctx, contract.VerifyUpdate); err != nil {
		return counted{}, err
	}
	return l.since(ctx)
}

func (l *life) update(ctx context.Context, name string) (client.WorkflowUpdateHandle, error) {
	update, err := l.client.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID: contract.EnvironmentWorkflowID(l.project, "develop"), UpdateName: name,
		Args: []any{contract.OperatorRequest{RequestedBy: "bench"}}, WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	if err != nil {
		return nil, err
	}
	return update, update.Get(ctx, nil)
}

// readsAtMost is how many reading calls a changing one may cost; noReads what a
// commit that changes nothing may.
const (
	readsAtMost = 3
	noReads     = 2
	noEvents    = 30
)

// report puts one piece of work into the table. Only initialising has its
// polling within the budget: a deployment of few calls waits as long as one of many.
func (l *life) report(what string, c counted, least int, initializing bool) {
	l.bench.add(figure{what: what + ": changing calls", value: float64(c.changing), against: "least", againstValue: float64(least),
		budget: budget{kind: ratioAtMost, limit: 1, count: initializing || least == 0}})
	reading := figure{what: what + ": reading calls", value: float64(c.reading), against: "changing", againstValue: float64(c.changing),
		budget: budget{kind: ratioAtMost, limit: readsAtMost, count: initializing}}
	if least == 0 {
		reading.against, reading.budget = "", budget{kind: valueAtMost, limit: noReads, count: true}
	}
	l.bench.add(reading)
}

// delete deletes the environment. Looking twice that nothing is left, after the
// last change, is its verification.
func (l *life) delete(ctx context.Context, id string) error {
	steps, associations, err := l.held(ctx, id)
	if err != nil {
		return err
	}
	if _, err := l.update(ctx, contract.DeleteEnvironmentUpdate); err != nil {
		return err
	}
	workflowID := contract.EnvironmentWorkflowID(l.project, "develop")
	if err := l.client.GetWorkflow(ctx, workflowID, "").Get(ctx, nil); err != nil {
		return err
	}
	_, journal, err := l.count(ctx, l.seen)
	if err != nil {
		return err
	}
	end := len(journal)
	for end > l.seen && !journal[end-1].Changes {
		end--
	}
	c := tally(journal[l.seen:end])
	least := 0
	for _, kind := range steps {
		least += deletesOf(kind, 0)
	}
	l.report("delete, verification aside", c, least+associations, false)
	return nil
}

// held is what the account holds of an environment, by kind, and how many
// subnets are associated with its route tables.
func (l *life) held(ctx context.Context, id string) (kinds []string, associations int, err error) {
	account, err := l.Control().Account(ctx)
	if err != nil {
		return nil, 0, err
	}
	for _, r := range account {
		if r.Tags[contract.EnvironmentIDTag] != id || gone(r) {
			continue
		}
		for _, association := range r.List["assoc"] {
			if _, subnet, _ := strings.Cut(association, "|"); subnet != "" {
				associations++
			}
		}
		if r.Kind != "volume" || r.Tags[contract.RoleTag] != "broker" { // the instance's own goes with it
			kinds = append(kinds, r.Kind)
		}
	}
	return kinds, associations, nil
}

func gone(r ec2sim.Resource) bool {
	return r.State == "terminated" || r.State == "deleted" || r.State == "shutting-down" || r.State == "deleting"
}
