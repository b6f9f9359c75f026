package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"

	"github.com/aineko-dev/environments/internal/contract"
	"github.com/aineko-dev/environments/internal/ec2sim"
	"github.com/aineko-dev/environments/test/stack"
)

// rig is a stack to measure on, and a client of it.
type rig struct {
	*stack.Stack
	client client.Client
	speed  float64
	dir    string
	sha    int
	shaMu  sync.Mutex
}

// newRig starts a stack whose simulator keeps its account in memory: writing
// it down would cost more than what is measured.
func newRig(ctx context.Context, o stack.Options) (*rig, error) {
	dir, err := os.MkdirTemp("", "aineko-bench-")
	if err != nil {
		return nil, err
	}
	o.Dir, o.SimulatorFlags = dir, append(o.SimulatorFlags, "--state=")
	r := &rig{speed: o.Speed, dir: dir}
	if r.Stack, err = stack.New(o); err == nil {
		if err = r.Start(ctx); err == nil {
			r.client, err = client.DialContext(ctx, client.Options{HostPort: r.Temporal, Logger: sdklog.NewStructuredLogger(slog.New(slog.NewTextHandler(io.Discard, nil)))})
		}
	}
	if err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

func (r *rig) close() {
	if r.client != nil {
		r.client.Close()
	}
	if r.Stack != nil {
		_ = r.Stop()
	}
	_ = os.RemoveAll(r.dir)
}

// slowly is how the product's waiting is set for a simulator that is speed
// times as fast: as on AWS, divided by the speed.
func slowly(speed float64, more map[string]string) map[string]string {
	scaled := func(d time.Duration) string { return time.Duration(float64(d) / speed).String() }
	settings := map[string]string{
		"poll-interval": scaled(5 * time.Second), "settle-time": scaled(10 * time.Second), "readiness-timeout": "5m",
		"deletion-grace": "0s", "reconcile-interval": "0s", "environment-limit": "4",
	}
	for k, v := range more {
		settings[k] = v
	}
	return settings
}

// simulated is a duration of this machine by the simulator's clock.
func (r *rig) simulated(d time.Duration) float64 { return d.Seconds() * r.speed }

// createProject creates a project, which starts its first two environments.
func (r *rig) createProject(ctx context.Context, project string) error {
	start := r.client.NewWithStartWorkflowOperation(client.StartWorkflowOptions{
		ID: contract.ProjectWorkflowID(project), TaskQueue: contract.TaskQueue,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		TypedSearchAttributes:    temporal.NewSearchAttributes(temporal.NewSearchAttributeKeyKeyword(contract.ProjectAttribute).ValueSet(project)),
	}, contract.ProjectWorkflow, contract.ProjectInput{Project: project})
	update, err := r.client.UpdateWithStartWorkflow(ctx, client.UpdateWithStartWorkflowOptions{
		StartWorkflowOperation: start,
		UpdateOptions:          client.UpdateWorkflowOptions{UpdateName: contract.CreateProjectUpdate, WaitForStage: client.WorkflowUpdateStageCompleted},
	})
	if err != nil {
		return err
	}
	return update.Get(ctx, nil)
}

// status asks an environment how it stands.
func (r *rig) status(ctx context.Context, project, environment string) (contract.EnvironmentStatus, error) {
	var s contract.EnvironmentStatus
	answer, err := r.client.QueryWorkflow(ctx, contract.EnvironmentWorkflowID(project, environment), "", contract.StatusQuery)
	if err != nil {
		return s, err
	}
	return s, answer.Get(&s)
}

// ready waits until an environment is ready, and returns how it stands then.
func (r *rig) ready(ctx context.Context, project, environment string) (contract.EnvironmentStatus, error) {
	for {
		s, err := r.status(ctx, project, environment)
		switch {
		case err != nil && ctx.Err() != nil:
			return s, err
		case err == nil && s.Status == contract.StatusReady:
			return s, nil
		case err == nil && (s.Status == contract.StatusFailed || s.Status == contract.StatusDegraded):
			return s, fmt.Errorf("%s of %s is %s: %s", environment, project, s.Status, s.Reason)
		}
		if err := pause(ctx, 200*time.Millisecond); err != nil {
			return s, fmt.Errorf("%s of %s is not ready: %w", environment, project, err)
		}
	}
}

// commit is one of a project's develop branch, with as many pipelines, whose
// code is what code says; each has a SHA of its own.
func (r *rig) commit(project string, pipelines int, code string) contract.Commit {
	r.shaMu.Lock()
	r.sha++
	n := r.sha
	r.shaMu.Unlock()
	c := contract.Commit{
		Project: project, Branch: "develop", SHA: fmt.Sprintf("%040x", n), FileDigest: strings.Repeat("a", 64), Code: contract.CodeTree + ":" + code,
		// The evidence is what a starter finds in a checkout; it saves a comparison.
		AllowRollback: true,
	}
	c.Desired.Listed, c.Desired.Environments = true, contract.InitialEnvironments
	for i := range pipelines {
		c.Desired.Pipelines = append(c.Desired.Pipelines, contract.Pipeline{Pipeline: fmt.Sprintf("pipeline-%03d", i), Source: "conf/pipeline.yml", Machine: contract.DefaultMachine})
	}
	return c
}

// codeOf is the digest of a code.
func codeOf(n int) string { return fmt.Sprintf("%040x", n+1) }

// push sends a commit and waits until it is accepted.
func (r *rig) push(ctx context.Context, c contract.Commit) (deployment string, err error) {
	update, err := r.client.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID: contract.EnvironmentWorkflowID(c.Project, c.Branch), UpdateName: contract.CommitUpdate, Args: []any{c},
		WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	if err != nil {
		return "", err
	}
	var answer contract.CommitAnswer
	return answer.Deployment, errors.Join(update.Get(ctx, &answer), nil)
}

// outcome waits until a deployment has its outcome, and wants it to be this one.
func (r *rig) outcome(ctx context.Context, c contract.Commit, want string) error {
	for {
		s, err := r.status(ctx, c.Project, c.Branch)
		if err == nil {
			for _, o := range s.Outcomes {
				if o.Commit != c.SHA {
					continue
				}
				if o.Outcome != want {
					return fmt.Errorf("%s of %s ended %s, not %s: %s", c.Branch, c.Project, o.Outcome, want, o.Reason)
				}
				return nil
			}
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
}

// deploy pushes a commit and waits for its outcome.
func (r *rig) deploy(ctx context.Context, c contract.Commit, want string) error {
	if _, err := r.push(ctx, c); err != nil {
		return err
	}
	return r.outcome(ctx, c, want)
}

// counted is how many EC2 calls were made.
type counted struct{ changing, reading, refused int }

// count counts the calls in a journal from the n-th on, and returns how long it is.
func (r *rig) count(ctx context.Context, from int) (counted, []ec2sim.Call, error) {
	journal, err := r.Control().Journal(ctx)
	if err != nil {
		return counted{}, nil, err
	}
	return tally(journal[from:]), journal, nil
}

func tally(calls []ec2sim.Call) counted {
	var c counted
	for _, call := range calls {
		switch {
		case call.Error == "RequestLimitExceeded":
			c.refused++
		case call.Changes:
			c.changing++
		default:
			c.reading++
		}
	}
	return c
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
