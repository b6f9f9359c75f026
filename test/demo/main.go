// Command demo tells the whole story on a stack of its own, with time running
// faster, and ends with an error when an act is not as it must be. On a
// terminal the stack stays up afterwards, so that the Web UI can be looked at.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/term"

	"github.com/aineko-dev/environments/test/stack"
	"github.com/aineko-dev/environments/test/story"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "\nthe demo failed:", err)
		os.Exit(1)
	}
}

func run() (err error) {
	speed := flag.Float64("speed", 120, "how much faster than AWS the simulator is")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	dir, err := os.MkdirTemp("", "aineko-demo-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	repo := filepath.Join(dir, "churn")
	if err := os.Mkdir(repo, 0o755); err != nil {
		return err
	}
	s, err := stack.New(stack.Options{Dir: dir, Speed: *speed, Fixed: true, WorkerSettings: story.WorkerSettings})
	if err != nil {
		return err
	}
	fmt.Printf("Starting Temporal, a simulated EC2 (%g times as fast as AWS) and a worker.\nWeb UI: http://%s\n", *speed, s.WebUI)
	if err := s.Start(ctx); err != nil {
		return err
	}
	defer func() { _ = s.Stop() }()
	started := time.Now()
	if err := (&story.Story{Stack: s, Repo: repo, Out: os.Stdout}).Tell(ctx); err != nil {
		return fmt.Errorf("%w\n\nthe worker's log ends:\n%s", err, s.Log("worker"))
	}
	fmt.Printf("\nEvery act was as it must be, in %s.\n", time.Since(started).Round(time.Second))
	if term.IsTerminal(int(os.Stdout.Fd())) {
		fmt.Printf("Look around: http://%s. Ctrl-C stops everything.\n", s.WebUI)
		<-ctx.Done()
	}
	return nil
}
