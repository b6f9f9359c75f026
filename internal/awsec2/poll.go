package awsec2

import (
	"context"
	"fmt"
	"time"
)

// Beat says what is being waited for; it also shows that the waiting goes on.
type Beat func(detail string)

// Poll looks until done, once every interval. What look returns as waitingFor
// is said by beat.
func Poll(ctx context.Context, interval time.Duration, beat Beat, look func(ctx context.Context) (done bool, waitingFor string, err error)) error {
	for {
		done, waitingFor, err := look(ctx)
		if err != nil || done {
			return err
		}
		beat(waitingFor)
		if err := Pause(ctx, interval); err != nil {
			return fmt.Errorf("waiting for %s: %w", waitingFor, err)
		}
	}
}

// PollAfter is Poll for a state that was never seen to end sooner than first:
// looking before that only costs calls.
func PollAfter(ctx context.Context, first, interval time.Duration, waitingFor string, beat Beat, look func(ctx context.Context) (done bool, waitingFor string, err error)) error {
	if first > 0 {
		beat(waitingFor)
		if err := Pause(ctx, first); err != nil {
			return fmt.Errorf("waiting for %s: %w", waitingFor, err)
		}
	}
	return Poll(ctx, interval, beat, look)
}

// Pause waits, or returns why the context ended.
func Pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
