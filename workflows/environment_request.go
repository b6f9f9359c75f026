package workflows

import (
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/aineko-dev/environments/activities"
	"github.com/aineko-dev/environments/internal/contract"
)

const (
	// maxRequests is how many operators' requests are kept to be seen.
	maxRequests = 20
	// accepted is the answer to a request that is carried out.
	accepted = "accepted"
)

// asked is an operator's request: what was asked, and where its history holds it.
type asked struct {
	contract.OperatorRequest
	what string
	// event is where Temporal recorded who sent it.
	event activities.IdentityInput
}

// bySignal is a request that came as a signal.
func (e *environment) bySignal(ctx workflow.Context, name string, r contract.OperatorRequest) asked {
	e.received[name]++
	e.signalled++
	at := e.eventIn(ctx)
	at.Signal, at.Count = name, e.received[name]
	return asked{OperatorRequest: r, what: name, event: at}
}

// byUpdate is a request that came as an update.
func (e *environment) byUpdate(ctx workflow.Context, r contract.OperatorRequest) asked {
	at := e.eventIn(ctx)
	info := workflow.GetCurrentUpdateInfo(ctx)
	at.UpdateID = info.ID
	return asked{OperatorRequest: r, what: info.Name, event: at}
}

func (e *environment) eventIn(ctx workflow.Context) activities.IdentityInput {
	run := workflow.GetInfo(ctx).WorkflowExecution
	return activities.IdentityInput{WorkflowID: run.ID, RunID: run.RunID}
}

// note keeps what was asked and answered, so that it can be read in the status
// and the Web UI. The same again is counted, not piled up (T4).
func (e *environment) note(ctx workflow.Context, a asked, answer string) {
	r := contract.Request{
		What: a.what, At: workflow.Now(ctx), RequestedBy: contract.Clip(contract.Clean(a.RequestedBy), maxRequestText),
		Reason: contract.Clip(contract.Clean(a.Reason), maxRequestText), Answer: contract.Clip(answer, maxRequestText), Times: 1,
	}
	workflow.GetLogger(ctx).Info("an operator asked", "what", r.What, "requestedBy", r.RequestedBy, "why", r.Reason, "answer", r.Answer)
	if n := len(e.Requests); n > 0 {
		last := &e.Requests[n-1]
		if last.What == r.What && last.RequestedBy == r.RequestedBy && last.Reason == r.Reason && last.Answer == r.Answer {
			last.At = r.At
			last.Times++
			return
		}
	}
	e.Requests = append(e.Requests, r)
	e.Unidentified = append(e.Unidentified, a.event)
	if surplus := len(e.Requests) - maxRequests; surplus > 0 {
		e.Requests = slices.Clone(e.Requests[surplus:])
		e.Unidentified = e.Unidentified[max(len(e.Unidentified)-maxRequests, 0):]
	}
}

// identify finds out, one request after the other, who sent it by what
// Temporal recorded (T6): a workflow is not told, so an activity reads it from
// the history. Where it cannot be read the claim stands alone; where the
// history is long, the next run reads it.
func (e *environment) identify(ctx workflow.Context) {
	for {
		if workflow.Await(ctx, func() bool { return len(e.Unidentified) > 0 && !e.isLong(ctx) }) != nil {
			return
		}
		event := e.Unidentified[0]
		var identity string
		err := workflow.ExecuteActivity(lookupContext(ctx, "who sent the request, by what Temporal recorded"), activities.ReadIdentity, event).Get(ctx, &identity)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			workflow.GetLogger(ctx).Warn("who sent a request could not be read", "error", failure(err))
		}
		// Requests without a place any more have left unidentified as well.
		i := slices.Index(e.Unidentified, event)
		if i < 0 {
			continue
		}
		r := &e.Requests[len(e.Requests)-len(e.Unidentified)+i]
		r.Identity = contract.Clip(contract.Clean(identity), maxRequestText)
		if d := e.Deletion; d != nil && d.Identity == "" && d.AskedAt.Equal(r.At) {
			d.Identity = r.Identity
		}
		e.Unidentified = slices.Delete(e.Unidentified, i, i+1)
		e.show(ctx)
	}
}

// unread are the names of the signals that wait to be received, in order.
// Names that Temporal keeps for itself cannot be received, and are none of ours.
func unread(ctx workflow.Context) []string {
	names := slices.DeleteFunc(workflow.GetUnhandledSignalNames(ctx), func(name string) bool { return strings.HasPrefix(name, "__temporal") })
	slices.Sort(names)
	return names
}

// lookupContext is for an activity that only adds what people like to know:
// nothing waits for it for long.
func lookupContext(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: 10 * time.Second, ScheduleToCloseTimeout: time.Minute, RetryPolicy: retries, Summary: summary,
	})
}
