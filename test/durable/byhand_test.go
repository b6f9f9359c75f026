package durable_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/aineko-dev/environments/internal/contract"
	"github.com/aineko-dev/environments/test/drive"
	"github.com/aineko-dev/environments/test/stack"
)

// hand is one life of an environment that somebody meddles with.
type hand struct {
	name string // of the environment, or of a project of its own
	// during is what the environment is at when it happens: see moments.
	during string
	// what is done by the command line to which workflow.
	what   []string
	target func(project, environment string) string
	// own is whether the environment lives in a project of its own.
	own bool
}

var (
	terminated = []string{"terminate"}
	resetFirst = []string{"reset", "--type", "FirstWorkflowTask"}
	resetLast  = []string{"reset", "--type", "LastWorkflowTask"}
)

func itself(project, environment string) string {
	return contract.EnvironmentWorkflowID(project, environment)
}

func child(of func(project, environment string, n int) string, n int) func(string, string) string {
	return func(project, environment string) string { return of(project, environment, n) }
}

func deletion(project, environment string) string {
	return contract.DeleteWorkflowID(project, environment)
}
func slotsOf(project, _ string) string { return contract.ProjectWorkflowID(project) }

// hands are the workflows that can be ended by hand, at every kind of work.
var hands = []hand{
	{"e-init", contract.StatusInitializing, terminated, itself, false},
	{"e-deploy", "deploying", terminated, itself, false},
	{"e-update", "updating", terminated, itself, false},
	{"e-idle", contract.StatusReady, terminated, itself, false},
	{"e-grace", contract.StatusDeletionScheduled, terminated, itself, false},
	{"e-delete", contract.StatusDeleting, terminated, itself, false},

	{"e-init-reset", contract.StatusInitializing, resetFirst, itself, false},
	{"e-init-back", contract.StatusInitializing, resetLast, itself, false},
	{"e-deploy-reset", "deploying", resetFirst, itself, false},
	{"e-deploy-back", "deploying", resetLast, itself, false},
	{"e-update-back", "updating", resetLast, itself, false},
	{"e-idle-reset", contract.StatusReady, resetFirst, itself, false},
	{"e-idle-back", contract.StatusReady, resetLast, itself, false},
	{"e-grace-back", contract.StatusDeletionScheduled, resetLast, itself, false},
	{"e-delete-back", contract.StatusDeleting, resetLast, itself, false},

	{"c-init", contract.StatusInitializing, terminated, child(contract.InitializeWorkflowID, 1), false},
	{"c-deploy", "deploying", terminated, child(contract.DeployWorkflowID, 1), false},
	{"c-update", "updating", terminated, child(contract.DeployWorkflowID, 2), false},
	{"c-destroy", "updating", terminated, child(contract.DestroyWorkflowID, 2), false},
	{"c-delete", contract.StatusDeleting, terminated, deletion, false},
	{"c-init-back", contract.StatusInitializing, resetLast, child(contract.InitializeWorkflowID, 1), false},
	{"c-deploy-back", "deploying", resetLast, child(contract.DeployWorkflowID, 1), false},
	{"c-delete-back", contract.StatusDeleting, resetLast, deletion, false},

	{"p-init", contract.StatusInitializing, terminated, slotsOf, true},
	{"p-idle", contract.StatusReady, terminated, slotsOf, true},
	{"p-delete", contract.StatusDeleting, terminated, slotsOf, true},
	{"p-idle-reset", contract.StatusReady, resetFirst, slotsOf, true},
	{"p-idle-back", contract.StatusReady, resetLast, slotsOf, true},
}

// few are those of every run; `./task soak` goes through all.
var few = []string{"e-init", "e-update", "e-delete", "e-deploy-reset", "e-idle-reset", "c-init", "c-delete", "p-init", "p-idle"}

// Whatever is ended by hand, and at whatever moment: the next commit takes up
// what exists, under the same id; afterwards the environment can be deleted,
// and nothing is left of it.
func TestC6_EndedByHandAtAnyMoment(t *testing.T) {
	t.Parallel() // it waits more than it works
	begun := time.Now()
	hands := slices.Clone(hands)
	if os.Getenv("SOAK") == "" {
		hands = slices.DeleteFunc(hands, func(h hand) bool { return !slices.Contains(few, h.name) })
	}
	s := drive.Start(t, map[string]string{"environment-limit": fmt.Sprint(len(hands) + 4), "reconcile-interval": "0", "deletion-grace": "3s"})
	c := dial(t, s)
	results := make([]error, len(hands))
	done, atOnce := make(chan int), make(chan struct{}, 8)
	for i, h := range hands {
		go func() {
			atOnce <- struct{}{}
			defer func() { <-atOnce }()
			results[i] = (&meddling{hand: h, t: t, s: s, c: c}).live(t.Context())
			done <- i
		}()
	}
	for range hands {
		i := <-done
		t.Logf("%s: %s: %v", time.Since(begun).Round(time.Second), hands[i].name, results[i])
	}
	for i, h := range hands {
		assert.NoError(t, results[i], h.name)
	}
	// Nothing in the account is anybody's but those who hold a slot.
	known := map[string]bool{}
	for _, project := range projects(hands) {
		for _, slot := range slots(t, c, project) {
			known[slot.EnvironmentID] = true
		}
	}
	account, err := s.Control().Account(t.Context())
	require.NoError(t, err)
	for _, r := range account {
		if id := r.Tags[contract.EnvironmentIDTag]; id != "" && !slices.Contains([]string{"terminated", "deleted"}, r.State) {
			assert.True(t, known[id], "%s %s of %s (%s) is nobody's", r.Kind, r.ID, id, r.Tags[contract.EnvironmentTag])
		}
	}
}

const meddled = "acme/byhand"

func projects(hands []hand) []string {
	all := []string{meddled}
	for _, h := range hands {
		if h.own {
			all = append(all, "acme/"+h.name)
		}
	}
	return all
}

// patience is how long each part of a life may take, where dozens are lived
// side by side on a loaded machine.
const patience = 3 * drive.Deadline

// meddling is one such life under way.
type meddling struct {
	hand
	t *testing.T
	s *stack.Stack
	c client.Client
}

func (m *meddling) project() string {
	if m.own {
		return "acme/" + m.name
	}
	return meddled
}

func (m *meddling) environment() string {
	if m.own {
		return "develop"
	}
	return m.name
}

func (m *meddling) live(ctx context.Context) error {
	// The way to the moment.
	var pushed chan error
	start := func(n int, pipelines ...string) {
		pushed = make(chan error, 1)
		go func() { pushed <- m.push(ctx, n, pipelines...) }()
	}
	switch m.during {
	case contract.StatusInitializing, "deploying":
		start(1, "one", "two")
	case "updating":
		if err := m.push(ctx, 1, "one", "two"); err != nil {
			return err
		}
		start(2, "one")
	case contract.StatusReady:
		if err := m.push(ctx, 1, "one", "two"); err != nil {
			return err
		}
	default:
		if err := m.push(ctx, 1); err != nil {
			return err
		}
		if err := m.c.SignalWorkflow(ctx, itself(m.project(), m.environment()), "", contract.DeleteEnvironmentSignal, nil); err != nil {
			return err
		}
	}
	before, err := m.await(ctx, m.during, func(e contract.EnvironmentStatus) bool {
		switch m.during {
		case contract.StatusInitializing:
			return e.VPCID != "" || e.Status == m.during && e.Progress.Done >= 4
		case "deploying", "updating":
			return e.Status == contract.StatusUpdating && e.Work != ""
		case contract.StatusDeleting:
			return e.Status == m.during && e.Progress.Done >= 2
		}
		return e.Status == m.during
	})
	if err != nil {
		return err
	}
	args := append([]string{"workflow", m.what[0], "--workflow-id", m.target(m.project(), m.environment()), "--reason", "a test"}, m.what[1:]...)
	if out, err := m.s.Tool(ctx, "temporal", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w\n%s", args, err, out)
	}
	if pushed != nil {
		select {
		case <-pushed: // it says what became of it, or that it does not know
		case <-time.After(2 * patience):
			return errors.New("the starter that waits does not end")
		}
	}

	// An operator takes up a tear-down whose environment is gone, without a commit.
	if m.name == "e-delete" {
		if out, err := m.s.Tool(ctx, "starter", "delete-environment", "--project", m.project(), "--environment", m.environment()).CombinedOutput(); err != nil {
			return fmt.Errorf("deleting it again: %w\n%s", err, out)
		}
		if err := m.gone(ctx, before.EnvironmentID); err != nil {
			return fmt.Errorf("deleting it again: %w", err)
		}
	}

	// The next commit takes up what exists.
	deleting := m.during == contract.StatusDeletionScheduled || m.during == contract.StatusDeleting
	if err := m.push(ctx, 3, "one"); err != nil {
		return fmt.Errorf("the next commit: %w", err)
	}
	after, err := m.await(ctx, "the end", func(e contract.EnvironmentStatus) bool { return e.Status == contract.StatusReady && e.Deployment == "" })
	if err != nil {
		return err
	}
	if before.EnvironmentID != after.EnvironmentID && !deleting {
		return fmt.Errorf("it was %s, and is %s", before.EnvironmentID, after.EnvironmentID)
	}
	if err := m.whole(ctx, after, "one"); err != nil {
		return err
	}

	// It can be deleted, and nothing is left.
	if err := m.push(ctx, 4); err != nil {
		return fmt.Errorf("the last commit: %w", err)
	}
	if err := m.c.SignalWorkflow(ctx, itself(m.project(), m.environment()), "", contract.DeleteEnvironmentSignal, nil); err != nil {
		return err
	}
	return m.gone(ctx, before.EnvironmentID, after.EnvironmentID)
}

// gone waits until the environment's workflow has ended, and looks that nothing
// is left of those lives.
func (m *meddling) gone(ctx context.Context, lives ...string) error {
	within, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := m.c.GetWorkflow(within, itself(m.project(), m.environment()), "").Get(within, nil); err != nil {
		return fmt.Errorf("its workflow's end: %w", err)
	}
	for _, id := range lives {
		if left, err := m.roles(ctx, id); err != nil || len(left) > 0 {
			return fmt.Errorf("left of %s: %v, %v", id, left, err)
		}
	}
	return nil
}

// push pushes until it is told the outcome, which must be a good one.
func (m *meddling) push(ctx context.Context, n int, pipelines ...string) error {
	file := drive.DeployFile(m.t, drive.Listing(m.environment(), pipelines...))
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Second) {
		o, code, errs := drive.Push(ctx, m.s, m.project(), m.environment(), file, n, "--timeout", "1m")
		if o.Outcome == contract.OutcomeDeployed || o.Outcome == contract.OutcomeUnchanged {
			return nil
		}
		deleting := strings.Contains(o.Reason, "being deleted") || strings.Contains(o.Reason, "to be deleted")
		if time.Now().After(deadline) || o.Outcome != "" && o.Outcome != contract.OutcomePending && o.Outcome != contract.OutcomeFailed && !deleting {
			return fmt.Errorf("%d: exit code %d, %s: %s %s", n, code, o.Outcome, o.Reason, errs)
		}
	}
}

func (m *meddling) await(ctx context.Context, what string, is func(contract.EnvironmentStatus) bool) (contract.EnvironmentStatus, error) {
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		var e contract.EnvironmentStatus
		answer, err := m.c.QueryWorkflow(ctx, itself(m.project(), m.environment()), "", contract.StatusQuery)
		if err == nil {
			err = answer.Get(&e)
		}
		if err == nil && is(e) {
			return e, nil
		}
		if time.Now().After(deadline) {
			return e, fmt.Errorf("not %s: %v; %s %s, step %d of %d", what, err, e.Status, e.Reason, e.Progress.Done, e.Progress.Total)
		}
	}
}

func (m *meddling) roles(ctx context.Context, id string) (map[string]int, error) {
	account, err := m.s.Control().Account(ctx)
	found := map[string]int{}
	for _, r := range account {
		if r.Tags[contract.EnvironmentIDTag] == id && !slices.Contains([]string{"terminated", "deleted", "shutting-down"}, r.State) {
			found[r.Kind+" "+r.Tags[contract.RoleTag]+r.Tags[contract.PipelineTag]]++
		}
	}
	return found, err
}

// whole is whether everything is there once, and these pipelines.
func (m *meddling) whole(ctx context.Context, e contract.EnvironmentStatus, pipelines ...string) error {
	found, err := m.roles(ctx, e.EnvironmentID)
	if err != nil {
		return err
	}
	var wrong []string
	instances := 0
	for role, n := range found {
		if n != 1 {
			wrong = append(wrong, fmt.Sprintf("%s is there %d times", role, n))
		}
		if strings.HasPrefix(role, "instance pipeline") {
			instances++
		}
	}
	for _, role := range []string{"vpc vpc", "natgateway nat-a", "elastic-ip nat-address-a", "instance broker", "volume broker-volume"} {
		if found[role] == 0 {
			wrong = append(wrong, role+" is not there")
		}
	}
	if instances != len(pipelines) || len(e.Pipelines) != len(pipelines) {
		wrong = append(wrong, fmt.Sprintf("pipelines: %v in the account, %+v in the status, want %v", found, e.Pipelines, pipelines))
	}
	if len(wrong) > 0 {
		return errors.New(strings.Join(wrong, "; "))
	}
	return nil
}
