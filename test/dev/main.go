// Command dev starts the development stack, prints where it is, and stops all
// of it on Ctrl-C.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/aineko-dev/environments/test/stack"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run() error {
	speed := flag.Float64("speed", 60, "how much faster than AWS the simulator is")
	dir := flag.String("dir", filepath.Join(stack.Root(), ".dev"), "where databases and logs are kept; remove it to begin anew")
	free := flag.Bool("free-ports", false, "use free ports, so that several stacks can run")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := os.MkdirAll(*dir, 0o755); err != nil {
		return err
	}
	s, err := stack.New(stack.Options{Dir: *dir, Speed: *speed, Fixed: !*free})
	if err != nil {
		return err
	}
	fmt.Println("starting Temporal, the EC2 simulator and a worker ...")
	if err := s.Start(ctx); err != nil {
		return err
	}
	fmt.Printf(`
  Web UI     http://%s
  Temporal   %s
  EC2        http://%s  (%g times as fast as AWS)
  worker     http://%s/metrics
  logs       %s

In another terminal:

  export %s
  bin/starter create-project --project acme/churn
  bin/starter status --project acme/churn --watch

Ctrl-C stops everything; what was made is there again the next time.
`, s.WebUI, s.Temporal, s.Simulator, *speed, s.WorkerAddress, *dir, strings.Join(s.Env(), " "))
	<-ctx.Done()
	fmt.Println("\nstopping ...")
	return s.Stop()
}
