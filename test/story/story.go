// Package story is the whole story of the source document, told to a running
// stack through the starter's command line and Temporal's own, and checked act
// by act: the demo tells it to people, the tests hold it against the account.
package story

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/aineko-dev/environments/internal/contract"
	"github.com/aineko-dev/environments/internal/ec2sim"
	"github.com/aineko-dev/environments/test/stack"
)

// Project is the one that the story is about.
const Project = "acme/churn"

// WorkerSettings are those of a worker that the story is told with.
var WorkerSettings = map[string]string{"deletion-grace": "4s", "readiness-timeout": "20s"}

// Story is told once.
type Story struct {
	Stack *stack.Stack
	// Repo is where its Git repository is made; it must exist and be empty.
	Repo string
	// Out is what people see: each act, and what the starter prints.
	Out io.Writer
}

// act is one of the story: what is announced, and what must be so.
type act struct {
	says string
	do   func(*Story, context.Context) error
}

var acts = []act{
	{"A project is created: develop and production are initialised side by side", (*Story).create},
	{"A push to develop deploys two pipelines; production stays as it is", (*Story).deploy},
	{"The same push again changes nothing", (*Story).again},
	{"A push without example_pipeline_1 destroys it, and nothing else", (*Story).destroyOne},
	{"A push to staging, written `pipeline:` as in the source, makes the environment and deploys", (*Story).staging},
	{"A replacement that does not become healthy is removed; the old pipeline runs on", (*Story).failure},
	{"Its fix is not stuck behind it", (*Story).fix},
	{"A fourth environment is accepted, a fifth refused with the names that hold the slots", (*Story).limit},
	{"Deleting staging is refused while a pipeline runs", (*Story).refusedDeletion},
	{"`pipelines: []` destroys every pipeline of staging; the environment stays", (*Story).empty},
	{"By `temporal workflow signal` staging is deleted, and nothing of it is left", (*Story).delete},
	{"The slot is free: the fifth environment is accepted now", (*Story).freed},
}

// Tell tells the whole story, and ends at the first act that is not as it must be.
func (s *Story) Tell(ctx context.Context) error {
	if err := s.repository(); err != nil {
		return err
	}
	for i, a := range acts {
		s.say("\n── %d/%d  %s", i+1, len(acts), a.says)
		if err := a.do(s, ctx); err != nil {
			return fmt.Errorf("act %d, %q: %w", i+1, a.says, err)
		}
	}
	s.say("\n── The end: what there is now\n")
	return s.starter(ctx, "status", "--project", Project)
}

func (s *Story) say(format string, args ...any) { _, _ = fmt.Fprintf(s.Out, format+"\n", args...) }

// The deploy.yml of the story, in the source document's form.
const (
	pipelines = `
pipelines:
  example_pipeline_1:
    source: conf/pipeline_1.yml
  example_pipeline_2:
    source: conf/pipeline_2.yml
`
	both       = "  develop:\n    pipelines:\n      - example_pipeline_1\n      - example_pipeline_2\n"
	second     = "  develop:\n    pipelines:\n      - example_pipeline_2\n"
	production = "  production:\n    pipelines:\n      - example_pipeline_2\n"
	staging    = "  staging:\n    pipeline:\n      - example_pipeline_2\n"
)

func deployYML(environments ...string) string {
	return "version: 0.1.0\n\nenvironments:\n" + strings.Join(environments, "") + pipelines
}

func (s *Story) repository() error {
	if err := os.CopyFS(s.Repo, os.DirFS(filepath.Join(stack.Root(), "examples", "churn"))); err != nil {
		return err
	}
	_, err := s.git("init", "--quiet", "--initial-branch=develop")
	return err
}

func (s *Story) git(args ...string) (string, error) {
	cmd := exec.Command("git", append([]string{"-C", s.Repo, "-c", "user.name=demo", "-c", "user.email=demo@example.com", "-c", "commit.gpgsign=false"}, args...)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("git %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out)), nil
}

// commit puts a deploy.yml, and where code is not empty some code, onto a branch.
func (s *Story) commit(branch, file, code, message string) (sha string, err error) {
	if _, err := s.git("rev-parse", "--verify", "--quiet", "HEAD"); err == nil {
		if _, err := s.git("checkout", "--quiet", "-B", branch); err != nil {
			return "", err
		}
	}
	if err := os.WriteFile(filepath.Join(s.Repo, "deploy.yml"), []byte(file), 0o644); err != nil {
		return "", err
	}
	if code != "" {
		if err := os.WriteFile(filepath.Join(s.Repo, "CHANGES"), []byte(code+"\n"), 0o644); err != nil {
			return "", err
		}
	}
	if _, err := s.git("add", "--all"); err != nil {
		return "", err
	}
	if _, err := s.git("commit", "--quiet", "--allow-empty", "--message", message); err != nil {
		return "", err
	}
	return s.git("rev-parse", "HEAD")
}

// starter runs the starter as people do, its output shown.
func (s *Story) starter(ctx context.Context, args ...string) error {
	cmd := s.Stack.Tool(ctx, "starter", args...)
	cmd.Stdout, cmd.Stderr = s.Out, s.Out
	return cmd.Run()
}

// push runs `starter push`, and wants the outcome. What it printed is shown as people see it;
// what became of it is read from the status.
func (s *Story) push(ctx context.Context, branch, sha, outcome string) (contract.Outcome, error) {
	var o contract.Outcome
	args := []string{"push", "--project", Project, "--branch", branch, "--commit", sha, "--repo", s.Repo}
	s.say("$ starter %s", strings.Join(args[:len(args)-2], " "))
	if outcome == contract.OutcomeRefused {
		cmd := s.Stack.Tool(ctx, "starter", append(args, "--output", "json")...)
		out, err := cmd.Output()
		if code := exitCode(err); code != 3 {
			return o, fmt.Errorf("exit code %d, want 3", code)
		}
		if err := json.Unmarshal(out, &o); err != nil {
			return o, err
		}
		s.say("%s: %s", o.Outcome, o.Reason)
		return o, want(o.Outcome == outcome, "outcome %s, want %s: %s", o.Outcome, outcome, o.Reason)
	}
	err := s.starter(ctx, args...)
	status, statusErr := s.environment(ctx, branch)
	if statusErr != nil {
		return o, errors.Join(err, statusErr)
	}
	if len(status.Outcomes) == 0 {
		return o, fmt.Errorf("no outcome is recorded: %w", err)
	}
	o = status.Outcomes[len(status.Outcomes)-1]
	wantCode := 0
	if outcome == contract.OutcomeFailed {
		wantCode = 4
	}
	return o, errors.Join(
		want(exitCode(err) == wantCode, "exit code %d, want %d", exitCode(err), wantCode),
		want(o.Outcome == outcome, "outcome %s, want %s: %s", o.Outcome, outcome, o.Reason),
		want(o.Commit == sha, "the outcome is of %s", o.Commit))
}

func exitCode(err error) int {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	if err != nil {
		return -1
	}
	return 0
}

func want(is bool, format string, args ...any) error {
	if is {
		return nil
	}
	return fmt.Errorf(format, args...)
}

// environment is one element of `starter status --output json`.
func (s *Story) environment(ctx context.Context, name string) (contract.EnvironmentStatus, error) {
	status, err := s.status(ctx)
	if err != nil {
		return contract.EnvironmentStatus{}, err
	}
	for _, e := range status.Environments {
		if e.Name == name {
			return e, nil
		}
	}
	return contract.EnvironmentStatus{}, fmt.Errorf("there is no environment %s", name)
}

func (s *Story) status(ctx context.Context) (contract.Status, error) {
	var status contract.Status
	out, err := s.Stack.Tool(ctx, "starter", "status", "--project", Project, "--output", "json").Output()
	if err != nil {
		return status, fmt.Errorf("starter status: %w", err)
	}
	return status, json.Unmarshal(out, &status)
}

// eventually waits until something is so.
func eventually(ctx context.Context, within time.Duration, is func() error) error {
	deadline := time.Now().Add(within)
	for {
		err := is()
		if err == nil || time.Now().After(deadline) || ctx.Err() != nil {
			return err
		}
		time.Sleep(300 * time.Millisecond)
	}
}

// Fingerprint is everything that the account holds of an environment, to see
// that nothing of it changed: IDs, states and tags.
func Fingerprint(ctx context.Context, c ec2sim.Control, environmentID string) (string, error) {
	account, err := c.Account(ctx)
	if err != nil {
		return "", err
	}
	var lines []string
	for _, r := range account {
		if r.Tags[contract.EnvironmentIDTag] == environmentID {
			tags, _ := json.Marshal(r.Tags)
			lines = append(lines, r.Kind+" "+r.ID+" "+r.State+" "+string(tags))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n"), nil
}
