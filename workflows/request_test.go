package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/workflow"

	"github.com/aineko-dev/environments/internal/contract"
)

// Whoever asks is shown by what he claims, beside what Temporal recorded.
func TestT6_TheClaimBesideTheRecordedIdentity(t *testing.T) {
	s := newScene(t)
	s.commit(0, pushed("a", "", "one"))
	s.signal(minute, contract.DeleteEnvironmentSignal, contract.OperatorRequest{RequestedBy: "ops", Reason: "done"})
	s.signal(2*minute, contract.DeleteEnvironmentSignal, contract.OperatorRequest{RequestedBy: "dev"})
	s.update(3*minute, contract.RetryUpdate, contract.OperatorRequest{RequestedBy: "ops"})
	status := s.status(4 * minute)
	s.run(5 * minute)
	require.Len(t, status.Requests, 3)
	assert.Equal(t, "ops", status.Requests[0].RequestedBy)
	assert.Equal(t, "done", status.Requests[0].Reason)
	assert.Equal(t, "delete-environment 1", status.Requests[0].Identity)
	assert.Contains(t, status.Requests[0].Answer, "refused: pipelines run in it: one")
	assert.Equal(t, "delete-environment 2", status.Requests[1].Identity)
	assert.Equal(t, contract.Request{What: "retry", At: status.Requests[2].At, RequestedBy: "ops", Identity: "update-2 0", Answer: "accepted", Times: 1}, status.Requests[2])
	assert.Equal(t, "delete-environment 2", status.Deletion.Identity)
}

// A signal that nobody knows is noted, counted, and in nobody's way.
func TestT4_AMistypedSignalIsNotedAndDoesNotKeepTheRunFromEnding(t *testing.T) {
	s := newScene(t)
	for range 3 {
		s.signal(minute, "delete-enviroment", contract.OperatorRequest{RequestedBy: "ops"})
	}
	status := s.status(2 * minute)
	s.env.RegisterDelayedCallback(func() { s.env.SetContinueAsNewSuggested(true) }, 3*minute)
	s.signal(3*minute, "another", nil)
	s.run(time.Hour)
	require.Len(t, status.Requests, 1)
	assert.Equal(t, "delete-enviroment", status.Requests[0].What)
	assert.Equal(t, 3, status.Requests[0].Times)
	assert.Contains(t, status.Requests[0].Answer, "there is no such signal")
	var next *workflow.ContinueAsNewError
	assert.ErrorAs(t, s.env.GetWorkflowError(), &next)
}

// Also while a deletion waits, a long history ends in a new run.
func TestT4_ContinuesAsNewInTheGracePeriod(t *testing.T) {
	s := newScene(t)
	s.signal(minute, contract.DeleteEnvironmentSignal, nil)
	s.env.RegisterDelayedCallback(func() { s.env.SetContinueAsNewSuggested(true) }, 2*minute)
	s.signal(3*minute, contract.DeleteEnvironmentSignal, nil)
	s.run(time.Hour)
	var next *workflow.ContinueAsNewError
	require.ErrorAs(t, s.env.GetWorkflowError(), &next)
	assert.Contains(t, string(next.Input.Payloads[0].Data), `"deletionPhase":"scheduled"`)
	assert.Zero(t, s.count("find-resources"))
}

// A commit that comes while a long history is about to end in a new run is not
// kept waiting; the new run comes after it.
func TestT4_ACommitEndsTheQuietBeforeANewRun(t *testing.T) {
	s := newScene(t)
	s.commit(0, pushed("a", "", "one"))
	s.env.RegisterDelayedCallback(func() { s.env.SetContinueAsNewSuggested(true) }, 60*minute)
	s.commit(60*minute, pushed("b", "a"))
	within := 60*minute + 500*time.Millisecond // of the second of quiet
	s.commit(within, pushed("c", "b"))
	status := s.status(within + 200*time.Millisecond)
	s.run(2 * time.Hour)
	require.NotEmpty(t, status.Outcomes)
	assert.Equal(t, sha("c"), status.Outcomes[len(status.Outcomes)-1].Commit)
	assert.Equal(t, contract.OutcomeUnchanged, status.Outcomes[len(status.Outcomes)-1].Outcome)
	var next *workflow.ContinueAsNewError
	require.ErrorAs(t, s.env.GetWorkflowError(), &next)
}

// Cancelled and asked for again, it has the whole grace period before it.
func TestX3_TheGracePeriodIsFixedAtEachAcceptance(t *testing.T) {
	s := newScene(t)
	s.env.SetStartTime(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	s.signal(minute, contract.DeleteEnvironmentSignal, nil)
	s.signal(20*time.Hour, contract.CancelDeletionSignal, contract.OperatorRequest{RequestedBy: "ops"})
	s.signal(20*time.Hour, contract.DeleteEnvironmentSignal, nil)
	status := s.status(40 * time.Hour)
	s.run(41 * time.Hour)
	require.Equal(t, contract.StatusDeletionScheduled, status.Status)
	assert.Equal(t, time.Date(2026, 1, 2, 20, 0, 0, 0, time.UTC), status.Deletion.At.UTC().Truncate(minute))
	assert.Equal(t, []string{"delete-environment", "cancel-deletion", "delete-environment"}, asked(status))
}

func asked(s *contract.EnvironmentStatus) []string {
	var all []string
	for _, r := range s.Requests {
		all = append(all, r.What)
	}
	return all
}

// Past 3,000 events updates are sent away at no cost, and told to come again.
func TestT4_BusyWhenTheHistoryIsLong(t *testing.T) {
	s := newScene(t)
	s.commit(0, pushed("a", "", "one"))
	var commit, remove, wrong *answer
	s.during = func(call string) {
		if call == "launch-pipeline one aaaa try 0 in a" {
			s.during = nil
			s.env.RegisterDelayedCallback(func() { s.env.SetCurrentHistoryLength(3001) }, 0)
			commit = s.commit(0, pushed("b", "a", "one"))
			remove = s.update(0, contract.DeleteEnvironmentUpdate, contract.OperatorRequest{})
			wrong = s.update(0, contract.CancelDeletionUpdate, contract.OperatorRequest{})
			time.Sleep(busy)
		}
	}
	s.run(time.Hour)
	for _, a := range []*answer{commit, remove} {
		require.Error(t, a.rejected, "by the validator, so that it costs no history")
		assert.Equal(t, contract.ErrBusy, a.kind())
	}
	assert.Equal(t, contract.ErrRefused, wrong.kind(), "what can be said is said")
}

// A commit that does not list the environment makes none, also when the
// environment went while the starter looked (C2, X5); nor does a bare start.
func TestC2_OnlyACommitThatListsItMakesAnEnvironment(t *testing.T) {
	unlisted := pushed("a", "")
	unlisted.Desired = contract.Desired{Environments: []string{"production"}}
	for name, c := range map[string]struct {
		commits []contract.Commit
		kinds   []string
	}{
		"no commit":               {nil, nil},
		"not listed":              {[]contract.Commit{unlisted}, []string{contract.ErrRefused}},
		"not listed, then listed": {[]contract.Commit{unlisted, pushed("b", "a", "one")}, []string{"", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.free = true
			var answers []*answer
			for _, commit := range c.commits {
				answers = append(answers, s.commit(0, commit))
			}
			s.run(minute)
			made := len(c.commits) == 2
			assert.Equal(t, made, s.count("ensure-vpc") == 1, "%v", s.calls)
			for i, a := range answers {
				assert.Equal(t, c.kinds[i], a.kind())
			}
			if len(answers) == 1 {
				assert.ErrorContains(t, answers[0].failed(), "no such environment exists")
				assert.NoError(t, s.env.GetWorkflowError())
			}
		})
	}
}

// The same commit, while a reconcile repairs a part of it, is planned afresh
// when that has ended: the repairs are not all that it asks for.
func TestC8_TheSameDuringRepairsIsPlannedAfresh(t *testing.T) {
	s := newScene(t)
	s.settings.ReconcileInterval = time.Hour
	s.commit(0, pushed("a", "", "one"))
	var again *answer
	s.env.RegisterDelayedCallback(func() {
		s.change(func() {
			s.instances = nil
			s.during = func(call string) {
				if call == "launch-pipeline one aaaa try 0 in a" {
					s.during = nil
					again = s.commit(0, pushed("a", "", "one"))
					time.Sleep(busy)
				}
			}
		})
	}, minute)
	status := s.status(90 * minute)
	s.run(2 * time.Hour)
	require.NotNil(t, again)
	require.NoError(t, again.failed())
	assert.Equal(t, contract.CommitAnswer{Deployment: "env-1/3"}, again.result)
	assert.Equal(t, []string{"a deployed", "a deployed", "a unchanged"}, outcomes(status))
}
