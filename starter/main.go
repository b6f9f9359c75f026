// Command starter hands commits to Aineko Environments and says what became of
// them. CI runs `starter push`; people use the rest.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/aineko-dev/environments/internal/contract"
)

// Exit codes (S4).
const (
	exitOK          = 0
	exitUnexpected  = 1
	exitUsage       = 2
	exitRefused     = 3
	exitFailed      = 4
	exitPending     = 5
	exitUnreachable = 6
	exitChanges     = 10
)

// exit is an error with an exit code. Quiet ones have been shown already.
type exit struct {
	code  int
	err   error
	quiet bool
}

func (e *exit) Error() string { return e.err.Error() }
func (e *exit) Unwrap() error { return e.err }

func usage(format string, args ...any) error {
	return &exit{code: exitUsage, err: fmt.Errorf(format, args...)}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the second Ctrl-C ends it at once
	out := int(os.Stdout.Fd())
	a := &app{out: os.Stdout, errs: os.Stderr, env: os.Getenv, terminal: term.IsTerminal(out), size: func() (int, int) {
		width, height, err := term.GetSize(out)
		if err != nil || width <= 0 || height <= 0 {
			return 80, 24
		}
		return width, height
	}}
	os.Exit(a.run(ctx, os.Args[1:]))
}

// run carries out one command line and returns the exit code.
func (a *app) run(ctx context.Context, args []string) int {
	root := a.command()
	root.SetArgs(args)
	root.SetOut(a.out)
	root.SetErr(a.errs)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	var e *exit
	if !errors.As(err, &e) {
		// cobra's own: an unknown flag or command, a missing argument.
		a.warn("error: %s", err)
		return exitUsage
	}
	if !e.quiet {
		a.warn("error: %s", e)
	}
	return e.code
}

func (a *app) command() *cobra.Command {
	root := &cobra.Command{
		Use:   "starter",
		Short: "Hand commits to Aineko Environments, and see what became of them",
		Long: `Hand commits to Aineko Environments, and see what became of them.

Temporal is found as its own tools find it: TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE,
TEMPORAL_API_KEY, TEMPORAL_TLS_*, and the profiles of its config file. With
AINEKO_WEB_UI, the address of Temporal's Web UI, links to it are shown.

Exit codes: 0 deployed, unchanged, ignored, superseded or accepted; 1 unexpected;
2 usage or deploy.yml; 3 refused; 4 failed; 5 pending; 6 Temporal out of reach;
10 changes found by plan --detailed-exitcode.`,
		SilenceUsage: true, SilenceErrors: true,
		PersistentPreRunE: func(c *cobra.Command, _ []string) error {
			switch {
			case a.output == "text", a.output == "json", a.output == "markdown" && c.Name() == "plan":
				return nil
			}
			return usage("--output %q: want text or json; plan has markdown, too", a.output)
		},
	}
	flags := root.PersistentFlags()
	flags.StringVar(&a.address, "address", "", "Temporal's host:port (TEMPORAL_ADDRESS)")
	flags.StringVar(&a.namespace, "namespace", "", "Temporal namespace (TEMPORAL_NAMESPACE)")
	flags.StringVar(&a.taskQueue, "task-queue", first(a.env("AINEKO_TASK_QUEUE"), contract.TaskQueue), "task queue of the workers (AINEKO_TASK_QUEUE)")
	flags.StringVarP(&a.output, "output", "o", "text", "text, or json for programs; plan: markdown, too")
	_ = root.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"text", "json", "markdown"}, cobra.ShellCompDirectiveNoFileComp))
	root.Version = shownVersion()
	root.SetVersionTemplate("starter {{.Version}}\n")
	root.AddCommand(a.pushCommand(), a.planCommand(), a.validateCommand(), a.statusCommand(), a.createCommand(),
		a.deleteCommand(), a.cancelCommand(), a.retryCommand(), a.reconcileCommand(), a.schemaCommand(), a.versionCommand())
	return root
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}
