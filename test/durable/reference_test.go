package durable_test

import (
	"fmt"
	"maps"
	"time"

	"github.com/aineko-dev/environments/activities"
	"github.com/aineko-dev/environments/internal/contract"
)

// reference is what the specification says of one life of an environment, as
// small as it can be said. It shares no code with the product but the
// messages' types, and knows neither workflows nor time.
type reference struct {
	exists             bool // its workflow runs
	begun, initialized bool // initialising: it was tried; it is done
	newest             *pushed
	underWay, waiting  *piece
	deployed           map[string]deployed
	strays             map[string]int // instances that a failed stop left, by pipeline
	outcomes           []ended
	scheduled          bool // its deletion
	next               int  // number of the next deployment
	repairs            map[string]int
	repairDay          string

	failing map[string]bool // activities that fail for good
	broken  map[string]bool // commits whose pipelines never become healthy
	reached map[string]bool // activities that the last piece of work called
}

// pushed is a commit, and whether its file has a key that is nearly the branch.
type pushed struct {
	contract.Commit
	nearMiss bool
}

// piece is a piece of work: a deployment of a commit. Only is what a reconcile repairs.
type piece struct {
	n      int
	commit *pushed
	only   map[string]bool
}

// deployed is one pipeline of the deployed state.
type deployed struct {
	commit, digest string
	instance       bool // there is one
	healthy        bool
	err            bool // the last work on it failed
}

// ended is how a deployment ended.
type ended struct {
	n            int
	sha, outcome string
}

func (e ended) String() string { return fmt.Sprintf("%d: %s of …%s", e.n, e.outcome, e.sha[32:]) }

func newReference() *reference {
	return &reference{
		deployed: map[string]deployed{}, strays: map[string]int{}, repairs: map[string]int{}, next: 1,
		failing: map[string]bool{}, broken: map[string]bool{},
	}
}

func digest(code string, p contract.Pipeline) string {
	return fmt.Sprint(code, p.Source, p.Name, p.Machine)
}

// holds is whether the deployed state holds a pipeline, healthy or not.
func (r *reference) holds() bool {
	for _, d := range r.deployed {
		if d.instance {
			return true
		}
	}
	return false
}

// push is what a commit is answered: the type of its refusal, or its
// deployment's number. Newer is what the evidence says of it (C8).
func (r *reference) push(c *pushed, newer, stale bool) (refused string, n int, joined bool) {
	switch same := r.newest != nil && r.newest.SHA == c.SHA; {
	case !r.exists && !c.Desired.Listed: // C2: ignored
		return contract.ErrRefused, 0, false
	case r.scheduled: // X3
		return contract.ErrRefused, 0, false
	case r.newest != nil && !same && !c.AllowRollback && stale: // C8
		return contract.ErrCompareAgain, 0, false
	case r.newest != nil && !same && !c.AllowRollback && !newer:
		return contract.ErrSuperseded, 0, false
	case c.nearMiss && !c.AllowDestroy && (r.holds() || r.newest != nil && len(r.newest.Desired.Pipelines) > 0): // C4
		return contract.ErrRefused, 0, false
	}
	r.exists = true
	if r.newest != nil && r.newest.SHA == c.SHA && r.newest.FileDigest == c.FileDigest {
		if n, joins := r.join(); joins {
			return "", n, true
		}
	}
	r.newest = c
	return "", r.queue(c), false
}

// join is the deployment that the newest commit joins, where one is to come or under way.
func (r *reference) join() (n int, joins bool) {
	switch {
	case r.waiting != nil:
		return r.waiting.n, true
	case r.underWay != nil && r.underWay.only == nil:
		return r.underWay.n, true
	}
	return 0, false
}

// queue lets a commit wait; only the newest does (C7).
func (r *reference) queue(c *pushed) int {
	if r.waiting != nil {
		r.outcomes = append(r.outcomes, ended{r.waiting.n, r.waiting.commit.SHA, contract.OutcomeSuperseded})
	}
	r.waiting = &piece{n: r.next, commit: c}
	r.next++
	return r.waiting.n
}

// retry tries the newest accepted commit again (C13).
func (r *reference) retry() (refused bool, n int) {
	if r.scheduled {
		return true, 0
	}
	if n, joins := r.join(); joins {
		return false, n
	}
	return false, r.queue(r.newest)
}

// requestDeletion is whether a deletion is accepted, or was before (X2, X3).
func (r *reference) requestDeletion() bool {
	r.scheduled = r.scheduled || (r.underWay == nil && r.waiting == nil && !r.holds())
	return r.scheduled
}

// perform does the work under way: initialise, then each pipeline for itself (C4, C9-C11).
func (r *reference) perform() {
	w, outcome := r.underWay, contract.OutcomeUnchanged
	r.underWay, r.reached = nil, map[string]bool{}
	end := func(outcome string) { r.outcomes = append(r.outcomes, ended{w.n, w.commit.SHA, outcome}) }
	if looks := r.begun; !r.initialized {
		r.begun, r.reached[activities.EnsureActivity("vpc")] = true, true
		if r.failing[activities.EnsureActivity("vpc")] {
			end(contract.OutcomeFailed) // C13
			return
		}
		r.initialized, r.reached[activities.BeginWork] = true, looks
	} else {
		r.reached[activities.BeginWork] = true
	}
	// A failed stop is made good by the next piece of work.
	before := maps.Clone(r.strays)
	failed := false
	stop := func() (stopped bool) {
		outcome, r.reached[activities.StopPipeline] = contract.OutcomeDeployed, true
		failed = failed || r.failing[activities.StopPipeline]
		return !r.failing[activities.StopPipeline]
	}
	desired := map[string]bool{}
	for _, p := range w.commit.Desired.Pipelines {
		desired[p.Pipeline] = true
		now, want := r.deployed[p.Pipeline], digest(w.commit.Code, p)
		switch {
		case now.instance && now.healthy && now.digest == want: // C11
			now.err = false
			r.deployed[p.Pipeline] = now
			continue
		case w.only != nil && !w.only[p.Pipeline]:
			continue
		}
		outcome, r.reached[activities.LaunchPipeline] = contract.OutcomeDeployed, true
		if launched := !r.failing[activities.LaunchPipeline]; !launched || r.broken[w.commit.SHA] {
			failed = true
			if launched && !stop() {
				r.strays[p.Pipeline]++
			}
			if !now.instance {
				now = deployed{commit: w.commit.SHA}
			}
			now.err = true // C9: what ran before runs on
			r.deployed[p.Pipeline] = now
			continue
		}
		next := deployed{commit: w.commit.SHA, digest: want, instance: true, healthy: true}
		if now.instance && !stop() {
			next.err = true
			r.strays[p.Pipeline]++
		}
		r.deployed[p.Pipeline] = next
	}
	for name, now := range r.deployed {
		if desired[name] || (w.only != nil && !w.only[name]) {
			continue
		}
		outcome = contract.OutcomeDeployed
		if now.instance && !stop() {
			now.healthy, now.err = false, true
			r.deployed[name] = now
			continue
		}
		delete(r.deployed, name)
	}
	for name, n := range before {
		if n > 0 && stop() {
			r.strays[name] -= n
		} else if now, exists := r.deployed[name]; n > 0 && exists {
			now.err = true
			r.deployed[name] = now
		}
	}
	if failed {
		outcome = contract.OutcomeFailed
	}
	end(outcome)
}

// differs are the pipelines that are not as the newest commit wants them.
func (r *reference) differs() map[string]bool {
	names, desired := map[string]bool{}, map[string]bool{}
	for _, p := range r.newest.Desired.Pipelines {
		desired[p.Pipeline] = true
		now := r.deployed[p.Pipeline]
		names[p.Pipeline] = !now.instance || !now.healthy || now.digest != digest(r.newest.Code, p)
	}
	for name := range r.deployed {
		names[name] = names[name] || !desired[name]
	}
	maps.DeleteFunc(names, func(_ string, differs bool) bool { return !differs })
	return names
}

// gone is a pipeline's instance that ended behind the environment's back.
func (r *reference) gone(name string) {
	now := r.deployed[name]
	now.instance, now.healthy, now.err = false, false, true
	r.deployed[name] = now
}

// mostRepairs is how often a day a reconcile replaces a pipeline (C14).
const mostRepairs = 3

// reconcile is whether there is something to repair; that is then under way.
func (r *reference) reconcile() bool {
	if today := time.Now().UTC().Format(time.DateOnly); r.repairDay != today {
		r.repairDay, r.repairs = today, map[string]int{}
	}
	only := map[string]bool{}
	for name := range r.differs() {
		if r.repairs[name] < mostRepairs {
			r.repairs[name]++
			only[name] = true
		}
	}
	if len(only) == 0 && r.left() == 0 {
		return false
	}
	r.underWay = &piece{n: r.next, commit: r.newest, only: only}
	r.next++
	return true
}

// left is how many instances failed stops have left.
func (r *reference) left() (n int) {
	for _, s := range r.strays {
		n += s
	}
	return n
}

// reaches is whether the work under way calls an activity; it changes nothing.
func (r *reference) reaches(activity string) bool {
	would := *r
	would.deployed, would.strays, would.outcomes = maps.Clone(r.deployed), maps.Clone(r.strays), nil
	would.perform()
	return would.reached[activity]
}

// status is the environment's (S3), at rest or with the work under way held at
// an activity.
func (r *reference) status(held string) string {
	switch {
	case r.scheduled:
		return contract.StatusDeletionScheduled
	case r.underWay != nil && !r.initialized && held == activities.EnsureActivity("vpc"):
		return contract.StatusInitializing
	case r.underWay != nil:
		return contract.StatusUpdating
	case !r.initialized:
		return contract.StatusFailed
	case len(r.differs()) > 0:
		return contract.StatusDegraded
	}
	for _, d := range r.deployed {
		if d.err { // C10: never ready
			return contract.StatusDegraded
		}
	}
	return contract.StatusReady
}
