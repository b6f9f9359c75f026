package main

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/aineko-dev/environments/internal/contract"
)

var (
	shaA = strings.Repeat("a", 40)
	shaB = strings.Repeat("b", 40)
)

// pushArgs push a file that is right, without a checkout.
func pushArgs(t *testing.T, more ...string) []string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "deploy.yml")
	require.NoError(t, os.WriteFile(path, []byte(right), 0o600))
	return append([]string{"push", "--project", "acme/churn", "--branch", "develop", "--commit", shaA, "--deploy-file", path}, more...)
}

func TestS4_EachOutcomeHasItsCode(t *testing.T) {
	for outcome, code := range map[string]int{
		contract.OutcomeDeployed: 0, contract.OutcomeUnchanged: 0, contract.OutcomeIgnored: 0, contract.OutcomeSuperseded: 0,
		contract.OutcomeRefused: 3, contract.OutcomeFailed: 4,
	} {
		a, out, errs := newApp(nil)
		a.client = accepting(t, contract.Outcome{Outcome: outcome, Deployment: "env-a/2", Environment: "develop", Commit: shaA})
		assert.Equal(t, code, a.run(t.Context(), pushArgs(t)), outcome+errs.String())
		assert.Contains(t, out.String(), outcome+"  develop at aaaaaaaaaaaa")
	}
	for kind, code := range map[string]int{contract.ErrInvalid: 2, contract.ErrRefused: 3, contract.ErrSuperseded: 0} {
		a, _, _ := newApp(nil)
		f := accepting(t, contract.Outcome{Deployment: "env-a/2"})
		f.update = func(context.Context, int, client.UpdateWorkflowOptions) (any, error) {
			return nil, refuse(kind, "because")
		}
		a.client = f
		assert.Equal(t, code, a.run(t.Context(), pushArgs(t)), kind)
	}
	a, out, _ := newApp(nil)
	a.client = accepting(t, contract.Outcome{Deployment: "env-a/2"})
	assert.Equal(t, 0, a.run(t.Context(), pushArgs(t, "--no-wait")))
	assert.Contains(t, out.String(), "accepted  develop at aaaaaaaaaaaa  env-a/2")
}

func TestS4_WithoutAWorkerItMayStillBeApplied(t *testing.T) {
	silent := func(ctx context.Context, _ int, _ client.UpdateWorkflowOptions) (any, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	a, out, _ := newApp(nil)
	a.client, a.patience = &fake{update: silent}, 50*time.Millisecond
	assert.Equal(t, 5, a.run(t.Context(), pushArgs(t, "--output", "json")))
	var o contract.Outcome
	require.NoError(t, json.Unmarshal(out.Bytes(), &o))
	assert.Equal(t, contract.OutcomePending, o.Outcome)
	assert.Contains(t, o.Reason, "no worker answered within 30 s; it may still be applied")
	assert.Contains(t, o.Reason, "starter status --project acme/churn --environment develop --commit aaaaaaaaaaaa --watch")
	assert.Equal(t, 30*time.Second, answerTimeout)

	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	a, out, _ = newApp(nil)
	a.client = &fake{update: silent}
	assert.Equal(t, 5, a.run(ctx, pushArgs(t)))
	assert.Contains(t, out.String(), "interrupted before a worker answered; it may still be applied")
}

func TestS4_TheUpdateIDIsKeptOverRetriesAndNewForEachInvocation(t *testing.T) {
	var ids [][]string
	for range 2 {
		f := accepting(t, contract.Outcome{Outcome: contract.OutcomeDeployed, Deployment: "env-a/2"})
		accept := f.update
		f.update = func(ctx context.Context, n int, o client.UpdateWorkflowOptions) (any, error) {
			if n == 1 {
				return nil, refuse(contract.ErrBusy, "later")
			}
			return accept(ctx, n, o)
		}
		a, _, errs := newApp(nil)
		a.client = f
		require.Equal(t, 0, a.run(t.Context(), pushArgs(t)), errs.String())
		require.Len(t, f.updates, 2)
		ids = append(ids, []string{f.updates[0].UpdateID, f.updates[1].UpdateID})
	}
	assert.Equal(t, ids[0][0], ids[0][1])
	assert.Equal(t, ids[1][0], ids[1][1])
	assert.NotEqual(t, ids[0][0], ids[1][0])
}

func TestC8_ComparesAgainWhenAnotherWasAcceptedMeanwhile(t *testing.T) {
	f := accepting(t, contract.Outcome{Outcome: contract.OutcomeDeployed, Deployment: "env-a/2"})
	f.status[developID] = develop(func(s *contract.EnvironmentStatus) {
		s.Commit, s.Outcomes = shaB, []contract.Outcome{{Outcome: contract.OutcomeDeployed, Deployment: "env-a/2"}}
	})
	other := strings.Repeat("c", 40)
	accept := f.update
	f.update = func(ctx context.Context, n int, o client.UpdateWorkflowOptions) (any, error) {
		if n == 1 {
			return nil, refuse(contract.ErrCompareAgain, "another was accepted", other)
		}
		return accept(ctx, n, o)
	}
	a, _, errs := newApp(nil)
	a.client = f
	require.Equal(t, 0, a.run(t.Context(), pushArgs(t)), errs.String())
	require.Len(t, f.updates, 2)
	assert.Equal(t, shaB, f.sent(0).Evidence.ComparedWith)
	assert.Equal(t, other, f.sent(1).Evidence.ComparedWith)
	assert.NotEqual(t, f.updates[0].UpdateID, f.updates[1].UpdateID, "the server would give the first answer again")
}

// C8, the first evidence available: origin's branch, then descent; without
// either, commit time is left to the environment.
func TestC8_TheFirstEvidenceAvailable(t *testing.T) {
	git := func(dir string, args ...string) string {
		t.Helper()
		out, err := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"}, args...)...).CombinedOutput()
		require.NoError(t, err, string(out))
		return strings.TrimSpace(string(out))
	}
	origin, first := repository(t, map[string]string{"deploy.yml": right, "conf/one.yml": ""})
	git(origin, "checkout", "--quiet", "-B", "develop")
	clone := filepath.Join(t.TempDir(), "clone")
	git(origin, "clone", "--quiet", "file://"+origin, clone)
	git(origin, "commit", "--quiet", "--allow-empty", "--message", "two")
	second := git(origin, "rev-parse", "HEAD")
	git(clone, "fetch", "--quiet")
	git(origin, "commit", "--quiet", "--allow-empty", "--message", "three")
	third := git(origin, "rev-parse", "HEAD")
	compare := func(dir, commit, newest string) contract.Evidence {
		a, _, _ := newApp(nil)
		s, err := a.read(commitFlags{project: "a/b", branch: "develop", commit: commit, deployFile: "deploy.yml", repo: dir})
		require.NoError(t, err)
		s.compare(t.Context(), newest)
		return s.Evidence
	}
	assert.Equal(t, contract.Evidence{ComparedWith: third, Kind: "origin"}, compare(clone, second, third), "origin points at the newest, which the clone lacks")
	assert.Equal(t, contract.Evidence{ComparedWith: first, Kind: "descent", Newer: true}, compare(clone, second, first), "origin points at a third one")
	git(clone, "fetch", "--quiet")
	assert.Equal(t, contract.Evidence{ComparedWith: shaB, Kind: "origin", Newer: true}, compare(clone, third, shaB), "origin points at this one, whatever the other is")
	assert.Equal(t, contract.Evidence{ComparedWith: shaB}, compare(clone, first, shaB), "nothing at hand tells")
	assert.Equal(t, contract.Evidence{ComparedWith: first}, compare(clone, first, first), "the same")
	assert.Equal(t, contract.Evidence{}, compare(clone, first, ""), "the first commit")
}

func TestS6_InAPullRequestPushEndsWith2AndPlanTakesTheTarget(t *testing.T) {
	dir, sha := repository(t, map[string]string{"deploy.yml": right, "conf/one.yml": ""})
	env := map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "acme/churn", "GITHUB_SHA": sha, "GITHUB_EVENT_NAME": "pull_request",
		"GITHUB_REF_TYPE": "branch", "GITHUB_REF_NAME": "7/merge", "GITHUB_HEAD_REF": "production", "GITHUB_BASE_REF": "develop"}
	a, _, errs := newApp(env)
	a.client = &fake{}
	assert.Equal(t, 2, a.run(t.Context(), []string{"push", "--repo", dir, "--branch", "production"}))
	assert.Contains(t, errs.String(), "push does nothing in a pull request")
	// The target's newest commit is not an ancestor of the merge that GitHub made up.
	a, out, _ := newApp(env)
	a.client = &fake{status: map[string]any{developID: develop(func(s *contract.EnvironmentStatus) { s.Commit, s.NewestAt = shaB, time.Now() })}}
	assert.Equal(t, 10, a.run(t.Context(), []string{"plan", "--repo", dir, "--detailed-exitcode"}))
	assert.Contains(t, out.String(), "+ one  new: conf/one.yml on 2 vCPU, 8 GiB")
}
