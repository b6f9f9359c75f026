// Command ec2sim runs the EC2 simulator as a program of its own, so that the
// account survives a worker that is killed.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"github.com/aineko-dev/environments/internal/ec2sim"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "ec2sim:", err)
		os.Exit(1)
	}
}

func run() error {
	var o ec2sim.Options
	listen := flag.String("listen", "127.0.0.1:4577", "address to serve EC2, STS and /_sim/ on")
	flag.Float64Var(&o.Speed, "speed", 1, "how much faster than AWS states change")
	flag.StringVar(&o.StateFile, "state", "", "file that keeps the account over restarts")
	flag.StringVar(&o.Account, "account", "", "account ID (default 000000000000)")
	flag.StringVar(&o.Region, "region", "us-east-1", "region")
	flag.Int64Var(&o.Seed, "seed", 1, "seed of everything random")
	flag.DurationVar(&o.Lag, "lag", 0, "for how long fresh resources may be missing, by the simulator's clock")
	flag.BoolVar(&o.Throttle, "throttle", false, "enforce EC2's request throttling")
	flag.IntVar(&o.PageSize, "page-size", 0, "items a page at most; 0: as EC2")
	quotas := flag.Bool("quotas", false, "enforce a new account's quotas (5 VPCs, 5 elastic IPs)")
	flag.Parse()
	if !*quotas {
		o.Quotas = map[string]int{}
	}
	sim, err := ec2sim.New(o)
	if err != nil {
		return err
	}
	defer sim.Close()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	server := &http.Server{Addr: *listen, Handler: sim}
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	fmt.Printf("EC2 simulator on http://%s, %g times as fast as AWS\n", *listen, o.Speed)
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
