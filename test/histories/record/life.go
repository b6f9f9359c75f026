package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"go.temporal.io/sdk/client"

	"github.com/aineko-dev/environments/internal/contract"
	"github.com/aineko-dev/environments/internal/ec2sim"
	"github.com/aineko-dev/environments/test/histories"
)

const (
	project     = "acme/recorded"
	environment = "develop"
)

// act is something that happens, and the moment to keep after it.
type act struct {
	do func(ctx context.Context) error
	// moment is when something is so of the environment's status.
	moment string
	is     func(s contract.EnvironmentStatus) bool
}

// live is the life that is recorded.
func (r *recorder) live(ctx context.Context) error {
	workflow := contract.EnvironmentWorkflowID(project, environment)
	doing := func(status string, steps int) func(contract.EnvironmentStatus) bool {
		return func(s contract.EnvironmentStatus) bool { return s.Status == status && s.Progress.Done >= steps }
	}
	for _, a := range []act{
		{r.push("a", "one", "two"), "initializing", doing(contract.StatusInitializing, 8)},
		{nil, "deploying", doing(contract.StatusUpdating, 0)},
		{nil, "deployed", rests(contract.StatusReady, 1)},
		{r.push("b", "two"), "updating", doing(contract.StatusUpdating, 0)},
		{r.push("c", "two"), "waiting", func(s contract.EnvironmentStatus) bool { return s.Waiting != nil }},
		{r.push("d", "one", "two"), "superseding", func(s contract.EnvironmentStatus) bool { return len(s.Outcomes) > 1 }},
		{nil, "updated", rests(contract.StatusReady, 4)},
		{r.push("fails", "one", "two"), "failing", doing(contract.StatusUpdating, 0)},
		{nil, "failed", rests(contract.StatusDegraded, 5)},
		{r.starter("retry"), "retried", rests(contract.StatusReady, 6)},
		{r.terminateInstances, "broken", rests(contract.StatusReady, 6)},
		{r.starter("reconcile"), "repairing", func(s contract.EnvironmentStatus) bool { return s.Deployment != "" }},
		{nil, "repaired", rests(contract.StatusReady, 7)},
		{r.signal(contract.DeleteEnvironmentSignal, "refused"), "deletion-refused", func(s contract.EnvironmentStatus) bool { return s.Deletion != nil && s.Deletion.Refusal != "" }},
		{r.push("e"), "destroying", doing(contract.StatusUpdating, 0)},
		{nil, "destroyed", rests(contract.StatusReady, 8)},
		{r.signal(contract.DeleteEnvironmentSignal, "first"), "grace", doing(contract.StatusDeletionScheduled, 0)},
		{r.signal(contract.CancelDeletionSignal, "not yet"), "cancelled", rests(contract.StatusReady, 8)},
		{r.verifyOften, "continued", rests(contract.StatusReady, 8)},
		{r.hand("terminate", workflow), "terminated", nil},
		{r.push("f", "one"), "resumed", rests(contract.StatusReady, 1)},
		{r.push("g"), "emptied", rests(contract.StatusReady, 2)},
		{r.signal(contract.DeleteEnvironmentSignal, "now"), "deleting", doing(contract.StatusDeleting, 3)},
		{nil, "deleted", nil},
	} {
		if a.do != nil {
			if err := a.do(ctx); err != nil {
				return fmt.Errorf("%s: %w", a.moment, err)
			}
		}
		if a.is == nil {
			if err := r.closed(ctx, workflow); err != nil {
				return err
			}
		} else if err := r.await(ctx, a.moment, a.is); err != nil {
			return err
		}
		if err := r.keep(ctx, a.moment); err != nil {
			return fmt.Errorf("%s: %w", a.moment, err)
		}
	}
	return nil
}

// rests is whether the environment has a status, nothing to do, and so many outcomes.
func rests(status string, outcomes int) func(contract.EnvironmentStatus) bool {
	return func(s contract.EnvironmentStatus) bool {
		return s.Status == status && s.Deployment == "" && s.Waiting == nil && len(s.Outcomes) >= outcomes
	}
}

// patience is how long a moment may take to come.
const patience = 2 * time.Minute

func (r *recorder) await(ctx context.Context, moment string, is func(contract.EnvironmentStatus) bool) error {
	deadline := time.Now().Add(patience)
	for {
		var s contract.EnvironmentStatus
		answer, err := r.client.QueryWorkflow(ctx, contract.EnvironmentWorkflowID(project, environment), "", contract.StatusQuery)
		if err == nil {
			err = answer.Get(&s)
		}
		if err == nil && is(s) {
			return nil
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			return fmt.Errorf("%s does not come: %w, %+v", moment, err, s)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// closed waits until a workflow has ended.
func (r *recorder) closed(ctx context.Context, workflow string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_ = r.client.GetWorkflow(ctx, workflow, "").Get(ctx, nil)
	return ctx.Err()
}

// push commits a deploy.yml that lists pipelines, and hands it over. Secrets
// lie about in the checkout.
func (r *recorder) push(code string, pipelines ...string) func(context.Context) error {
	return func(ctx context.Context) error {
		file := fmt.Sprintf("# %s\nversion: 0.1.0\npipelines: {one: {source: one.yml}, two: {source: two.yml}}\nenvironments: {%s: {pipelines: [%s]}}\n",
			histories.Secrets["a comment in deploy.yml"], environment, strings.Join(pipelines, ", "))
		if _, err := os.Stat(r.repo); err != nil {
			if err := os.MkdirAll(r.repo, 0o755); err != nil {
				return err
			}
			for _, args := range [][]string{{"init", "--quiet", "--initial-branch=" + environment},
				{"remote", "add", "origin", "https://ci:" + histories.Secrets["the URL of origin"] + "@127.0.0.1:1/x.git"}} {
				if _, err := r.git(ctx, args...); err != nil {
					return err
				}
			}
		}
		for name, text := range map[string]string{"deploy.yml": file, "one.yml": code, "two.yml": code, "secret.txt": histories.Secrets["a file of the repository"]} {
			if err := os.WriteFile(filepath.Join(r.repo, name), []byte(text), 0o600); err != nil {
				return err
			}
		}
		for _, args := range [][]string{{"add", "--all"}, {"commit", "--quiet", "--message", code}} {
			if _, err := r.git(ctx, args...); err != nil {
				return err
			}
		}
		sha, err := r.git(ctx, "rev-parse", "HEAD")
		if err != nil {
			return err
		}
		var boots []ec2sim.BootRule
		if code == "fails" {
			boots = append(boots, ec2sim.BootRule{Commit: sha})
		}
		if err := r.stack.Control().SetBoots(ctx, boots...); err != nil {
			return err
		}
		return r.run(ctx, "starter", "push", "--project", project, "--branch", environment, "--commit", sha, "--repo", r.repo, "--no-wait")
	}
}

func (r *recorder) git(ctx context.Context, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, "git", append([]string{"-C", r.repo, "-c", "user.name=record", "-c", "user.email=record@example.com", "-c", "commit.gpgsign=false"}, args...)...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("git %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out)), nil
}

func (r *recorder) run(ctx context.Context, program string, args ...string) error {
	out, err := r.stack.Tool(ctx, program, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w\n%s", program, strings.Join(args, " "), err, out)
	}
	return nil
}

// starter runs a command of an operator's. A failing deployment's instances
// boot well from then on.
func (r *recorder) starter(command string) func(context.Context) error {
	return func(ctx context.Context) error {
		if err := r.stack.Control().SetBoots(ctx); err != nil {
			return err
		}
		return r.run(ctx, "starter", command, "--project", project, "--environment", environment)
	}
}

func (r *recorder) signal(name, reason string) func(context.Context) error {
	return func(ctx context.Context) error {
		input, _ := json.Marshal(contract.OperatorRequest{RequestedBy: "record", Reason: reason})
		return r.run(ctx, "temporal", "workflow", "signal", "--workflow-id", contract.EnvironmentWorkflowID(project, environment), "--name", name, "--input", string(input))
	}
}

// hand does something to a workflow by hand.
func (r *recorder) hand(what, workflow string) func(context.Context) error {
	return func(ctx context.Context) error {
		return r.run(ctx, "temporal", "workflow", what, "--workflow-id", workflow, "--reason", "recorded")
	}
}

// terminateInstances takes pipelines' instances away.
func (r *recorder) terminateInstances(ctx context.Context) error {
	account, err := r.stack.Control().Account(ctx)
	if err != nil {
		return err
	}
	var ids []string
	for _, i := range account {
		if i.Kind == "instance" && i.State == "running" && i.Tags[contract.PipelineTag] == "one" {
			ids = append(ids, i.ID)
		}
	}
	_, err = ec2.New(ec2.Options{
		Region: "us-east-1", BaseEndpoint: aws.String("http://" + r.stack.Simulator), Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""),
	}).TerminateInstances(ctx, &ec2.TerminateInstancesInput{InstanceIds: ids})
	return err
}

// verifyOften fills the history until the environment continues as new.
func (r *recorder) verifyOften(ctx context.Context) error {
	workflow := contract.EnvironmentWorkflowID(project, environment)
	first, err := r.client.DescribeWorkflowExecution(ctx, workflow, "")
	if err != nil {
		return err
	}
	for {
		now, err := r.client.DescribeWorkflowExecution(ctx, workflow, "")
		if err != nil {
			return err
		}
		if now.GetWorkflowExecutionInfo().GetExecution().GetRunId() != first.GetWorkflowExecutionInfo().GetExecution().GetRunId() {
			return nil
		}
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() {
				update, err := r.client.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{WorkflowID: workflow, UpdateName: contract.VerifyUpdate,
					Args: []any{contract.OperatorRequest{}}, WaitForStage: client.WorkflowUpdateStageCompleted})
				if err == nil {
					_ = update.Get(ctx, nil) // what counts is that it happened
				}
			})
		}
		group.Wait()
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}
