package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/aineko-dev/environments/internal/contract"
)

// driven is an environment that gets one commit after the other.
type driven struct {
	project, environment string
	// history follows the run, so that the end of a commit is heard of without asking.
	history client.HistoryEventIterator
}

func (r *rig) driven(projects []string) []*driven {
	var all []*driven
	for _, project := range projects {
		for _, name := range contract.InitialEnvironments {
			all = append(all, &driven{project: project, environment: name})
		}
	}
	return all
}

// driving is what came of it.
type driving struct {
	commits, events int
	took            time.Duration
}

func (d driving) commitsPerSecond() float64 { return float64(d.commits) / d.took.Seconds() }
func (d driving) eventsPerSecond() float64  { return float64(d.events) / d.took.Seconds() }

// drive gives each environment the next commit when the last one's work is
// done, and not before every has passed, until so many have gone through or
// most of the time is over. sample hears, twenty times on the way to enough, how
// many have gone through, and with how many events.
func (r *rig) drive(ctx context.Context, environments []*driven, enough int, most, every time.Duration, sample func(commits, events int)) (driving, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, most, errTimeIsUp)
	defer cancel()
	step := max(enough/20, 1)
	begun := time.Now()
	var mu sync.Mutex
	var d driving
	errs := make(chan error, len(environments))
	for i, e := range environments {
		e.history = nil
		go func() {
			// Spread over the interval, not all at its beginning.
			next := begun.Add(every * time.Duration(i) / time.Duration(len(environments)))
			for ; ; next = next.Add(every) {
				if err := pause(ctx, time.Until(next)); err != nil {
					errs <- err
					return
				}
				events, err := r.commitOnce(ctx, e)
				if err != nil {
					errs <- err
					return
				}
				mu.Lock()
				if d.commits == enough {
					mu.Unlock()
					errs <- errTimeIsUp
					return
				}
				d.commits++
				d.events += events
				d.took = time.Since(begun)
				if sample != nil && d.commits%step == 0 {
					sample(d.commits, d.events)
				}
				mu.Unlock()
			}
		}()
	}
	var failed []error
	for range environments {
		if err := <-errs; !errors.Is(err, errTimeIsUp) && !timeIsUp(ctx, err) {
			failed = append(failed, err)
			cancel()
		}
	}
	return d, errors.Join(failed...)
}

var errTimeIsUp = errors.New("time is up")

// timeIsUp is whether a call ended because its time was up: the server may say
// so a moment before the context does.
func timeIsUp(ctx context.Context, err error) bool {
	var late *serviceerror.DeadlineExceeded
	return ctx.Err() != nil || errors.As(err, &late) || errors.Is(err, context.DeadlineExceeded)
}

// commitOnce sends a commit and waits until its work is done. It returns how
// many events the history got meanwhile.
func (r *rig) commitOnce(ctx context.Context, e *driven) (events int, err error) {
	if e.history == nil {
		if err := r.follow(ctx, e); err != nil {
			return 0, err
		}
	}
	c := r.commit(e.project, 0, codeOf(0))
	c.Branch = e.environment
	for {
		_, err := r.push(ctx, c)
		if err == nil {
			break
		}
		var refused *temporal.ApplicationError
		if !errors.As(err, &refused) || refused.Type() != contract.ErrBusy {
			return 0, err
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return 0, err
		}
	}
	for e.history.HasNext() {
		event, err := e.history.Next()
		if err != nil {
			return events, err
		}
		events++
		switch event.GetEventType() {
		case enumspb.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
			return events, nil
		case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW:
			e.history = r.newest(ctx, e)
		}
	}
	return events, fmt.Errorf("the history of %s of %s ended", e.environment, e.project)
}

// follow reads the history up to now, and stays at its end.
func (r *rig) follow(ctx context.Context, e *driven) error {
	described, err := r.client.DescribeWorkflowExecution(ctx, contract.EnvironmentWorkflowID(e.project, e.environment), "")
	if err != nil {
		return err
	}
	history := r.newest(ctx, e)
	for range described.GetWorkflowExecutionInfo().GetHistoryLength() {
		if _, err := history.Next(); err != nil {
			return err
		}
	}
	e.history = history
	return nil
}

func (r *rig) newest(ctx context.Context, e *driven) client.HistoryEventIterator {
	return r.client.GetWorkflowHistory(ctx, contract.EnvironmentWorkflowID(e.project, e.environment), "", true, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
}

// driveBare runs as many bare workflows side by side, one after the other, each
// with the one activity that a commit has.
func (r *rig) driveBare(ctx context.Context, n int, most time.Duration) (driving, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, most, errTimeIsUp)
	defer cancel()
	const payload = 1500 // bytes, about what begin-work has each way
	begun := time.Now()
	var mu sync.Mutex
	var d driving
	var all sync.WaitGroup
	var last string
	var failed error
	for range n {
		all.Go(func() {
			for ctx.Err() == nil {
				id := "bare " + uuid.NewString()
				if err := r.runBare(ctx, id, []bareStep{{Name: "1", InputBytes: payload, ResultBytes: payload}}); err != nil {
					if !timeIsUp(ctx, err) {
						mu.Lock()
						failed = err
						mu.Unlock()
					}
					return
				}
				mu.Lock()
				d.commits++
				last = id
				mu.Unlock()
			}
		})
	}
	all.Wait()
	d.took = min(time.Since(begun), most)
	if failed != nil || last == "" {
		return d, fmt.Errorf("bare workflows: %w", errors.Join(failed, context.Cause(ctx)))
	}
	events, err := r.history(context.WithoutCancel(ctx), last)
	d.events = d.commits * len(events)
	return d, err
}
