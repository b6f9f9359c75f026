// Package ec2sim simulates EC2 where it is hard: client tokens, states that
// take time, dependency violations, quotas, throttling, lag, lost answers. It
// speaks the EC2 Query protocol over HTTP and is driven through the real SDK;
// STS GetCallerIdentity answers on the same port. It knows nothing of the
// product: what the product must do right, it finds out by doing.
//
// What it does follows AWS's documents: the API reference with its list of
// error codes, the pages on eventual consistency, idempotency, request
// throttling and quotas. Durations are those seen on AWS for NAT gateways,
// instances and status checks. Guesses, made on the hard side where there is a
// choice, and said where they are made:
//
//   - lag: every call is another reader; each sees a fresh resource after a
//     share of the longest lag that its seed gives. What has changed, and what
//     is deleted, all see at once;
//   - client tokens: other than for instances, what is gone is answered as it
//     was made, for a day;
//   - pages show what was there at the first of them;
//   - a route, an association or an attachment that is there already with the
//     same target is success for routes and associations, and
//     Resource.AlreadyAssociated for internet gateways;
//   - parameters are checked by the first part of their names, then for what
//     the product sends; a call that EC2 would refuse for another reason works;
//   - a VPC's flow logs go with it; Amazon's own interfaces vanish 10 s after
//     what they belong to.
package ec2sim

import (
	"fmt"
	"net/http"
	"net/url"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Options of a simulator. The zero value is EC2 at its own pace, with AWS's
// default quotas, and neither lag nor throttling.
type Options struct {
	Account string // 12 digits; 000000000000 by default
	Region  string // us-east-1 by default
	// Speed is how much faster than real time the simulator's clock runs.
	Speed float64
	// Lag is for how long, by the simulator's clock, a fresh resource may be
	// missing for one reader and be there for another.
	Lag time.Duration
	// Throttle enforces EC2's token buckets, on the simulator's clock.
	Throttle bool
	// Quotas by kind of resource; DefaultQuotas where nil.
	Quotas map[string]int
	// Seed of everything that is random.
	Seed int64
	// StateFile keeps the account over restarts; empty: in memory alone.
	StateFile string
	// PageSize ends pages early, as EC2 may; 0: 1000 items a page.
	PageSize int
}

// Simulator is one account in one region. It is an http.Handler.
type Simulator struct {
	options Options
	mu      sync.Mutex
	state
	kinds   map[string][]*Resource // the resources, by kind
	due     transitions
	pages   map[string][]node // what follows on a page, by its token
	buckets map[string]*tokenBucket
	started time.Time // real
	origin  time.Time // by the simulator's clock
	saver   *saver
}

// state is what a state file keeps.
type state struct {
	Resources map[string]*Resource
	Tokens    map[string]token
	Calls     []Call
	Faults    []*Fault
	Boots     []BootRule
	Shortages []Shortage
	Next      int
	Clock     time.Time
}

// New returns a simulator; with a state file, it goes on where that left off.
func New(o Options) (*Simulator, error) {
	if o.Account == "" {
		o.Account = "000000000000"
	}
	if o.Region == "" {
		o.Region = "us-east-1"
	}
	if o.Speed <= 0 {
		o.Speed = 1
	}
	if o.Quotas == nil {
		o.Quotas = DefaultQuotas
	}
	s := &Simulator{options: o, buckets: map[string]*tokenBucket{}, started: time.Now(), origin: time.Now()}
	s.state = state{Resources: map[string]*Resource{}, Tokens: map[string]token{}}
	s.pages = map[string][]node{}
	s.index()
	if o.StateFile != "" {
		if err := s.load(); err != nil {
			return nil, err
		}
		s.saver = newSaver(s)
	}
	return s, nil
}

// Now is the time by the simulator's clock.
func (s *Simulator) Now() time.Time {
	return s.origin.Add(time.Duration(float64(time.Since(s.started)) * s.options.Speed)).UTC()
}

// ServeHTTP answers EC2, STS and the control API.
func (s *Simulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/_sim/") {
		s.control(w, r)
		return
	}
	if err := r.ParseForm(); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	action := r.Form.Get("Action")
	if action == "GetCallerIdentity" {
		s.callerIdentity(w)
		return
	}
	s.mu.Lock()
	answer, apiErr, drop, delay := s.call(action, r.Form)
	s.mu.Unlock()
	if s.saver != nil {
		s.saver.touch()
	}
	if delay > 0 {
		time.Sleep(delay)
	}
	if drop {
		// The effect stands, and the caller never hears of it.
		panic(http.ErrAbortHandler)
	}
	if apiErr != nil {
		writeError(w, apiErr)
		return
	}
	writeAnswer(w, action, answer)
}

// call carries out one action and writes it into the journal. The lock is held.
func (s *Simulator) call(action string, form url.Values) (answer []node, apiErr *apiError, drop bool, delay time.Duration) {
	s.advance()
	call := Call{N: len(s.Calls) + 1, Action: action, At: s.Now(), Changes: changes(action), Token: form.Get("ClientToken")}
	request := &request{form: form, call: &call}
	defer func() {
		if apiErr != nil {
			call.Error = apiErr.Code
		}
		call.Dropped = drop
		s.Calls = append(s.Calls, call)
	}()
	handler, known := actions[action]
	if !known {
		return nil, errorf(400, "InvalidAction", "The action %s is not valid for this web service.", action), false, 0
	}
	if err := request.unknown(handler.parameters); err != nil {
		return nil, err, false, 0
	}
	fault := s.fault(action)
	if fault != nil {
		delay = time.Duration(fault.DelayMillis) * time.Millisecond
		if fault.Code != "" {
			status := fault.Status
			if status == 0 {
				status = 400
			}
			return nil, errorf(status, fault.Code, "%s", fault.message()), false, delay
		}
	}
	if s.options.Throttle && !s.bucket(action).take(s.Now()) {
		return nil, errorf(503, "RequestLimitExceeded", "Request limit exceeded."), false, delay
	}
	if form.Get("DryRun") == "true" {
		return nil, errorf(412, "DryRunOperation", "Request would have succeeded, but DryRun flag is set."), false, delay
	}
	answer, apiErr = s.page(request, handler)
	return answer, apiErr, apiErr == nil && fault != nil && fault.Drop, delay
}

// changes is whether an action changes something.
func changes(action string) bool {
	return !strings.HasPrefix(action, "Describe") && !strings.HasPrefix(action, "Get")
}

// request is one call's parameters.
type request struct {
	form url.Values
	call *Call
}

func (r *request) str(name string) string { return r.form.Get(name) }

func (r *request) number(name string) int {
	n, _ := strconv.Atoi(r.form.Get(name))
	return n
}

// list reads NAME.1, NAME.2, …
func (r *request) list(name string) []string {
	var values []string
	for i := 1; ; i++ {
		key := fmt.Sprintf("%s.%d", name, i)
		if !r.form.Has(key) {
			return values
		}
		values = append(values, r.form.Get(key))
	}
}

// each calls f with the prefix NAME.1, NAME.2, … of a list of structures.
func (r *request) each(name string, f func(prefix string)) {
	for i := 1; ; i++ {
		prefix := fmt.Sprintf("%s.%d", name, i)
		found := false
		for key := range r.form {
			if key == prefix || strings.HasPrefix(key, prefix+".") {
				found = true
				break
			}
		}
		if !found {
			return
		}
		f(prefix)
	}
}

// unknown refuses parameters that the action does not know.
func (r *request) unknown(parameters string) *apiError {
	known := map[string]bool{"Action": true, "Version": true, "DryRun": true}
	for _, p := range strings.Fields(parameters) {
		known[p] = true
	}
	names := make([]string, 0, len(r.form))
	for key := range r.form {
		names = append(names, key)
	}
	sort.Strings(names)
	for _, key := range names {
		first, _, _ := strings.Cut(key, ".")
		if !known[first] {
			return errorf(400, "UnknownParameter", "The parameter %s is not recognized", key)
		}
	}
	return nil
}

// hash is what EC2 compares when a client token comes again: the parameters.
func (r *request) hash() string { return r.form.Encode() }

// action is how one call is served.
type action struct {
	parameters string // the first parts of the names of those it knows
	do         func(*Simulator, *request) ([]node, *apiError)
}
