package activities

import (
	"context"
	"fmt"

	enumspb "go.temporal.io/api/enums/v1"
)

// ReadIdentity is the type of the activity that says who sent a request.
const ReadIdentity = "read-identity"

// IdentityInput names the event of a run by which a request came: the Count-th
// signal of that name, or the update with that ID.
type IdentityInput struct {
	WorkflowID string `json:"workflowId"`
	RunID      string `json:"runId"`
	Signal     string `json:"signal,omitempty"`
	Count      int    `json:"count,omitempty"`
	UpdateID   string `json:"updateId,omitempty"`
}

// ReadIdentity returns the identity that Temporal recorded with a request
// (T6): what the sender's client called itself, "temporal-cli:ops@host" for
// instance. It is empty where the history does not hold the event.
func (a *Activities) ReadIdentity(ctx context.Context, in IdentityInput) (string, error) {
	events := a.Temporal.GetWorkflowHistory(ctx, in.WorkflowID, in.RunID, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	seen := 0
	for events.HasNext() {
		event, err := events.Next()
		if err != nil {
			return "", fmt.Errorf("reading the history of %s: %w", in.WorkflowID, err)
		}
		if signal := event.GetWorkflowExecutionSignaledEventAttributes(); signal != nil && signal.GetSignalName() == in.Signal {
			if seen++; seen == in.Count {
				return signal.GetIdentity(), nil
			}
		}
		if update := event.GetWorkflowExecutionUpdateAcceptedEventAttributes(); update != nil && in.UpdateID != "" {
			if meta := update.GetAcceptedRequest().GetMeta(); meta.GetUpdateId() == in.UpdateID {
				return meta.GetIdentity(), nil
			}
		}
	}
	return "", nil
}
