package main

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/stretchr/testify/assert"

	"github.com/aineko-dev/environments/internal/contract"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// initializing is an environment in the middle of it, after a minute and a half.
func initializing() contract.EnvironmentStatus {
	ago := func(d time.Duration) time.Time { return noon.Add(-d) }
	return develop(func(s *contract.EnvironmentStatus) {
		s.Status = contract.StatusInitializing
		s.Deployment = "env-a/1"
		s.UnderWay = &contract.Waiting{Commit: shaA, Deployment: "env-a/1", Since: ago(90 * time.Second)}
		s.Progress = contract.Progress{Step: "nat-a", Done: 2, Total: 20, Steps: []contract.Step{
			{Name: "vpc", State: contract.StepDone, Started: ago(90 * time.Second), Ended: ago(75 * time.Second), Detail: "vpc-1"},
			{Name: "subnet-a", State: contract.StepDone, Started: ago(75 * time.Second), Ended: ago(74 * time.Second), Detail: "subnet-1"},
			{Name: "nat-a", State: contract.StepRunning, Started: ago(70 * time.Second)},
		}}
	})
}

func updating() contract.EnvironmentStatus {
	return develop(func(s *contract.EnvironmentStatus) {
		s.Status, s.Deployment = contract.StatusUpdating, "env-a/2"
		s.UnderWay = &contract.Waiting{Commit: shaA, Deployment: "env-a/2", Since: noon.Add(-time.Minute)}
		s.Plan = &contract.PlanSummary{Update: []string{"one", "two"}, Destroy: []string{"old"}, Unchanged: []string{"same"}, Reasons: map[string]string{"one": "code changed", "two": "code changed", "old": "not listed"}}
		s.Progress = contract.Progress{Step: "one", Total: 3, Done: 1, Steps: []contract.Step{
			{Name: "one", Pipeline: "one", State: contract.StepDone, Started: noon.Add(-time.Minute), Ended: noon.Add(-5 * time.Second), Detail: "i-1"},
			{Name: "stop old one", Pipeline: "one", Phase: contract.PhaseSwitching, State: contract.StepRunning, Started: noon.Add(-5 * time.Second), Detail: "stopping the old i-0"},
			{Name: "two", Pipeline: "two", Phase: contract.PhaseChecking, State: contract.StepRunning, Started: noon.Add(-time.Minute), Detail: "i-2: checking"},
			{Name: "destroy old", Pipeline: "old", State: contract.StepFailed, Started: noon.Add(-time.Minute), Ended: noon, Detail: "no right to\nit"},
		}}
	})
}

func joined(lines []styled) string {
	var b strings.Builder
	for _, line := range lines {
		b.WriteString(strings.TrimRight(string(line), " ") + "\n")
	}
	return b.String()
}

func TestS1_WhatATerminalShows(t *testing.T) {
	a, _, _ := newApp(nil)
	w := watched{commit: shaA, deployment: "env-a/2", since: noon.Add(-time.Minute)}
	assert.Equal(t, `develop  updating  1m0s
  commit aaaaaaaaaaaa  deployment env-a/2
  ~ one                      code changed
  ~ two                      code changed
  - old                      not listed
  = 1 unchanged
  … one                        1m0s  switching: stopping the old i-0
  … two                        1m0s  checking: i-2
  ✗ old                        1m0s  no right to
  1 of 3 steps · about 4 min left · Ctrl-C detaches, the work goes on
`, joined(a.frame(w, updating(), noon, 40)))

	waits := updating()
	waits.Waiting = &contract.Waiting{Commit: shaB, Deployment: "env-a/3"}
	w = watched{commit: shaB, deployment: "env-a/3", since: noon, planned: &contract.PlanSummary{Deploy: []string{"new"}, Reasons: map[string]string{"new": "new"}}}
	shown := joined(a.frame(w, waits, noon, 40))
	assert.Contains(t, shown, "  next: it waits for env-a/2 of commit aaaaaaaa, under way for 1m0s; nothing is cut\n")
	assert.Contains(t, shown, "  + new ", "its own plan, not that of the work under way")
	assert.NotContains(t, shown, "~ one ")
}

func TestS1_TheEstimateIsOne(t *testing.T) {
	s := initializing()
	// 50 s of the NAT gateway, the broker, what follows, and the pipelines afterwards.
	assert.Equal(t, "about 11 min left", remaining(s, noon, 0))
	s.Progress.Steps[2].State, s.Progress.Steps[2].Ended = contract.StepDone, noon
	s.Progress.Steps[2].Started = noon.Add(-12 * time.Second)
	s.Progress.Steps[0].Ended = s.Progress.Steps[0].Started.Add(1500 * time.Millisecond)
	assert.Equal(t, "about 60 s left", remaining(s, noon, 0), "everything is ten times as fast here")
	s.Progress.Steps = nil
	assert.Equal(t, "", remaining(s, noon, 0), "nothing is known, nothing is said")

	u := updating()
	u.Outcomes = []contract.Outcome{{Outcome: contract.OutcomeDeployed, Deployment: "env-a/1", Began: noon, Ended: noon.Add(time.Hour), Plan: contract.PlanSummary{Deploy: []string{"one"}}}}
	assert.Equal(t, "about 4 min left", remaining(u, noon, 0), "the first one initialised as well")
	u.Outcomes = append(u.Outcomes, contract.Outcome{Outcome: contract.OutcomeDeployed, Deployment: "env-a/9", Began: noon, Ended: noon.Add(8 * time.Minute), Plan: contract.PlanSummary{Update: []string{"one"}}})
	assert.Equal(t, "about 7 min left", remaining(u, noon, 0), "as long as the last time")
	assert.Equal(t, "taking longer than usual", remaining(u, noon.Add(time.Hour), 0))
}

func TestS1_PipedALineAMinuteAndNoControlCharacters(t *testing.T) {
	var out strings.Builder
	a, _, _ := newApp(nil)
	v := &events{app: a, out: &out, shown: map[string]string{}}
	w := watched{commit: shaA, deployment: "env-a/1"}
	hostile := initializing()
	hostile.Progress.Steps[2].Detail = "\x1b[2J\n::error::x"
	last, longest := noon, time.Duration(0)
	for second := range 20 * 60 {
		now, before := noon.Add(time.Duration(second)*time.Second), out.Len()
		v.show(w, hostile, now)
		if out.Len() > before {
			longest, last = max(longest, now.Sub(last)), now
		}
	}
	assert.LessOrEqual(t, longest, time.Minute)
	assertPrintable(t, out.String())
	assert.Contains(t, out.String(), "12:00:00  vpc: done after 15s, vpc-1\n")
	assert.Contains(t, out.String(), "still initializing, 2 of 20 steps done, now nat-a, about ")
	assert.Less(t, strings.Count(out.String(), "\n"), 60, "and not much more than a line a minute")
}

func assertPrintable(t *testing.T, out string) {
	t.Helper()
	if i := strings.IndexFunc(out, func(r rune) bool { return r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) }); i >= 0 {
		t.Errorf("a control character: %q", out[i:min(len(out), i+40)])
	}
	for _, line := range strings.Split(out, "\n") {
		assert.False(t, strings.HasPrefix(strings.TrimSpace(line), "::"), "a command: %q", line)
	}
}

// S7: whatever comes from a file, a journal or another program, wherever it is printed.
func TestS7_UntrustedTextWhereverItIsPrinted(t *testing.T) {
	const bad = "a\x1b[31m\u202e\r\n::error::b\n```\n# c | d ##[error]"
	o := contract.Outcome{
		Project: bad, Environment: bad, Branch: bad, Commit: bad, Outcome: bad, Reason: bad, Deployment: bad,
		Plan:      contract.PlanSummary{Deploy: []string{bad}, Update: []string{bad}, Unchanged: []string{bad}, Reasons: map[string]string{bad: bad}},
		Pipelines: []contract.PipelineResult{{Name: bad, Action: bad, Result: bad, Commit: bad, InstanceID: bad, Error: strings.Repeat(bad+"\n", 20)}}, Warnings: []string{bad},
	}
	e := contract.EnvironmentStatus{
		Name: bad, Status: bad, EnvironmentID: bad, VPCID: bad, Commit: bad, Reason: bad, Region: bad, Deployment: "d",
		Progress: contract.Progress{Step: bad, Total: 2, Steps: []contract.Step{{Name: bad, State: contract.StepRunning, Detail: bad}, {Name: bad, Pipeline: bad, Phase: bad, State: contract.StepFailed, Detail: bad}}},
		Services: []contract.ServiceStatus{{Name: bad, Status: bad, Address: bad, InstanceID: bad}}, Pipelines: []contract.PipelineStatus{{Name: bad, Status: bad, Commit: bad, InstanceID: bad, Error: bad}},
		UnderWay: &contract.Waiting{Commit: bad, Deployment: bad, Why: bad}, Waiting: &contract.Waiting{Commit: bad, Deployment: "d"},
		Deletion: &contract.Deletion{At: noon, RequestedBy: bad, Reason: bad, Blocked: bad}, Verified: &contract.Verified{Findings: []contract.Finding{{Rule: bad, Resource: bad, Message: bad}}},
	}
	a, out, errs := newApp(nil)
	a.showOutcome(o)
	a.showPlan(o)
	for _, line := range a.statusLines(contract.Status{Project: bad, Environments: []contract.EnvironmentStatus{e}}, noon) {
		a.say("%s", line)
	}
	for _, line := range a.frame(watched{commit: bad, deployment: "d", url: bad, trouble: bad, planned: &o.Plan}, e, noon, 40) {
		a.say("%s", line)
	}
	a.say("%s", runsNow(e))
	a.warn("%s", fmt.Errorf("%s", bad))
	assertPrintable(t, out.String())
	assertPrintable(t, errs.String())

	for name, markdown := range map[string]string{"outcome": outcomeMarkdown(contract.Outcome{Environment: bad, Commit: bad, Outcome: "failed", Reason: bad, Deployment: bad, Pipelines: o.Pipelines, Warnings: o.Warnings}), "plan": planMarkdown(contract.Outcome{Environment: bad, Commit: bad, Outcome: "accepted", Reason: bad, Plan: o.Plan, Warnings: o.Warnings})} {
		assertPrintable(t, markdown)
		fence := false
		for _, line := range strings.Split(markdown, "\n") {
			switch {
			case strings.HasPrefix(line, "```"):
				fence = !fence
			case !fence && strings.HasPrefix(strings.TrimSpace(line), "#"):
				assert.True(t, strings.HasPrefix(line, "### "), "%s: a heading of somebody's own: %q", name, line)
			}
		}
		assert.False(t, fence, "%s: every fence is closed", name)
	}
}

func TestS1_TheScreenFitsAndFollowsTheTerminal(t *testing.T) {
	var out strings.Builder
	width, height := 40, 10
	s := screen{out: &out, size: func() (int, int) { return width, height }}
	a, _, _ := newApp(nil)
	a.terminal = true
	lines := []styled{styledf("%s", a.colour(red, strings.Repeat("wide ", 20)))}
	for i := range 30 {
		lines = append(lines, styledf("line %d", i))
	}
	s.draw(lines)
	assert.Len(t, s.shown, height-1, "one row is left")
	for _, line := range s.shown {
		assert.Less(t, text.StringWidthWithoutEscSequences(line), width)
	}
	assert.Contains(t, out.String(), "more lines")
	out.Reset()
	s.draw(lines)
	assert.Empty(t, out.String(), "what has not changed is not drawn again")
	width = 10
	s.draw(lines)
	assert.Contains(t, out.String(), "\x1b[9A", "over what was broken into more rows, as far up as there are any")
	s.keep()
	out.Reset()
	s.draw([]styled{"below"})
	assert.NotContains(t, out.String(), "A\x1b", "what was kept is not drawn over")
}

func TestS1_ColoursOnlyWhereWanted(t *testing.T) {
	for name, c := range map[string]struct {
		terminal bool
		env      map[string]string
		coloured bool
	}{
		"a terminal": {true, nil, true}, "NO_COLOR": {true, map[string]string{"NO_COLOR": "1"}, false}, "piped": {false, nil, false}, "a dumb one": {true, map[string]string{"TERM": "dumb"}, false},
	} {
		a, _, _ := newApp(c.env)
		a.terminal = c.terminal
		assert.Equal(t, c.coloured, strings.Contains(string(a.coloured("ready")), "\x1b["), name)
	}
}
