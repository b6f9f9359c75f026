// Command worker carries the workflows and activities of Aineko Environments.
// Run as many as there is work for; they keep no state.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// Exit codes.
const (
	exitUnexpected  = 1
	exitUsage       = 2
	exitUnreachable = 6 // Temporal or EC2
)

// errUnreachable marks what a start needs and does not find.
var errUnreachable = errors.New("out of reach")

// errUsage marks bad settings.
var errUsage = errors.New("bad settings")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := command().ExecuteContext(ctx)
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "error:", err)
	switch {
	case errors.Is(err, errUsage):
		os.Exit(exitUsage)
	case errors.Is(err, errUnreachable):
		os.Exit(exitUnreachable)
	}
	os.Exit(exitUnexpected)
}

func command() *cobra.Command {
	var s settings
	c := &cobra.Command{
		Use:   "worker",
		Short: "Carry the workflows and activities of Aineko Environments",
		Long: `Carry the workflows and activities of Aineko Environments.

Every flag has a variable beside it: --nat is AINEKO_NAT. Temporal is found as its
own tools find it (TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_API_KEY,
TEMPORAL_TLS_*, profiles), AWS as its SDK finds it (AWS_REGION, AWS_PROFILE,
AWS_ENDPOINT_URL_EC2, …).

Exit codes: 0 stopped; 1 unexpected; 2 bad settings; 6 Temporal or EC2 out of reach.`,
		Args: cobra.NoArgs, SilenceUsage: true, SilenceErrors: true,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := errors.Join(fromEnvironment(c.Flags(), os.LookupEnv), s.check()); err != nil {
				return fmt.Errorf("%w:\n%w", errUsage, err)
			}
			var handler slog.Handler = slog.NewTextHandler(os.Stderr, nil)
			if s.logFormat == "json" {
				handler = slog.NewJSONHandler(os.Stderr, nil)
			}
			return run(c.Context(), s, slog.New(handler))
		},
	}
	c.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return fmt.Errorf("%w: %w", errUsage, err) })
	s.add(c.Flags())
	return c
}
