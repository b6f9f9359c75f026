package lifecycle

import (
	"fmt"
	"io"
	"net/http"
	"sync"

	"go.temporal.io/sdk/activity"
)

// Wire carries the calls to EC2, and lets the process that makes them die at
// one of them: every activity that is under way then ends on the spot, as its
// process would, and is tried again as by another.
type Wire struct {
	// At is the call at which the process dies, 1 the first; 0: never.
	At int
	// After is whether that call still has its effect.
	After bool

	next http.RoundTripper
	mu   sync.Mutex
	n    int
	seen map[string]bool // attempts that have made a call
	dead map[string]bool
}

// died is what ends an activity whose process died.
const died = "the process died"

// RoundTrip makes one call.
func (w *Wire) RoundTrip(r *http.Request) (*http.Response, error) {
	attempt := ""
	if activity.IsActivity(r.Context()) {
		info := activity.GetInfo(r.Context())
		attempt = fmt.Sprintf("%s %s %d", info.WorkflowExecution.ID, info.ActivityID, info.Attempt)
	}
	w.mu.Lock()
	if w.seen == nil {
		w.seen, w.dead = map[string]bool{}, map[string]bool{}
	}
	w.n++
	crash := w.n == w.At
	w.seen[attempt] = true
	if crash {
		for a := range w.seen {
			w.dead[a] = true
		}
	}
	dead := w.dead[attempt]
	w.mu.Unlock()
	if dead && !(crash && w.After) {
		panic(died)
	}
	response, err := w.next.RoundTrip(r)
	w.mu.Lock()
	dead = w.dead[attempt]
	w.mu.Unlock()
	if dead {
		if err == nil {
			_, _ = io.Copy(io.Discard, response.Body)
			_ = response.Body.Close()
		}
		panic(died)
	}
	return response, err
}
