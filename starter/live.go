package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aineko-dev/environments/internal/contract"
	"github.com/aineko-dev/environments/internal/plan"
)

// watched is what a person who waits for a commit is shown: the commit, what
// it was to do when it was sent, and how the environment stands.
type watched struct {
	commit, deployment string
	since              time.Time
	// planned is what push expects; once the environment has made its own plan, that counts.
	planned *contract.PlanSummary
	url     string
	// pace is how initialising compared with what it typically takes; 0 where nobody saw it.
	pace float64
	// trouble is why the status cannot be asked for at the moment.
	trouble string
}

// plan is what the environment makes of the commit, or what was expected of it:
// that has more to say, and is preferred where both agree.
func (w watched) plan(s contract.EnvironmentStatus) *contract.PlanSummary {
	p := s.Plan
	if p == nil || s.Deployment != w.deployment || (w.planned != nil && sameChanges(*p, *w.planned)) {
		return w.planned
	}
	return p
}

func sameChanges(a, b contract.PlanSummary) bool {
	return slices.Equal(a.Deploy, b.Deploy) && slices.Equal(a.Update, b.Update) && slices.Equal(a.Destroy, b.Destroy) && slices.Equal(a.Unchanged, b.Unchanged)
}

// frame is what the terminal shows while waiting: what it is about, why the
// commit is not live yet, the steps with their states and times, and what remains.
func (a *app) frame(w watched, s contract.EnvironmentStatus, now time.Time, height int) []styled {
	lines := []styled{
		styledf("%s  %s  %s", a.bold(s.Name), a.coloured(s.Status), short(now.Sub(w.since))),
		styledf("  commit %s  deployment %s", sha12(w.commit), w.deployment),
	}
	if w.url != "" {
		lines = append(lines, styledf("  %s", a.colour(faint, w.url)))
	}
	waiting := s.Waiting != nil && s.Waiting.Deployment == w.deployment
	if waiting {
		lines = append(lines, styledf("  %s", a.colour(yellow, place(s, now))))
	}
	if p := w.plan(s); p != nil {
		lines = append(lines, a.planLines(*p)...)
	}
	if w.trouble != "" {
		lines = append(lines, styledf("  %s", a.colour(red, w.trouble)))
	}
	foot := a.foot(s, now, w.pace)
	steps := a.stepLines(s.Progress.Steps, now, height-len(lines)-len(foot)-1)
	return slices.Concat(lines, steps, foot)
}

// place says what a waiting commit waits for. Only the newest waits (C7), so it is always next.
func place(s contract.EnvironmentStatus, now time.Time) string {
	what := "the work under way"
	if u := s.UnderWay; u != nil {
		what = u.Deployment
		if u.Commit != "" {
			what += " of commit " + sha8(u.Commit)
		}
		if u.Why != "" {
			what += " (" + oneLine(u.Why, 60) + ")"
		}
		what += ", under way for " + short(now.Sub(u.Since))
	}
	return "next: it waits for " + what + "; nothing is cut"
}

// planLines are a plan as a diff; what stays as it is, is counted.
func (a *app) planLines(p contract.PlanSummary) []styled {
	var lines []styled
	for _, part := range []struct {
		mark, colour string
		names        []string
	}{{"+", green, p.Deploy}, {"~", yellow, p.Update}, {"-", red, p.Destroy}} {
		for _, name := range part.names {
			lines = append(lines, styledf("  %s %-24s %s", a.colour(part.colour, part.mark), name, p.Reasons[name]))
		}
	}
	if n := len(p.Unchanged); n > 0 {
		lines = append(lines, styledf("  = %d unchanged", n))
	}
	return lines
}

// stepLines are the steps, a line each; those of one pipeline are one, for it
// is one story. Where there is no room, those that are done are counted.
func (a *app) stepLines(steps []contract.Step, now time.Time, room int) []styled {
	steps = byPipeline(steps)
	var done []contract.Step
	for _, step := range steps {
		if step.State == contract.StepDone {
			done = append(done, step)
		}
	}
	hidden := 0
	if surplus := len(steps) - max(room, 3); surplus > 0 {
		hidden = min(surplus+1, len(done))
	}
	var lines []styled
	if hidden > 0 {
		lines = append(lines, styledf("  %s %d steps done", a.colour(green, "✓"), hidden))
	}
	for _, step := range steps {
		if step.State == contract.StepDone && hidden > 0 {
			hidden--
			continue
		}
		lines = append(lines, a.stepLine(step, now))
	}
	return lines
}

func (a *app) stepLine(step contract.Step, now time.Time) styled {
	mark, ended := a.colour(yellow, "…"), now
	switch step.State {
	case contract.StepDone:
		mark, ended = a.colour(green, "✓"), step.Ended
	case contract.StepFailed:
		mark, ended = a.colour(red, "✗"), step.Ended
	}
	name := step.Name
	if step.Pipeline != "" {
		name = step.Pipeline
	}
	return styledf("  %s %-24s %6s  %s", mark, name, short(ended.Sub(step.Started)), doing(step))
}

// doing is what a step is at, or how it ended.
func doing(step contract.Step) string {
	detail := oneLine(step.Detail, 200)
	if step.State == contract.StepRunning && step.Phase != "" {
		detail = strings.TrimSuffix(detail, ": "+step.Phase)
		return strings.TrimSuffix(step.Phase+": "+detail, ": ")
	}
	return detail
}

// byPipeline joins the steps of one pipeline: it started with the first, and
// stands where the last one stands.
func byPipeline(steps []contract.Step) []contract.Step {
	var joined []contract.Step
	place := map[string]int{}
	for _, step := range steps {
		i, seen := place[step.Pipeline]
		if step.Pipeline == "" || !seen {
			place[step.Pipeline] = len(joined)
			joined = append(joined, step)
			continue
		}
		if joined[i].State == contract.StepFailed && step.State == contract.StepDone {
			continue // what went wrong stays to be seen
		}
		step.Started = joined[i].Started
		joined[i] = step
	}
	return joined
}

// foot is how far it is, and how to leave.
func (a *app) foot(s contract.EnvironmentStatus, now time.Time, pace float64) []styled {
	var parts []string
	if s.Progress.Total > 0 {
		parts = append(parts, fmt.Sprintf("%d of %d steps", s.Progress.Done, s.Progress.Total))
	}
	if left := remaining(s, now, pace); left != "" {
		parts = append(parts, left)
	}
	parts = append(parts, "Ctrl-C detaches, the work goes on")
	return []styled{styledf("  %s", a.colour(faint, strings.Join(parts, " · ")))}
}

// expected is what a commit would do as things stand, for the first look.
func expected(c contract.Commit, s contract.EnvironmentStatus) *contract.PlanSummary {
	summary := explained(plan.Make(c.Code, c.Desired, s.Pipelines), c.SHA)
	return &summary
}
