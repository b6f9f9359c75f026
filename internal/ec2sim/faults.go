package ec2sim

import (
	"math/rand/v2"
	"time"
)

// Call is one call in the journal.
type Call struct {
	N        int       `json:"n"`
	Action   string    `json:"action"`
	At       time.Time `json:"at"`
	Changes  bool      `json:"changes"`
	Error    string    `json:"error,omitempty"`
	IDs      []string  `json:"ids,omitempty"`
	Token    string    `json:"token,omitempty"`
	Replayed bool      `json:"replayed,omitempty"` // a client token came again
	Dropped  bool      `json:"dropped,omitempty"`  // it worked, and the answer was lost
}

// Fault makes calls go wrong. The zero Action is every action.
type Fault struct {
	Action string `json:"action,omitempty"`
	// Nth is which call of the action, from now on, 1 the next; 0: all, by Rate.
	Nth  int     `json:"nth,omitempty"`
	Rate float64 `json:"rate,omitempty"` // with Nth 0: share of the calls; 0 is all
	// Times is how often it strikes; 0: once with Nth, else without end.
	Times int `json:"times,omitempty"`
	// ChangesOnly leaves reading calls alone.
	ChangesOnly bool `json:"changesOnly,omitempty"`

	// Code fails the call before it has an effect; Status is 400 by default.
	Code    string `json:"code,omitempty"`
	Status  int    `json:"status,omitempty"`
	Message string `json:"message,omitempty"`
	// Drop lets the call work, and loses the answer.
	Drop        bool `json:"drop,omitempty"`
	DelayMillis int  `json:"delayMillis,omitempty"`

	Seen, Struck int `json:"-"`
}

func (f *Fault) message() string {
	if f.Message != "" {
		return f.Message
	}
	return "simulated"
}

// fault is the one that strikes this call, if any.
func (s *Simulator) fault(action string) *Fault {
	for _, f := range s.Faults {
		if f.Action != "" && f.Action != action || f.ChangesOnly && !changes(action) {
			continue
		}
		f.Seen++
		strikes := f.Times == 0 || f.Struck < f.Times
		switch {
		case f.Nth > 0:
			strikes = f.Seen == f.Nth
		case f.Rate > 0:
			random := rand.New(rand.NewPCG(uint64(s.options.Seed), uint64(len(s.Calls))))
			strikes = strikes && random.Float64() < f.Rate
		}
		if strikes {
			f.Struck++
			return f
		}
	}
	return nil
}

// BootRule says that an instance, or those with all of the given tags, boot otherwise.
type BootRule struct {
	Instance string `json:"instance,omitempty"`
	Commit   string `json:"commit,omitempty"`   // tag aineko:commit
	Pipeline string `json:"pipeline,omitempty"` // tag aineko:pipeline
	How      string `json:"how,omitempty"`      // BootFails by default
}

// Ways to boot.
const (
	BootFails    = "fails"    // the unit fails, and root writes its journal
	BootSilent   = "silent"   // nothing is ever ready
	BootImpaired = "impaired" // the status checks fail
)

func (s *Simulator) bootOf(i *Resource) string {
	for _, rule := range s.Boots {
		if (rule.Instance == "" || i.ID == rule.Instance) && (rule.Commit == "" || i.Tags["aineko:commit"] == rule.Commit) && (rule.Pipeline == "" || i.Tags["aineko:pipeline"] == rule.Pipeline) {
			if rule.How == "" {
				return BootFails
			}
			return rule.How
		}
	}
	return ""
}

// Shortage is a lack of capacity; empty fields are any.
type Shortage struct {
	Type string `json:"type,omitempty"`
	Zone string `json:"zone,omitempty"`
}

// tokenBucket is one of EC2's throttling buckets, by the simulator's clock.
type tokenBucket struct {
	capacity, refill, tokens float64
	at                       time.Time
}

// bucketSizes are EC2's, capacity and refill a second ("Request throttling for
// the Amazon EC2 API").
var bucketSizes = map[string][2]float64{
	"DescribeInstances": {50, 10}, "DescribeSecurityGroups": {50, 10}, "DescribeNetworkInterfaces": {50, 10}, "DescribeVolumes": {50, 10},
	"RunInstances": {5, 2}, "TerminateInstances": {100, 5}, "CreateNatGateway": {10, 1}, "DeleteNatGateway": {10, 1},
	"CreateVpcEndpoint": {4, 0.3}, "DeleteVpcEndpoints": {4, 0.3}, "CreateTags": {100, 10},
}

// Bucket is the size of an action's bucket: its capacity, and what flows in a second.
func Bucket(action string) (capacity, refill float64) {
	size, listed := bucketSizes[action]
	switch {
	case listed:
	case changes(action):
		size = [2]float64{50, 5}
	default:
		size = [2]float64{100, 20}
	}
	return size[0], size[1]
}

func (s *Simulator) bucket(action string) *tokenBucket {
	b := s.buckets[action]
	if b == nil {
		capacity, refill := Bucket(action)
		b = &tokenBucket{capacity: capacity, refill: refill, tokens: capacity, at: s.Now()}
		s.buckets[action] = b
	}
	return b
}

func (b *tokenBucket) take(now time.Time) bool {
	b.tokens = min(b.capacity, b.tokens+now.Sub(b.at).Seconds()*b.refill)
	b.at = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}
