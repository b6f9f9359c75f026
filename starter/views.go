package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/aineko-dev/environments/internal/contract"
)

// live draws a wait on a terminal.
type live struct {
	app    *app
	screen screen
}

func (v *live) show(w watched, s contract.EnvironmentStatus, now time.Time) {
	_, height := v.app.size()
	v.screen.draw(v.app.frame(w, s, now, height))
}

func (v *live) end(keep bool) {
	if !keep {
		v.screen.draw(nil) // the outcome says it all
	} else {
		_, _ = io.WriteString(v.app.out, "\r"+toLineEnd) // over the terminal's ^C
	}
	v.screen.keep()
}

// events says what is new, a line each with its time, and where nothing is, a
// sign of life. There are no control characters in it.
type events struct {
	app     *app
	out     io.Writer
	shown   map[string]string
	lastSay time.Time
}

func (v *events) show(w watched, s contract.EnvironmentStatus, now time.Time) {
	if p := w.plan(s); p != nil && v.shown["plan"] == "" {
		v.plan(now, *p)
	}
	if w.url != "" {
		v.once(now, "url", w.url, w.url)
	}
	if w.trouble != "" {
		v.once(now, "trouble", w.trouble, w.trouble)
	} else if v.shown["trouble"] != "" {
		v.once(now, "trouble", "", "it answers again")
	}
	if s.Status != "" {
		v.once(now, "status", s.Status, fmt.Sprintf("%s is %s", s.Name, s.Status))
	}
	if s.Waiting != nil && s.Waiting.Deployment == w.deployment {
		v.once(now, "waiting", s.Deployment, "this commit is "+place(s, now))
	}
	for _, step := range s.Progress.Steps {
		v.step(now, step)
	}
	if now.Sub(v.lastSay) >= lifeSign {
		v.say(now, stillAtIt(s, now, w.pace))
	}
}

func (v *events) end(bool) {}

func (v *events) plan(now time.Time, p contract.PlanSummary) {
	v.shown["plan"] = "shown"
	for _, row := range planRows(p) {
		v.say(now, strings.TrimSpace(fmt.Sprintf("plan: %s %s  %s", row[0], row[1], row[2])))
	}
}

func (v *events) step(now time.Time, step contract.Step) {
	line := step.Name + ": " + step.State
	if step.State == contract.StepRunning {
		if step.Phase != "" {
			line = step.Name + ": " + doing(step)
		}
	} else {
		line += " after " + short(step.Ended.Sub(step.Started))
		if detail := oneLine(step.Detail, 300); detail != "" {
			line += ", " + detail
		}
	}
	v.once(now, "step "+step.Name, step.State+step.Phase+step.Detail, line)
}

func (v *events) once(now time.Time, key, value, line string) {
	if old, shown := v.shown[key]; !shown || old != value {
		v.shown[key] = value
		v.say(now, line)
	}
}

func (v *events) say(now time.Time, line string) {
	v.lastSay = now
	for _, l := range strings.Split(contract.Clean(line), "\n") {
		_, _ = fmt.Fprintf(v.out, "%s  %s\n", now.UTC().Format(time.TimeOnly), l)
	}
}

// stillAtIt is the sign of life: where the work is, and what remains.
func stillAtIt(s contract.EnvironmentStatus, now time.Time, pace float64) string {
	parts := []string{"still waiting"}
	if s.Status != "" {
		parts[0] = "still " + s.Status
	}
	if p := s.Progress; p.Total > 0 {
		parts = append(parts, fmt.Sprintf("%d of %d steps done, now %s", p.Done, p.Total, p.Step))
	}
	if left := remaining(s, now, pace); left != "" {
		parts = append(parts, left)
	}
	return strings.Join(parts, ", ")
}
