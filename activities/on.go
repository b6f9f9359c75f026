package activities

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"github.com/aineko-dev/environments/internal/awsec2"
)

const (
	// beatInterval is how often an activity says that it lives, whatever it
	// waits for: three times within the workflows' heartbeat timeout of 30 s.
	beatInterval = 10 * time.Second
	// handOver is how soon another worker takes over from one that stops.
	handOver = time.Second
)

// errStopping is why the context of an activity ends when its worker stops.
var errStopping = errors.New("the worker stops")

// on does a piece of EC2 work for an environment: only where account and
// region are the environment's (A10), with heartbeats, until the worker stops.
// Errors come back classed: terminal ones are not tried again.
func on[T any](ctx context.Context, a *Activities, target Target, do func(ctx context.Context, beat awsec2.Beat) (T, error)) (T, error) {
	var none T
	if target.Account != a.Account {
		return none, temporal.NewApplicationError(fmt.Sprintf(
			"this worker works in %s, but environment %s of %s is in %s: nothing was touched; start a worker with the right credentials",
			a.Account, target.Environment, target.Project, target.Account), ErrOtherAccount)
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	beat := beating(ctx, stop)
	result, err := do(ctx, beat)
	if err == nil {
		return result, nil
	}
	return none, classed(ctx, err)
}

// beating heartbeats until ctx ends, with what was said last, and ends it when
// the worker stops, so that another goes on within moments.
func beating(ctx context.Context, stop context.CancelCauseFunc) awsec2.Beat {
	var last atomic.Value
	last.Store("")
	go func() {
		ticker := time.NewTicker(beatInterval)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-activity.GetWorkerStopChannel(ctx):
				stop(errStopping)
				return
			case <-ticker.C:
				activity.RecordHeartbeat(ctx, last.Load())
			}
		}
	}()
	return func(detail string) {
		last.Store(detail)
		activity.RecordHeartbeat(ctx, detail)
	}
}

// classed says of an error whether trying again can help.
func classed(ctx context.Context, err error) error {
	if context.Cause(ctx) == errStopping {
		return temporal.NewApplicationErrorWithOptions("the worker stops; another goes on", ErrWorkerStopping, temporal.ApplicationErrorOptions{
			NextRetryDelay: handOver,
			Category:       temporal.ApplicationErrorCategoryBenign,
		})
	}
	var application *temporal.ApplicationError
	if errors.As(err, &application) || ctx.Err() != nil {
		return err
	}
	if awsec2.ClassOf(err) == awsec2.Terminal {
		return temporal.NewNonRetryableApplicationError(awsec2.Explain(err), ErrTerminal, err)
	}
	return err
}
