package workflows

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.temporal.io/sdk/workflow"

	"github.com/aineko-dev/environments/activities"
)

// runSteps walks a graph: each step begins when those named in its After are
// done, whatever else is still under way. After a failure no further step
// begins; those under way end, so that nothing is cut. It returns the result
// of each step by its role, and every failure.
func runSteps(ctx workflow.Context, steps []activities.Step, do func(ctx workflow.Context, step activities.Step, done map[string]string) (string, error)) (map[string]string, error) {
	done := map[string]string{}
	var failures []error
	known := map[string]bool{}
	for _, s := range steps {
		known[s.Role] = true
	}
	group := workflow.NewWaitGroup(ctx)
	for _, s := range steps {
		for _, after := range s.After {
			if !known[after] {
				return nil, fmt.Errorf("step %s waits for %s, which is no step", s.Role, after)
			}
		}
		group.Add(1)
		workflow.Go(ctx, func(ctx workflow.Context) {
			defer group.Done()
			ready := func() bool {
				return !slices.ContainsFunc(s.After, func(role string) bool { _, ok := done[role]; return !ok })
			}
			if err := workflow.Await(ctx, func() bool { return ready() || len(failures) > 0 }); err != nil || !ready() {
				return
			}
			if len(failures) > 0 {
				return
			}
			id, err := do(ctx, s, done)
			if err != nil {
				failures = append(failures, fmt.Errorf("%s: %s", s.Summary, failure(err)))
				return
			}
			done[s.Role] = id
		})
	}
	group.Wait(ctx)
	if len(failures) > 0 {
		return done, errors.Join(failures...)
	}
	if len(done) < len(steps) {
		if err := ctx.Err(); err != nil {
			return done, err
		}
		var waiting []string
		for _, s := range steps {
			if _, ok := done[s.Role]; !ok {
				waiting = append(waiting, s.Role)
			}
		}
		return done, fmt.Errorf("steps wait for each other: %s", strings.Join(waiting, ", "))
	}
	return done, nil
}
