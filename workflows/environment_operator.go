package workflows

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/aineko-dev/environments/internal/contract"
)

// maxRequestText bounds what an operator's request may say, in bytes.
const maxRequestText = 1000

// listenToOperators takes in the signals by which operators delete the
// environment or cancel that, and those that no rule knows, a mistyped name
// for instance: unread they would keep the workflow from ever continuing as
// new, and nobody would be told.
//
// No receiver waits at these channels: a signal in the hands of a blocked
// Receive or Selector is no longer unread and not yet in the state, and would
// be lost with the run (and a Selector loses one where GetUnhandledSignalNames
// is asked before it has run).
func (e *environment) listenToOperators(ctx workflow.Context) {
	workflow.GetSignalChannelWithOptions(ctx, contract.DeleteEnvironmentSignal, workflow.SignalChannelOptions{
		Description: `Delete this environment; refused while pipelines run. Input, optional: {"requestedBy": "…", "reason": "…"}`,
	})
	workflow.GetSignalChannelWithOptions(ctx, contract.CancelDeletionSignal, workflow.SignalChannelOptions{
		Description: `Cancel the deletion during its grace period. Input, optional: {"requestedBy": "…", "reason": "…"}`,
	})
	workflow.Go(ctx, func(ctx workflow.Context) {
		for {
			var names []string
			came := func() bool {
				names = slices.DeleteFunc(unread(ctx), func(name string) bool { return name == contract.ProgressSignal })
				return len(names) > 0
			}
			if workflow.Await(ctx, came) != nil {
				return
			}
			// Of what came together a cancellation is the last: then nothing is deleted.
			slices.SortFunc(names, func(a, b string) int { return lastOf(a) - lastOf(b) })
			for _, name := range names {
				e.receive(ctx, name)
			}
		}
	})
}

func lastOf(name string) int {
	if name == contract.CancelDeletionSignal {
		return 1
	}
	return 0
}

// receive takes in every signal of a name. They are read raw: a typed receive
// would drop an input that does not decode, with nothing but a line in the log.
func (e *environment) receive(ctx workflow.Context, name string) {
	signals := workflow.GetSignalChannelWithOptions(ctx, name, workflow.SignalChannelOptions{Description: "Nobody listens to this one; it was sent, and is noted"})
	for {
		var raw converter.RawValue
		if !signals.ReceiveAsync(&raw) {
			return
		}
		a := e.bySignal(ctx, name, decodeRequest(raw.Payload()))
		switch name {
		case contract.DeleteEnvironmentSignal:
			e.requestDeletion(ctx, a)
		case contract.CancelDeletionSignal:
			e.requestCancel(ctx, a)
		default:
			a.what = contract.Clip(contract.Clean(name), maxSummary)
			e.note(ctx, a, "there is no such signal: want "+contract.DeleteEnvironmentSignal+" or "+contract.CancelDeletionSignal)
			e.show(ctx)
		}
	}
}

// decodeRequest reads what an operator typed: nothing, an object, or a string
// that holds an object, as some tools encode twice. What does not decode is
// kept as the reason, so that it is not lost.
func decodeRequest(payload *commonpb.Payload) contract.OperatorRequest {
	var r contract.OperatorRequest
	data := payload.GetData()
	var text string
	if json.Unmarshal(data, &text) == nil {
		data = []byte(text)
	}
	if s := strings.TrimSpace(string(data)); s != "" && s != "null" {
		if err := json.Unmarshal(data, &r); err != nil {
			r = contract.OperatorRequest{Reason: "input that could not be read: " + s}
		}
	}
	r.RequestedBy = contract.Clip(contract.Clean(r.RequestedBy), maxRequestText)
	r.Reason = contract.Clip(contract.Clean(r.Reason), maxRequestText)
	return r
}

func checkRequest(r contract.OperatorRequest) error {
	if len(r.RequestedBy) > maxRequestText || len(r.Reason) > maxRequestText {
		return temporal.NewApplicationError(fmt.Sprintf("requestedBy and reason: at most %d bytes each", maxRequestText), contract.ErrInvalid)
	}
	return nil
}

// requestDeletion accepts or refuses a deletion (X2, X3). A second request
// while one is accepted changes nothing.
func (e *environment) requestDeletion(ctx workflow.Context, a asked) {
	defer e.show(ctx)
	if e.DeletionPhase != "" {
		e.Deletion.Requests++
		e.note(ctx, a, "accepted before: it changes nothing")
		return
	}
	requests := 1
	if e.Deletion != nil {
		requests += e.Deletion.Requests
	}
	e.Deletion = &contract.Deletion{
		RequestedBy: contract.Clean(a.RequestedBy), Reason: contract.Clean(a.Reason), AskedAt: workflow.Now(ctx), Requests: requests,
	}
	if refusal := e.deletionRefusal(); refusal != "" {
		e.Deletion.Refusal, e.Deletion.RefusedAt = refusal, workflow.Now(ctx)
		e.note(ctx, a, "refused: "+refusal)
		return
	}
	e.Deletion.Requests = 1
	e.AcceptedAt = workflow.Now(ctx)
	e.DeletionPhase = deletionScheduled
	e.note(ctx, a, accepted)
}

// deletionRefusal is why the environment cannot be deleted now (X2).
func (e *environment) deletionRefusal() string {
	switch {
	case e.ID == "":
		return "the environment is only being created"
	case e.current != nil && !e.Initialized:
		return "the environment is being initialised: wait until that has ended"
	case e.current != nil:
		return "deployment " + e.deploymentID(e.current) + " is under way: wait until it has ended"
	case e.Waiting != nil:
		return "deployment " + e.deploymentID(e.Waiting) + " waits: wait until it has ended"
	}
	var names []string
	for _, p := range e.Pipelines {
		if p.InstanceID != "" {
			names = append(names, p.Name)
		}
	}
	if len(names) > 0 {
		return fmt.Sprintf("pipelines run in it: %s. Destroy them first: push a commit with `pipelines: []` under %s", strings.Join(names, ", "), e.Environment)
	}
	return ""
}

// requestCancel cancels an accepted deletion in its grace period (X3). One
// that is refused leaves what it could not cancel as it is.
func (e *environment) requestCancel(ctx workflow.Context, a asked) {
	defer e.show(ctx)
	if reason := e.cancelRefusal(); reason != "" {
		if e.Deletion == nil {
			e.Deletion = &contract.Deletion{}
		}
		e.Deletion.Refusal, e.Deletion.RefusedAt = "cancel-deletion: "+reason, workflow.Now(ctx)
		e.note(ctx, a, "refused: "+reason)
		return
	}
	e.DeletionPhase, e.Deletion, e.AcceptedAt = "", nil, time.Time{}
	e.note(ctx, a, accepted)
}

func (e *environment) cancelRefusal() string {
	switch e.DeletionPhase {
	case deletionScheduled:
		return ""
	case deletionRunning:
		return "too late: the environment is being torn down"
	}
	return "no deletion is scheduled"
}

// deletionInTheWay is why commits and retries are refused (X3).
func (e *environment) deletionInTheWay() string {
	switch {
	case e.Closed || e.DeletionPhase == deletionRunning:
		return "the environment is being deleted; push again when that is done, for a new one"
	case e.DeletionPhase == deletionScheduled:
		return "the environment is to be deleted; cancel that first with `starter cancel-deletion`"
	}
	return ""
}

func (e *environment) deletionAccepted() bool { return e.DeletionPhase != "" }

func (e *environment) validateDelete(ctx workflow.Context, r contract.OperatorRequest) error {
	return e.unlessBusy(ctx, checkRequest(r))
}

// handleDelete does what the signal does, and answers (X2). It may be what
// started the workflow, where an earlier one is gone and its slot is held.
func (e *environment) handleDelete(ctx workflow.Context, r contract.OperatorRequest) (contract.Deletion, error) {
	e.handled++
	if err := e.awaitSlot(ctx); err != nil {
		return contract.Deletion{}, err
	}
	if e.noSlot != nil {
		return contract.Deletion{}, temporal.NewApplicationError(e.noSlot.Reason, contract.ErrRefused)
	}
	e.requestDeletion(ctx, e.byUpdate(ctx, r))
	if e.DeletionPhase == "" {
		return contract.Deletion{}, temporal.NewApplicationError(e.Deletion.Refusal, contract.ErrRefused)
	}
	// When tearing down begins is known once the settings are read.
	if err := workflow.Await(ctx, func() bool { return e.Deletion == nil || !e.Deletion.At.IsZero() }); err != nil {
		return contract.Deletion{}, err
	}
	if e.Deletion == nil {
		return contract.Deletion{}, temporal.NewApplicationError("the deletion was cancelled at once", contract.ErrRefused)
	}
	return *e.Deletion, nil
}

func (e *environment) validateCancel(ctx workflow.Context, r contract.OperatorRequest) error {
	return e.unlessBusy(ctx, e.mayCancel(r))
}

func (e *environment) mayCancel(r contract.OperatorRequest) error {
	if err := checkRequest(r); err != nil {
		return err
	}
	if reason := e.cancelRefusal(); reason != "" {
		return temporal.NewApplicationError(reason, contract.ErrRefused)
	}
	return nil
}

func (e *environment) handleCancel(ctx workflow.Context, r contract.OperatorRequest) (contract.Deletion, error) {
	e.handled++
	if err := e.mayCancel(r); err != nil {
		return contract.Deletion{}, err
	}
	cancelled := *e.Deletion
	e.requestCancel(ctx, e.byUpdate(ctx, r))
	return cancelled, nil
}

// claim is who says to have asked, and why.
func claim(r contract.OperatorRequest) string {
	var parts []string
	if by := contract.Clip(contract.Clean(r.RequestedBy), maxRequestText); by != "" {
		parts = append(parts, "asked by "+by)
	}
	if why := contract.Clip(contract.Clean(r.Reason), maxRequestText); why != "" {
		parts = append(parts, why)
	}
	return strings.Join(parts, ": ")
}
