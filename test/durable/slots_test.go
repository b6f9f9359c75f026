package durable_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aineko-dev/environments/activities"
	"github.com/aineko-dev/environments/internal/contract"
	"github.com/aineko-dev/environments/test/world"
)

// Fifty pushes of new environments to a new project at once, while answers of
// the project are lost and the worker is restarted: as many win as there are
// slots, the others are told who holds them; a slot that nothing stands behind
// is found and freed.
func TestC6_FiftyPushesForTheLastSlots(t *testing.T) {
	d := newDevelop(t, world.Options{})
	d.LoseSlots(3)
	const pushes = 50
	answers := make([]world.Answer, pushes)
	name := func(i int) string { return fmt.Sprintf("env-%d", i) }
	var all sync.WaitGroup
	for i := range pushes {
		all.Go(func() {
			a, err := d.Push(d.ctx, "push-"+name(i), world.Commit(acme, name(i), 1))
			assert.NoError(t, err)
			answers[i] = a
		})
	}
	world.Eventually(t, "the project has begun", func() bool { _, err := d.Project(d.ctx, acme); return err == nil })
	d.RestartWorker(t)
	all.Wait()
	project, err := d.Project(d.ctx, acme)
	require.NoError(t, err)
	var holders []string
	for _, slot := range project.Slots {
		holders = append(holders, slot.Environment)
	}
	slices.Sort(holders)
	require.Len(t, holders, 4)
	won := 0
	for i, a := range answers {
		if a.Refused == "" {
			won++
			assert.Contains(t, holders, name(i))
			continue
		}
		assert.Equal(t, contract.ErrRefused, a.Refused, a.Message)
		assert.NotContains(t, holders, name(i))
		assert.Contains(t, a.Message, strings.Join(holders, ", "))
	}
	assert.Equal(t, 2, won, "two of the four are develop's and production's")
	for _, holder := range holders {
		world.Eventually(t, holder+" is ready", func() bool {
			s, err := d.Status(d.ctx, acme, holder)
			return err == nil && s.Status == contract.StatusReady
		})
	}
	assert.Len(t, d.Networks(), 4)
	assert.Empty(t, d.Twice())
}

// A workflow that is ended by hand between taking its slot and using it leaves
// the slot behind: it is freed before anyone is refused.
func TestC6_ALeakedSlotIsFoundAndFreed(t *testing.T) {
	d := newDevelop(t, world.Options{})
	d.name = "third"
	d.ended(d.push(d.commit(1)))
	d.name = "leaked"
	defer d.Hold(activities.EnsureActivity("vpc"), d.name)() // nothing is ever made
	d.push(d.commit(1))
	d.held(activities.EnsureActivity("vpc"))
	leaked := d.status().EnvironmentID
	require.NoError(t, d.Client.TerminateWorkflow(d.ctx, contract.EnvironmentWorkflowID(acme, d.name), "", "a test"))
	d.name = "fifth"
	assert.Equal(t, contract.OutcomeUnchanged, d.ended(d.push(d.commit(1))).Outcome, "the leaked slot is free")
	d.name = "sixth"
	refused := d.push(d.commit(1))
	assert.Equal(t, contract.ErrRefused, refused.Refused)
	assert.Contains(t, refused.Message, "develop, fifth, production, third")
	assert.NotContains(t, d.Networks(), leaked)
}
