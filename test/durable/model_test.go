package durable_test

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/aineko-dev/environments/activities"
	"github.com/aineko-dev/environments/internal/contract"
	"github.com/aineko-dev/environments/test/world"
)

// Random lives of an environment against the reference of reference_test.go:
// commits of every kind, operators, failing activities, lost answers, worker
// restarts, runs that end. A failure names the seed and the shortest sequence
// of actions that was found; -rapid.seed repeats one, -rapid.checks and
// -rapid.steps say how many lives there are, and how long. SOAK=1 goes through many.
func TestC7_RandomLivesAgainstTheModel(t *testing.T) {
	t.Parallel() // it waits more than it works
	lives, steps := "4", "20"
	if os.Getenv("SOAK") != "" {
		lives, steps = "60", "40"
	}
	for name, value := range map[string]string{"rapid.checks": lives, "rapid.steps": steps, "rapid.nofailfile": "true"} {
		if f := flag.Lookup(name); f.Value.String() == f.DefValue {
			require.NoError(t, flag.Set(name, value))
		}
	}
	w := world.New(t, world.Options{ContinueAfter: 80})
	w.Set(func(s *activities.Settings) { s.EnvironmentLimit = 100_000 })
	environments, done, deletions := 0, map[string]int{}, 0
	rapid.Check(t, func(t *rapid.T) {
		environments++
		l := &life{T: t, World: w, name: fmt.Sprintf("m%d", environments), first: environments * 10_000, reference: newReference(), done: done}
		var cancel context.CancelFunc
		l.ctx, cancel = context.WithTimeout(context.Background(), world.Deadline)
		defer cancel()
		defer func() { l.letGo(); l.mend() }()
		t.Repeat(map[string]func(*rapid.T){
			"":            l.check,
			"push":        l.push,
			"push more":   l.push,
			"push again":  l.push,
			"hold":        l.hold,
			"release":     l.release,
			"fail":        l.fail,
			"stumble":     l.stumble,
			"retry":       l.retry,
			"reconcile":   l.reconcile,
			"delete":      l.delete,
			"cancel":      l.cancel,
			"restart":     l.restart,
			"pause":       l.pause,
			"lose a slot": l.loseSlot,
		})
		l.letGo()
		l.settle()
		l.check(t)
		deletions += l.deletions
	})
	runs, err := w.Runs(t.Context(), "WorkflowType = 'environment'")
	require.NoError(t, err)
	t.Logf("%d environments, %d runs of their workflows, %d deletions, actions: %v", environments, len(runs), deletions, done)
}

// life is one environment, beside what the reference says of it.
type life struct {
	*rapid.T
	*world.World
	*reference
	ctx       context.Context
	name, id  string
	first, n  int // numbers of commits: where they begin, and how many there are
	asked     int
	ids       []string // of earlier lives
	deletions int
	done      map[string]int

	gate string // the activity at which work is to be held; held: one is
	held bool
	open func()
}

func (l *life) did(what string) { l.done[what]++ }

var pipelines = []string{"one", "two", "three"}

// push sends a commit that is new, the newest again, older, a rollback, …
func (l *life) push(t *rapid.T) {
	kind := "new"
	if l.newest != nil {
		kind = rapid.SampledFrom([]string{"new", "new", "new", "new", "same", "other file", "older", "rollback", "earlier", "later", "stale"}).Draw(t, "kind")
	}
	c := l.drawCommit(t)
	newer, stale := true, false
	var a world.Answer
	var err error
	l.asked++
	key := fmt.Sprintf("%s-%d", l.name, l.asked)
	switch kind {
	case "same":
		again := *l.newest
		c = &again
	case "other file":
		c.SHA, c.Code = l.newest.SHA, l.newest.Code
	case "older", "rollback":
		old := world.Commit(acme, l.name, l.first+rapid.IntRange(0, l.n-1).Draw(t, "which"))
		c.SHA, newer = old.SHA, old.SHA > l.newest.SHA
		c.AllowRollback = kind == "rollback"
	case "earlier", "later":
		c.CommittedAt = l.newest.CommittedAt.Add(time.Minute)
		if newer = kind == "later"; !newer {
			c.CommittedAt = l.newest.CommittedAt.Add(-time.Minute)
		}
		c.Evidence = contract.Evidence{ComparedWith: l.newest.SHA}
	case "stale":
		c.Evidence = contract.Evidence{ComparedWith: world.SHA(l.first + 9_999), Kind: contract.EvidenceOrigin, Newer: true}
		stale = true
	}
	existed, newest := l.exists, l.newest
	refused, number, joined := l.reference.push(c, newer, stale)
	t.Logf("  %s …%s: lists %v (listed %t, near miss %t, allow-destroy %t), broken %t; the model says %q", kind, c.SHA[32:], names(c.Desired.Pipelines),
		c.Desired.Listed, c.nearMiss, c.AllowDestroy, l.broken[c.SHA], refused)
	if kind == "earlier" || kind == "later" || stale {
		a, err = l.Send(l.ctx, key, c.Commit)
	} else {
		a, err = l.Push(l.ctx, key, c.Commit)
	}
	require.NoError(t, err)
	l.did("push: " + kind + " " + refused)
	require.Equal(t, refused, a.Refused, a.Message)
	switch refused {
	case contract.ErrCompareAgain:
		require.Equal(t, newest.SHA, a.Message)
	case contract.ErrSuperseded:
		require.Equal(t, contract.OutcomeSuperseded, a.Outcome.Outcome)
		require.Contains(t, a.Message, newest.SHA)
	case contract.ErrRefused:
		want := contract.OutcomeRefused
		if !existed {
			want = contract.OutcomeIgnored
		}
		require.Equal(t, want, a.Outcome.Outcome, a.Message)
	}
	if refused == "" {
		l.identify()
		require.Equal(t, world.Answer{CommitAnswer: contract.CommitAnswer{Deployment: fmt.Sprintf("%s/%d", l.id, number), Joined: joined}}, a)
	}
	l.settle()
}

// drawCommit is a new commit: of code of its own or the newest's, with any pipelines or none.
func (l *life) drawCommit(t *rapid.T) *pushed {
	c := &pushed{Commit: world.Commit(acme, l.name, l.first+l.n, rapid.SliceOfNDistinct(rapid.SampledFrom(pipelines), 0, 3, rapid.ID).Draw(t, "pipelines")...)}
	l.n++
	c.CommittedAt = time.Date(2026, 1, 1, 0, 0, l.n, 0, time.UTC)
	if l.newest != nil && rapid.Bool().Draw(t, "edits deploy.yml alone") {
		c.Code = l.newest.Code
	}
	for i := range c.Desired.Pipelines {
		c.Desired.Pipelines[i].Machine.MemGiB = rapid.SampledFrom([]int{8, 8, 16}).Draw(t, "GiB")
	}
	if rapid.IntRange(0, 4).Draw(t, "unlisted") == 4 {
		c.Desired = contract.Desired{Environments: []string{"elsewhere"}}
		if c.nearMiss = rapid.Bool().Draw(t, "near miss"); c.nearMiss {
			c.Desired.Environments = append(c.Desired.Environments, strings.ToUpper(l.name))
		}
		c.AllowDestroy = rapid.Bool().Draw(t, "allow-destroy")
	}
	if rapid.IntRange(0, 3).Draw(t, "broken") == 3 {
		l.broken[c.SHA] = true
		l.Break(c.SHA, true)
	}
	return c
}

func names(all []contract.Pipeline) []string {
	var names []string
	for _, p := range all {
		names = append(names, p.Pipeline)
	}
	return names
}

// identify reads the id of a life when it begins: it is none of an earlier one (X5).
func (l *life) identify() {
	if l.id != "" {
		return
	}
	l.id = l.see().EnvironmentID
	require.NotContains(l, l.ids, l.id)
}

// see reads the status; while a worker restarts, a query may run out of time.
func (l *life) see() (s contract.EnvironmentStatus) {
	world.Eventually(l, "the status can be read", func() (read bool) {
		var err error
		s, err = l.Status(l.ctx, acme, l.name)
		return err == nil
	})
	return s
}

// settle goes on until work is held, or all is at rest.
func (l *life) settle() {
	for !l.held && (l.underWay != nil || l.waiting != nil) {
		if l.underWay == nil {
			l.underWay, l.waiting = l.waiting, nil
		}
		if l.gate != "" && l.reaches(l.gate) {
			world.Eventually(l, l.gate+" is held", func() bool { return l.Held(l.gate, l.name) })
			l.held = true
			return
		}
		l.perform()
	}
	if l.held || !l.exists {
		return
	}
	world.Eventually(l, "nothing is under way", func() bool {
		s, err := l.Status(l.ctx, acme, l.name)
		return err == nil && s.UnderWay == nil && s.Waiting == nil && s.Status != contract.StatusInitializing &&
			len(s.Outcomes) >= len(l.outcomes)
	})
	l.mend()
}

// mend ends the faults: they last until the environment is at rest.
func (l *life) mend() {
	for activity := range l.failing {
		l.FailNext(activity, l.name, 0)
	}
	clear(l.failing)
}

// hold lets the next work wait in the middle. Where an action does not fit the
// moment, rapid's Skip draws another in its place: no test is left out.
func (l *life) hold(t *rapid.T) {
	if l.gate != "" || l.scheduled {
		t.Skip()
	}
	l.gate = rapid.SampledFrom([]string{activities.EnsureActivity("vpc"), activities.BeginWork, activities.LaunchPipeline, activities.StopPipeline}).Draw(t, "at")
	l.open = l.Hold(l.gate, l.name)
	l.did("hold")
}

func (l *life) release(t *rapid.T) {
	if l.gate == "" {
		t.Skip()
	}
	l.letGo()
	l.settle()
	l.did("release")
}

func (l *life) letGo() {
	if l.open != nil {
		l.open()
	}
	l.gate, l.held, l.open = "", false, nil
}

// fail makes an activity fail for good, until the environment is at rest.
func (l *life) fail(t *rapid.T) {
	if l.held {
		t.Skip()
	}
	activity := rapid.SampledFrom([]string{activities.EnsureActivity("vpc"), activities.LaunchPipeline, activities.StopPipeline}).Draw(t, "which fails")
	l.failing[activity] = true
	l.FailNext(activity, l.name, 1000)
	l.did("fail")
}

// stumble makes an activity fail in a way that passes: nothing shows it.
func (l *life) stumble(t *rapid.T) {
	l.Stumble(rapid.SampledFrom([]string{
		activities.EnsureActivity("nat-gateway"), activities.BeginWork, activities.LaunchPipeline, activities.CheckPipeline, activities.StopPipeline, activities.FindResources,
	}).Draw(t, "which stumbles"), l.name, 2)
	l.did("stumble")
}

func (l *life) loseSlot(t *rapid.T) {
	if l.exists {
		t.Skip()
	}
	l.LoseSlots(1)
	l.did("lose a slot")
}

func (l *life) restart(t *rapid.T) {
	l.RestartWorker(t)
	l.did("restart")
}

// pause is long enough for a run to end, where its history is long.
func (l *life) pause(t *rapid.T) {
	time.Sleep(1200 * time.Millisecond)
	l.did("pause")
}

func (l *life) retry(t *rapid.T) {
	if !l.exists {
		t.Skip()
	}
	refused, n := l.reference.retry()
	var answer contract.CommitAnswer
	a, err := l.Ask(l.ctx, acme, l.name, contract.RetryUpdate, contract.OperatorRequest{}, &answer)
	require.NoError(t, err)
	require.Equal(t, refused, a.Refused == contract.ErrRefused, a.Message)
	if !refused {
		require.Equal(t, fmt.Sprintf("%s/%d", l.id, n), answer.Deployment)
	}
	l.settle()
	l.did("retry")
}

// reconcile looks at the account, where an instance may have gone (C14).
func (l *life) reconcile(t *rapid.T) {
	if !l.exists || l.held || l.gate != "" {
		t.Skip()
	}
	if running := slices.Sorted(maps.Keys(l.deployed)); len(running) > 0 && !l.scheduled && l.left() == 0 && rapid.Bool().Draw(t, "an instance is gone") {
		name := rapid.SampledFrom(running).Draw(t, "whose")
		for _, i := range l.Instances(l.id) {
			if i.Pipeline == name {
				l.Terminate(l.id, i.ID)
				l.gone(name)
			}
		}
	}
	refused := l.scheduled || !l.initialized
	if !refused && l.reference.reconcile() {
		l.perform()
	}
	a, err := l.Ask(l.ctx, acme, l.name, contract.ReconcileUpdate, contract.OperatorRequest{}, nil)
	require.NoError(t, err)
	require.Equal(t, refused, a.Refused == contract.ErrRefused, a.Message)
	l.settle()
	l.did("reconcile")
}

// ask asks by signal or by update, and returns how it was refused.
func (l *life) ask(t *rapid.T, what string) (refusal string) {
	l.asked++
	r := contract.OperatorRequest{RequestedBy: fmt.Sprintf("operator-%d", l.asked), Reason: "a model"}
	if rapid.Bool().Draw(t, "by update") {
		a, err := l.Ask(l.ctx, acme, l.name, what, r, nil)
		require.NoError(t, err)
		return a.Message
	}
	require.NoError(t, l.Client.SignalWorkflow(l.ctx, contract.EnvironmentWorkflowID(acme, l.name), "", what, r))
	world.Eventually(t, what+" is answered", func() bool {
		s, err := l.Status(l.ctx, acme, l.name)
		i := slices.IndexFunc(s.Requests, func(have contract.Request) bool { return have.RequestedBy == r.RequestedBy })
		if err != nil || i < 0 {
			return false
		}
		refusal = s.Requests[i].Answer
		return true
	})
	text, refused := strings.CutPrefix(refusal, "refused: ")
	if refused {
		return text
	}
	return ""
}

// delete asks for the deletion, at times with no grace: it is then carried out.
func (l *life) delete(t *rapid.T) {
	if !l.exists {
		t.Skip()
	}
	before := l.scheduled
	accepted := l.requestDeletion()
	atOnce := accepted && !before && l.gate == "" && rapid.Bool().Draw(t, "no grace")
	if atOnce {
		l.Set(func(s *activities.Settings) { s.DeletionGrace = 0 })
		defer l.Set(func(s *activities.Settings) { s.DeletionGrace = time.Hour })
	}
	refusal := l.ask(t, contract.DeleteEnvironmentSignal)
	require.Equal(t, accepted, refusal == "", refusal)
	l.did(fmt.Sprintf("delete: %t", accepted))
	if !atOnce {
		return
	}
	world.Eventually(t, "the workflow has ended", func() bool {
		running, err := l.Running(l.ctx, contract.EnvironmentWorkflowID(acme, l.name))
		return err == nil && !running
	})
	require.NotContains(t, l.Networks(), l.id, "nothing is left (X4)")
	project, err := l.Project(l.ctx, acme)
	require.NoError(t, err)
	for _, slot := range project.Slots {
		require.NotEqual(t, l.id, slot.EnvironmentID, "its slot is free (X5)")
	}
	broken := l.broken
	l.mend()
	l.reference = newReference()
	l.broken = broken
	l.ids, l.id = append(l.ids, l.id), ""
	l.deletions++
}

func (l *life) cancel(t *rapid.T) {
	if !l.exists {
		t.Skip()
	}
	refusal := l.ask(t, contract.CancelDeletionSignal)
	require.Equal(t, l.scheduled, refusal == "", refusal)
	l.did(fmt.Sprintf("cancel: %t", l.scheduled))
	l.scheduled = false
}

// check holds everything that can be seen against the reference.
func (l *life) check(t *rapid.T) {
	if !l.exists {
		return
	}
	s := l.see()
	require.Equal(t, l.status(l.gate), s.Status, s.Reason)
	require.Equal(t, l.newest.SHA, s.Commit)
	var have []ended
	for _, o := range s.Outcomes {
		n := 0
		_, err := fmt.Sscanf(o.Deployment, l.id+"/%d", &n)
		require.NoError(t, err, o.Deployment)
		have = append(have, ended{n, o.Commit, o.Outcome})
	}
	require.Equal(t, l.outcomes, have, "every deployment has one outcome, in the order in which they ended")
	require.Empty(t, l.Twice())
	if l.held {
		require.Equal(t, l.underWay.commit.SHA, s.UnderWay.Commit)
		require.Equal(t, l.waiting != nil, s.Waiting != nil)
		if l.waiting != nil {
			require.Equal(t, l.waiting.commit.SHA, s.Waiting.Commit)
		}
		return
	}
	shown := map[string]deployed{}
	for _, p := range s.Pipelines {
		shown[p.Name] = deployed{
			commit: p.Commit, digest: l.deployed[p.Name].digest, instance: p.InstanceID != "", healthy: p.Status == contract.PipelineRunning, err: p.Error != "",
		}
	}
	assert.Equal(t, l.deployed, shown, "the deployed state")
	instances, want := map[string]int{}, maps.Clone(l.strays)
	for _, i := range l.Instances(l.id) {
		instances[i.Pipeline]++
	}
	for name, d := range l.deployed {
		if d.instance {
			want[name]++
		}
	}
	maps.DeleteFunc(want, func(_ string, n int) bool { return n == 0 })
	require.Equal(t, want, instances, "the account's instances")
}
