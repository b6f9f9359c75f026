package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aineko-dev/environments/internal/contract"
)

const (
	// lookEvery is how often the status is asked for while waiting.
	lookEvery = time.Second
	// lifeSign is how long a silent wait may be: CI systems kill silent jobs (S1).
	lifeSign = 45 * time.Second
)

// wait reads the status until the deployment has its outcome. It survives a
// server that is away for a while; a time-out or an interrupt ends it as
// pending, with the way back.
func (a *app) wait(ctx context.Context, o contract.Outcome, timeout time.Duration) contract.Outcome {
	pending := func(why string) contract.Outcome {
		o.Outcome = contract.OutcomePending
		o.Reason = fmt.Sprintf("%s; it goes on without this command. Come back with: %s --environment %s", why, a.comeBack(o.Project), o.Environment)
		return o
	}
	deadline := time.NewTimer(timeout)
	defer deadline.Stop()
	p := &progressView{app: a, started: time.Now(), shown: map[string]string{}}
	for {
		status, err := a.environment(ctx, o.Project, o.Environment)
		if err == nil {
			for i := len(status.Outcomes) - 1; i >= 0; i-- {
				if found := status.Outcomes[i]; found.Deployment == o.Deployment {
					found.Warnings = o.Warnings
					return found
				}
			}
			p.show(*status, o.Deployment)
		} else {
			p.trouble(err)
		}
		select {
		case <-ctx.Done():
			return pending("interrupted")
		case <-deadline.C:
			return pending("not done after " + timeout.String())
		case <-time.After(lookEvery):
		}
	}
}

// progressView shows what happens while waiting: on a terminal a block that is
// drawn again, else a line an event.
type progressView struct {
	app     *app
	started time.Time
	shown   map[string]string
	lastSay time.Time
	lines   int
}

func (p *progressView) show(s contract.EnvironmentStatus, deployment string) {
	switch {
	case p.app.output == "json":
	case p.app.terminal:
		p.draw(s, deployment)
	default:
		p.events(s, deployment)
	}
}

// events says what is new, a line each.
func (p *progressView) events(s contract.EnvironmentStatus, deployment string) {
	p.once("status", s.Status, fmt.Sprintf("%s is %s", s.Name, s.Status))
	if s.Waiting != nil && s.Waiting.Deployment == deployment {
		p.once("waiting", s.Deployment, fmt.Sprintf("waiting for %s to end", s.Deployment))
	}
	for _, step := range s.Progress.Steps {
		line := fmt.Sprintf("%s: %s", step.Name, step.State)
		if step.State != contract.StepRunning {
			line += " after " + step.Ended.Sub(step.Started).Round(time.Second).String()
			if step.Detail != "" {
				line += ", " + contract.Clean(step.Detail)
			}
		}
		p.once("step "+step.Name, step.State, line)
	}
	if time.Since(p.lastSay) > lifeSign {
		p.say(fmt.Sprintf("still at it: %s, step %d of %d, %s", s.Status, s.Progress.Done, s.Progress.Total, s.Progress.Step))
	}
}

func (p *progressView) once(key, value, line string) {
	if p.shown[key] != value {
		p.shown[key] = value
		p.say(line)
	}
}

func (p *progressView) say(line string) {
	p.lastSay = time.Now()
	for _, l := range strings.Split(contract.Clean(line), "\n") {
		p.app.say("%s  %s", time.Now().UTC().Format(time.TimeOnly), l)
	}
}

func (p *progressView) trouble(err error) {
	if p.app.output != "json" && !p.app.terminal {
		p.once("trouble", err.Error(), "Temporal does not answer, trying again: "+err.Error())
	}
}

// draw shows the steps as they stand, over what was drawn before.
func (p *progressView) draw(s contract.EnvironmentStatus, deployment string) {
	lines := []string{fmt.Sprintf("%s  %s  %s", p.app.bold(s.Name), p.app.coloured(s.Status), time.Since(p.started).Round(time.Second))}
	if s.Waiting != nil && s.Waiting.Deployment == deployment {
		lines = append(lines, "  waiting for "+s.Deployment+" to end")
	}
	for _, step := range s.Progress.Steps {
		end := step.Ended
		if end.IsZero() {
			end = time.Now()
		}
		mark := map[string]string{contract.StepDone: "✓", contract.StepFailed: "✗", contract.StepRunning: "…"}[step.State]
		detail, _, _ := strings.Cut(contract.Clean(step.Detail), "\n")
		lines = append(lines, contract.Clip(fmt.Sprintf("  %s %-24s %5s  %s", mark, step.Name, end.Sub(step.Started).Round(time.Second), detail), 100))
	}
	if s.Progress.Total > 0 {
		lines = append(lines, fmt.Sprintf("  %d of %d steps", s.Progress.Done, s.Progress.Total))
	}
	var b strings.Builder
	if p.lines > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", p.lines)
	}
	for _, line := range lines {
		b.WriteString("\x1b[2K" + line + "\n")
	}
	b.WriteString("\x1b[J")
	_, _ = fmt.Fprint(p.app.out, b.String())
	p.lines = len(lines)
}
