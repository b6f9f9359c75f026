package ec2sim

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
)

// Account is everything that the account holds, in the order of the IDs.
func (s *Simulator) Account() []Resource {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance()
	all := []Resource{}
	for _, id := range s.sortedIDs() {
		r := *s.Resources[id]
		all = append(all, r)
	}
	return all
}

// Journal is every call so far.
func (s *Simulator) Journal() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Call{}, s.Calls...)
}

// SetFaults replaces the faults.
func (s *Simulator) SetFaults(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Faults = nil
	for _, f := range faults {
		s.Faults = append(s.Faults, &f)
	}
}

// SetBoots replaces the rules by which instances boot otherwise.
func (s *Simulator) SetBoots(rules ...BootRule) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Boots = rules
}

// SetShortages replaces the lacks of capacity.
func (s *Simulator) SetShortages(shortages ...Shortage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Shortages = shortages
}

// Plant puts something into the account that no call of the product's could.
func (s *Simulator) Plant(r Resource) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Tags == nil {
		r.Tags = map[string]string{}
	}
	if r.Attr == nil {
		r.Attr = map[string]string{}
	}
	if r.List == nil {
		r.List = map[string][]string{}
	}
	s.put(&r)
}

// Uproot takes something out of the account, as if it had never been.
func (s *Simulator) Uproot(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(id)
}

// control serves /_sim/: account, journal, faults, boots, shortages.
func (s *Simulator) control(w http.ResponseWriter, r *http.Request) {
	answer := func(v any) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(v)
	}
	route := r.Method + " " + r.URL.Path
	switch route {
	case "GET /_sim/account":
		answer(s.Account())
	case "GET /_sim/journal":
		answer(s.Journal())
	case "PUT /_sim/faults":
		decodeInto(w, r, s.SetFaults)
	case "PUT /_sim/boots":
		decodeInto(w, r, s.SetBoots)
	case "PUT /_sim/shortages":
		decodeInto(w, r, s.SetShortages)
	default:
		http.Error(w, "no such control: "+route, http.StatusNotFound)
		return
	}
	if s.saver != nil {
		s.saver.touch()
	}
}

func decodeInto[T any](w http.ResponseWriter, r *http.Request, set func(...T)) {
	var all []T
	if err := json.NewDecoder(r.Body).Decode(&all); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	set(all...)
}

// Control is the same over HTTP, for a simulator in another process.
type Control struct{ URL string }

// Account is everything that the account holds.
func (c Control) Account(ctx context.Context) ([]Resource, error) {
	var all []Resource
	return all, c.do(ctx, http.MethodGet, "account", nil, &all)
}

// Journal is every call so far.
func (c Control) Journal(ctx context.Context) ([]Call, error) {
	var all []Call
	return all, c.do(ctx, http.MethodGet, "journal", nil, &all)
}

// SetFaults replaces the faults.
func (c Control) SetFaults(ctx context.Context, faults ...Fault) error {
	return c.do(ctx, http.MethodPut, "faults", append([]Fault{}, faults...), nil)
}

// SetBoots replaces the rules by which instances boot otherwise.
func (c Control) SetBoots(ctx context.Context, rules ...BootRule) error {
	return c.do(ctx, http.MethodPut, "boots", append([]BootRule{}, rules...), nil)
}

// SetShortages replaces the lacks of capacity.
func (c Control) SetShortages(ctx context.Context, shortages ...Shortage) error {
	return c.do(ctx, http.MethodPut, "shortages", append([]Shortage{}, shortages...), nil)
}

func (c Control) do(ctx context.Context, method, what string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, method, c.URL+"/_sim/"+what, bytes.NewReader(body))
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the simulator's control %s: %s", what, response.Status)
	}
	if out == nil {
		return nil
	}
	return json.NewDecoder(response.Body).Decode(out)
}
