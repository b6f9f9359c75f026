// Command pictures sets the scenes of the documentation's pictures on a stack
// of its own, and leaves it up: for take.mjs, which takes them in Temporal's
// Web UI with headless Chromium, or for a look around.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/aineko-dev/environments/internal/contract"
	"github.com/aineko-dev/environments/internal/ec2sim"
	"github.com/aineko-dev/environments/test/stack"
)

const project = "acme/churn"

func environmentID(name string) string { return contract.EnvironmentWorkflowID(project, name) }

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	dir, err := os.MkdirTemp("", "aineko-pictures-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	s, err := stack.New(stack.Options{Dir: dir, Speed: 120, WorkerSettings: map[string]string{"readiness-timeout": "20s"}})
	if err != nil {
		return err
	}
	if err := s.Start(ctx); err != nil {
		return err
	}
	defer func() { _ = s.Stop() }()
	if err := setScenes(ctx, s, dir); err != nil {
		return err
	}
	fmt.Printf("The scenes are set. Ctrl-C ends it; the pictures are taken by:\n\n  node test/pictures/take.mjs http://%s docs/images\n\nexport %s\n", s.WebUI, strings.Join(s.Env(), " "))
	<-ctx.Done()
	return nil
}

// setScenes makes develop degraded by a failed update, production refuse its
// deletion, qa wait for its end, and staging hang in the middle of its beginning.
func setScenes(ctx context.Context, s *stack.Stack, dir string) error {
	broken := strings.Repeat("b", 40)
	if err := s.Control().SetBoots(ctx, ec2sim.BootRule{Commit: broken}); err != nil {
		return err
	}
	scenes := scenes{s, dir}
	for _, p := range []struct {
		environment, sha, pipelines string
		fails                       bool
	}{
		{"develop", first, "example_pipeline_1, example_pipeline_2", false},
		{"production", first, "example_pipeline_2", false},
		{"qa", first, "", false},
		{"develop", broken, "example_pipeline_1, example_pipeline_2", true},
	} {
		if err := scenes.push(ctx, p.environment, p.sha, p.pipelines); (err != nil) != p.fails {
			return fmt.Errorf("pushing %s to %s: %w", p.sha, p.environment, err)
		}
	}
	for _, name := range []string{"production", "qa"} {
		out, err := s.Tool(ctx, "temporal", "workflow", "signal", "--workflow-id", environmentID(name), "--name", contract.DeleteEnvironmentSignal,
			"--input", `{"requestedBy": "ops", "reason": "no longer needed"}`).CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w\n%s", err, out)
		}
	}
	// A NAT gateway takes its time.
	if err := s.Control().SetFaults(ctx, ec2sim.Fault{Action: "DescribeNatGateways", DelayMillis: int(hang.Milliseconds())}); err != nil {
		return err
	}
	if err := scenes.push(ctx, "staging", first, "example_pipeline_2", "--no-wait"); err != nil {
		return err
	}
	time.Sleep(10 * time.Second) // whatever does not wait for the NAT gateway is there by then
	return nil
}

const (
	first = "2c74e92f7d00a1b2c3d4e5f60718293a4b5c6d7e"
	hang  = 20 * time.Minute
)

type scenes struct {
	stack *stack.Stack
	dir   string
}

func (s scenes) push(ctx context.Context, environment, sha, pipelines string, more ...string) error {
	file := filepath.Join(s.dir, "deploy.yml")
	content := fmt.Sprintf("version: 0.1.0\npipelines: {example_pipeline_1: {source: conf/pipeline_1.yml}, example_pipeline_2: {source: conf/pipeline_2.yml}}\nenvironments: {%s: {pipelines: [%s]}}\n", environment, pipelines)
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		return err
	}
	out, err := s.stack.Tool(ctx, "starter", append([]string{"push", "--project", project, "--branch", environment, "--commit", sha, "--deploy-file", file}, more...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}
