package main

import (
	"context"
	"fmt"
	"time"

	"github.com/aineko-dev/environments/internal/contract"
)

const (
	// lookEvery is how often the status is asked for while waiting, and what is shown drawn anew.
	lookEvery = time.Second
	// soonest is when it is asked for the second time: a commit that changes
	// nothing has its outcome within a tenth of a second. The pause then doubles.
	soonest = 50 * time.Millisecond
	// existsEvery is how many looks there are for one at whether the workflow
	// still runs: a terminated one answers queries, too.
	existsEvery = 5
	// lifeSign is how long a silent wait may be: CI systems kill silent jobs (S1).
	lifeSign = 45 * time.Second
)

// view shows a wait.
type view interface {
	// show is called every second, with the status as it was last seen.
	show(w watched, s contract.EnvironmentStatus, now time.Time)
	// end is called once, before the outcome is shown; keep leaves what is on the terminal.
	end(keep bool)
}

// view is the one that suits where the starter runs (S1): live on a terminal,
// else lines; with JSON they go to standard error, for a job must not be silent.
func (a *app) view() view {
	switch {
	case a.output == "json":
		return &events{app: a, out: a.errs, shown: map[string]string{}}
	case a.terminal:
		return &live{app: a, screen: screen{out: a.out, size: a.size}}
	}
	return &events{app: a, out: a.out, shown: map[string]string{}}
}

// look is one look at an environment.
type look struct {
	status *contract.EnvironmentStatus
	gone   bool
	err    error
}

// looks asks for the status again and again, until ctx ends. It survives a
// server that is away for a while.
func (a *app) looks(ctx context.Context, project, environment string) <-chan look {
	found := make(chan look)
	go func() {
		for n := 1; ; n++ {
			var l look
			l.status, l.err = a.environment(ctx, project, environment)
			if l.err == nil && n%existsEvery == 0 {
				running, err := a.running(ctx, contract.EnvironmentWorkflowID(project, environment))
				l.gone = err == nil && !running
			}
			select {
			case found <- l:
			case <-ctx.Done():
				return
			}
			select {
			case <-time.After(min(soonest<<min(n, 10), lookEvery)):
			case <-ctx.Done():
				return
			}
		}
	}()
	return found
}

// wait shows what becomes of a deployment until it has its outcome. A time-out
// or an interrupt ends it as pending, with the way back: the work itself goes on.
func (a *app) wait(ctx context.Context, o contract.Outcome, w watched, timeout time.Duration) contract.Outcome {
	view := a.view()
	pending := func(why string) contract.Outcome {
		view.end(true)
		o.Outcome = contract.OutcomePending
		o.Reason = fmt.Sprintf("%s; the work goes on without this command. Come back with:\n  %s", why, a.comeBack(o))
		return o
	}
	interrupted := ctx
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	deadline := time.NewTimer(timeout)
	defer deadline.Stop()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	looks := a.looks(ctx, o.Project, o.Environment)
	last := contract.EnvironmentStatus{Name: o.Environment}
	for {
		select {
		case l := <-looks:
			w.trouble = ""
			if l.err != nil {
				w.trouble = "no answer from " + o.WorkflowID + ", trying again: " + l.err.Error()
				break
			}
			last = *l.status
			if pace := paceOf(last.Progress.Steps); pace > 0 {
				w.pace = pace
			}
			if found := outcomeOf(last, o.Deployment); found != nil {
				view.end(false)
				found.Warnings, found.URL = o.Warnings, o.URL
				return *found
			}
			if l.gone {
				view.end(true)
				o.Outcome = contract.OutcomeFailed
				o.Reason = "the environment's workflow was ended by hand; push again to take up what exists"
				return o
			}
		case <-tick.C:
		case <-interrupted.Done():
			return pending("interrupted")
		case <-deadline.C:
			return pending("not done after " + timeout.String())
		}
		view.show(w, last, time.Now())
	}
}

// outcomeOf is how a deployment ended, or nil.
func outcomeOf(s contract.EnvironmentStatus, deployment string) *contract.Outcome {
	for i := len(s.Outcomes) - 1; i >= 0; i-- {
		if s.Outcomes[i].Deployment == deployment {
			return &s.Outcomes[i]
		}
	}
	return nil
}

// comeBack is the command that goes on waiting.
func (a *app) comeBack(o contract.Outcome) string {
	command := "starter status --project " + o.Project + " --environment " + o.Environment
	if o.Commit != "" {
		command += " --commit " + sha12(o.Commit)
	}
	return command + " --watch"
}
