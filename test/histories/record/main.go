// Command record lets one project live through everything that its workflows
// do, on the development server, and keeps their histories: in the middle of
// every kind of work, and at its end.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"

	"github.com/aineko-dev/environments/test/histories"
	"github.com/aineko-dev/environments/test/stack"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	version := time.Now().UTC().Format(time.DateOnly)
	if len(os.Args) > 1 {
		version = os.Args[1]
	}
	if err := record(ctx, version); err != nil {
		fmt.Fprintln(os.Stderr, "record:", err)
		os.Exit(1)
	}
}

// speed is slower than in the tests, so that the middle of things can be caught.
const speed = 40

func record(ctx context.Context, version string) error {
	dir, err := os.MkdirTemp("", "histories")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	s, err := stack.New(stack.Options{Dir: dir, Speed: speed, Env: histories.Planted(), WorkerSettings: map[string]string{
		"deletion-grace": "5s", "repository-token": "/aineko/{project}/token", "instance-profile": "aineko-{project}-{environment}",
	}})
	if err != nil {
		return err
	}
	if err := s.Start(ctx); err != nil {
		return err
	}
	defer func() { _ = s.Stop() }()
	c, err := client.DialContext(ctx, client.Options{HostPort: s.Temporal, Logger: log.NewStructuredLogger(slog.New(slog.DiscardHandler))})
	if err != nil {
		return err
	}
	defer c.Close()
	into := filepath.Join(stack.Root(), "test", "histories")
	if err := os.RemoveAll(filepath.Join(into, version)); err != nil {
		return err
	}
	r := &recorder{stack: s, client: c, dir: into, version: version, repo: filepath.Join(dir, "repo"), kept: map[string]int{}}
	if err := r.live(ctx); err != nil {
		return fmt.Errorf("%w\nthe worker's log ends:\n%s", err, s.Log("worker"))
	}
	return histories.SaveSources(into, version, filepath.Join(stack.Root(), "workflows"))
}

// recorder is one recording.
type recorder struct {
	stack        *stack.Stack
	client       client.Client
	dir, version string
	repo         string
	moments      int
	kept         map[string]int // events kept of each run
}

// keep saves what every workflow about develop has recorded up to now, unless
// that is kept already.
func (r *recorder) keep(ctx context.Context, moment string) error {
	r.moments++
	// Visibility follows within a moment.
	time.Sleep(200 * time.Millisecond)
	listed, err := r.client.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Query: "", PageSize: 1000})
	if err != nil {
		return err
	}
	types := map[string]int{}
	for _, execution := range listed.GetExecutions() {
		id, run := execution.GetExecution().GetWorkflowId(), execution.GetExecution().GetRunId()
		if strings.Contains(id, ":production") {
			continue // it does the same
		}
		history, err := histories.Read(ctx, r.client, id, run)
		if err != nil {
			return err
		}
		if len(history.Events) < 3 || r.kept[run] == len(history.Events) {
			continue
		}
		r.kept[run] = len(history.Events)
		kind := execution.GetType().GetName()
		types[kind]++
		name := fmt.Sprintf("%02d-%s/%s", r.moments, moment, kind)
		if n := types[kind]; n > 1 {
			name += fmt.Sprintf("-%d", n)
		}
		if err := histories.Save(r.dir, r.version, name, history); err != nil {
			return err
		}
		fmt.Printf("%s: %d events\n", name, len(history.Events))
	}
	return nil
}
