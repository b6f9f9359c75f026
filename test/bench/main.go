// Command bench measures what the product promises: how long it takes, how many
// calls and events it costs, and how that grows. Every figure is held against
// another of the same run, so that the machine's pace cancels out; only counts
// and sizes, which no load can change, decide about the exit code.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// errBudget marks a count that is over its budget.
var errBudget = errors.New("over budget")

// part is what can be run alone.
type part struct {
	name, says string
	do         func(context.Context, *bench) error
}

// parts are in the order in which they run.
var parts = []part{
	{"makespan", "initialising against the critical path of its graph, and against other ways to walk it", makespan},
	{"calls", "EC2 calls of each piece of work against the least that it needs; its price in Temporal", calls},
	{"commits", "from `starter push` to the answer and to the outcome; commits a second against bare workflows", commits},
	{"pipelines", "how cost grows with an environment's pipelines", pipelineCurve},
	{"scale", "hundreds of environments at once under EC2's throttling, then idle ones", scale},
	{"parse", "deploy.yml against yaml.v3 alone", parse},
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	only := flags.String("only", "", "run these parts alone, by name, with commas between")
	short := flags.Bool("short", false, "small sizes: whether it all works, not how fast it is")
	environments := flags.Int("environments", 1000, "environments that part scale ends with; it begins with 500 at once")
	images := flags.String("images", "", "draw the curves into this folder")
	profiles := flags.String("profiles", "", "write CPU and heap profiles of the worker under load into this folder")
	flags.Usage = func() {
		fmt.Fprintln(flags.Output(), "Usage: bench [flags]\n\nParts:")
		for _, p := range parts {
			fmt.Fprintf(flags.Output(), "  %-11s %s\n", p.name, p.says)
		}
		fmt.Fprintln(flags.Output(), "\nFlags:")
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		return err
	}
	b := &bench{short: *short, environments: *environments, images: *images, profiles: *profiles, started: time.Now()}
	wanted := strings.FieldsFunc(*only, func(r rune) bool { return r == ',' })
	for _, name := range wanted {
		if !slices.ContainsFunc(parts, func(p part) bool { return p.name == name }) {
			return fmt.Errorf("there is no part %q", name)
		}
	}
	var failed []error
	for _, p := range parts {
		if ctx.Err() != nil {
			break
		}
		if len(wanted) > 0 && !slices.Contains(wanted, p.name) {
			continue
		}
		b.say("%s: %s", p.name, p.says)
		b.part = p.name
		// What the others measured is shown whatever becomes of one.
		if err := p.do(ctx, b); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", p.name, err))
		}
	}
	fmt.Println(b.table())
	fmt.Printf("%s, %s in all.\n", machine(), time.Since(b.started).Round(time.Second))
	return errors.Join(append(failed, b.verdict())...)
}

// bench is one run.
type bench struct {
	short            bool
	environments     int
	images, profiles string
	started          time.Time
	part             string
	figures          []figure
}

// say tells what is under way; the table comes last.
func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%5s  %s\n", time.Since(b.started).Round(time.Second), fmt.Sprintf(format, args...))
}

// size is one for a full run, the other for a short one.
func (b *bench) size(full, short int) int {
	if b.short {
		return short
	}
	return full
}
