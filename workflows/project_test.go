package workflows_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/testsuite"

	"github.com/aineko-dev/environments/activities"
	"github.com/aineko-dev/environments/internal/contract"
	"github.com/aineko-dev/environments/workflows"
)

// projectScene is one project in a test.
type projectScene struct {
	t         *testing.T
	env       *testsuite.TestWorkflowEnvironment
	started   []string
	recovered []contract.Slot
	empty     map[string]bool
	n         int
}

func newProject(t *testing.T) *projectScene {
	suite := &testsuite.WorkflowTestSuite{}
	suite.SetLogger(quiet{})
	s := &projectScene{t: t, env: suite.NewTestWorkflowEnvironment(), empty: map[string]bool{}}
	workflows.Register(s.env)
	f := newFake()
	for name, function := range map[string]any{
		activities.ReadSettings: func(context.Context) (activities.Frame, error) { return f.frame(), nil },
		activities.RecoverSlots: func(context.Context, activities.RecoverSlotsInput) ([]contract.Slot, error) { return s.recovered, nil },
		activities.StartEnvironment: func(_ context.Context, in activities.StartEnvironmentInput) error {
			f.mu.Lock()
			defer f.mu.Unlock()
			s.started = append(s.started, in.Environment)
			return nil
		},
		activities.InspectSlot: func(_ context.Context, in activities.InspectSlotInput) (activities.SlotInspection, error) {
			return activities.SlotInspection{Empty: s.empty[in.Slot.Environment]}, nil
		},
	} {
		s.env.RegisterActivityWithOptions(function, activity.RegisterOptions{Name: name})
	}
	s.env.SetStartWorkflowOptions(client.StartWorkflowOptions{ID: contract.ProjectWorkflowID("acme/churn"), TaskQueue: "q"})
	return s
}

func (s *projectScene) run() {
	s.env.RegisterDelayedCallback(s.env.CancelWorkflow, time.Hour)
	s.env.ExecuteWorkflow(contract.ProjectWorkflow, contract.ProjectInput{Project: "acme/churn"})
}

func (s *projectScene) update(at time.Duration, name string, args ...any) *answer {
	a := &answer{}
	s.n++
	id := fmt.Sprintf("u%d", s.n)
	s.env.RegisterDelayedCallback(func() {
		s.env.UpdateWorkflow(name, id, &testsuite.TestUpdateCallback{
			OnAccept: func() {}, OnReject: func(err error) { a.rejected = err },
			OnComplete: func(result any, err error) { a.result, a.err = result, err },
		}, args...)
	}, at)
	return a
}

func (s *projectScene) take(at time.Duration, environment, run string) *answer {
	return s.update(at, contract.TakeSlotUpdate, contract.TakeSlotRequest{Environment: environment, Run: run, Account: "1", Region: "r", Limit: 4})
}

func (a *answer) slot(t *testing.T) contract.TakeSlotAnswer {
	t.Helper()
	require.NoError(t, a.failed())
	require.IsType(t, contract.TakeSlotAnswer{}, a.result)
	return a.result.(contract.TakeSlotAnswer)
}

func TestC5_DevelopAndProductionOnceSideBySide(t *testing.T) {
	s := newProject(t)
	first := s.take(0, "staging", "run-1")
	created := s.update(minute, contract.CreateProjectUpdate)
	again := s.update(2*minute, contract.CreateProjectUpdate)
	s.run()
	assert.ElementsMatch(t, []string{"develop", "production"}, s.started)
	assert.True(t, first.slot(t).Granted)
	require.NoError(t, created.failed())
	assert.Equal(t, created.result, again.result)
	var names []string
	for _, slot := range created.result.(contract.ProjectStatus).Slots {
		names = append(names, slot.Environment)
	}
	assert.Equal(t, []string{"develop", "production", "staging"}, names)
}

func TestC6_OfManyAtOnceExactlyAsManyWinAsThereAreSlots(t *testing.T) {
	s := newProject(t)
	var answers []*answer
	for i := range 50 {
		answers = append(answers, s.take(minute, fmt.Sprintf("env-%d", i), fmt.Sprintf("run-%d", i)))
	}
	s.run()
	granted := 0
	ids := map[string]bool{}
	for _, a := range answers {
		slot := a.slot(t)
		if slot.Granted {
			granted++
			ids[slot.Slot.EnvironmentID] = true
			continue
		}
		assert.Len(t, slot.Holders, 4)
		assert.Contains(t, slot.Holders, "develop")
	}
	assert.Equal(t, 2, granted, "two of the four are develop's and production's")
	assert.Len(t, ids, 2)
}

func TestC6_TheSameRunGetsTheSameAnswerTheNextOneResumes(t *testing.T) {
	s := newProject(t)
	first := s.take(minute, "staging", "run-1")
	again := s.take(2*minute, "staging", "run-1")
	next := s.take(3*minute, "staging", "run-2")
	s.run()
	assert.Equal(t, first.slot(t).Slot, again.slot(t).Slot)
	assert.False(t, again.slot(t).Resumed)
	assert.True(t, next.slot(t).Resumed)
	assert.Equal(t, first.slot(t).Slot.EnvironmentID, next.slot(t).Slot.EnvironmentID)
	assert.Equal(t, 2, next.slot(t).Slot.Incarnation)
}

func TestC6_ALateReleaseFreesNothingOfALaterLife(t *testing.T) {
	s := newProject(t)
	first := s.take(minute, "staging", "run-1")
	s.env.RegisterDelayedCallback(func() {
		old := contract.FreeSlotRequest{EnvironmentID: first.slot(t).Slot.EnvironmentID}
		s.update(0, contract.FreeSlotUpdate, old)
		s.update(2*minute, contract.FreeSlotUpdate, old)
	}, 2*minute)
	second := s.take(3*minute, "staging", "run-2")
	var status contract.ProjectStatus
	s.env.RegisterDelayedCallback(func() {
		value, err := s.env.QueryWorkflow(contract.StatusQuery)
		require.NoError(t, err)
		require.NoError(t, value.Get(&status))
	}, 10*minute)
	s.run()
	assert.NotEqual(t, first.slot(t).Slot.EnvironmentID, second.slot(t).Slot.EnvironmentID)
	assert.False(t, second.slot(t).Resumed, "a new life takes over nothing of the old one")
	require.Len(t, status.Slots, 3)
	assert.Equal(t, second.slot(t).Slot.EnvironmentID, status.Slots[2].EnvironmentID)
}

func TestC6_ASlotWithNothingBehindItIsFreedBeforeAnyoneIsRefused(t *testing.T) {
	s := newProject(t)
	s.empty["three"] = true
	s.take(minute, "three", "run-3")
	s.take(2*minute, "four", "run-4")
	fifth := s.take(3*minute, "five", "run-5")
	sixth := s.take(4*minute, "six", "run-6")
	s.run()
	assert.True(t, fifth.slot(t).Granted)
	assert.Equal(t, contract.TakeSlotAnswer{Limit: 4, Holders: []string{"develop", "five", "four", "production"}}, sixth.slot(t))
}

func TestC6_AProjectThatLostItsWorkflowFindsItsEnvironments(t *testing.T) {
	s := newProject(t)
	s.recovered = []contract.Slot{{Environment: "staging", EnvironmentID: "env-old", Account: "1", Region: "r", Incarnation: 5}}
	taken := s.take(minute, "staging", "run-9")
	s.run()
	assert.Empty(t, s.started, "develop and production are started once in a project's life")
	assert.Equal(t, "env-old", taken.slot(t).Slot.EnvironmentID)
	assert.True(t, taken.slot(t).Resumed)
}
