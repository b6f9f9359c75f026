package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"go.temporal.io/api/workflowservice/v1"

	"github.com/aineko-dev/environments/internal/contract"
	"github.com/aineko-dev/environments/internal/ec2sim"
	"github.com/aineko-dev/environments/test/stack"
)

const (
	// scaleSpeed is such that EC2's buckets, not this machine, set the pace.
	scaleSpeed = 8
	// workerMemory is what a worker may have, in MiB.
	workerMemory = 512
)

// scale makes hundreds of environments at once under EC2's throttling, then
// more, and lets all of them be compared with the account.
func scale(ctx context.Context, b *bench) error {
	speed := float64(b.size(scaleSpeed, 200))
	profiles, err := stack.FreeAddress()
	if err != nil {
		return err
	}
	r, err := newRig(ctx, stack.Options{Speed: speed, SimulatorFlags: []string{"--throttle"},
		// Compared with the account once an hour, by AWS's clock.
		WorkerSettings: slowly(speed, map[string]string{"reconcile-interval": time.Duration(float64(time.Hour) / speed).String(), "pprof": profiles, "stop-timeout": "5s"})})
	if err != nil {
		return err
	}
	defer r.close()
	s := &scaling{rig: r, bench: b, curve: curve{name: "environments", title: "Environments on one worker, under EC2's throttling"}}
	atOnce, total := b.size(500, 4), b.size(b.environments, 8)
	if err := s.make(ctx, min(atOnce, total), profiles); err != nil {
		return err
	}
	if total > atOnce {
		if err := s.make(ctx, total, ""); err != nil {
			return err
		}
	}
	// A full hour by AWS's clock: each is compared once.
	if err := s.idle(ctx, time.Duration(b.size(3600/scaleSpeed, 3))*time.Second); err != nil {
		return err
	}
	s.curve.series = []series{{"minutes, by AWS's clock", s.minutes}, {"the worker's memory, MiB", s.memory}, {"thousand EC2 calls", s.calls}}
	return b.draw(s.curve)
}

type scaling struct {
	*rig
	bench                  *bench
	projects, seen         int
	curve                  curve
	minutes, memory, calls []float64
	begun                  time.Time
}

// make makes environments until there are so many, all at once, and waits
// until they are ready.
func (s *scaling) make(ctx context.Context, total int, profiles string) error {
	begun := time.Now()
	if s.begun.IsZero() {
		s.begun = begun
	}
	_, journal, err := s.count(ctx, s.seen)
	if err != nil {
		return err
	}
	s.seen = len(journal)
	made := total/2 - s.projects
	errs := make(chan error, made)
	for range made {
		project := fmt.Sprintf("bench/scale%04d", s.projects)
		s.projects++
		go func() { errs <- s.createProject(ctx, project) }()
	}
	for range made {
		if err := <-errs; err != nil {
			return err
		}
	}
	if err := s.reach(ctx, total, profiles); err != nil {
		return err
	}
	took := time.Since(begun)
	c, journal, err := s.count(ctx, s.seen)
	if err != nil {
		return err
	}
	what := fmt.Sprintf("%d environments at once", 2*made)
	if total > 2*made {
		what = fmt.Sprintf("%d more environments at once", 2*made)
	}
	action, best := bestTime(journal[s.seen:])
	s.seen = len(journal)
	_, most := resident(s.PID("worker"))
	failed, err := s.howMany(ctx, contract.StatusFailed)
	if err != nil {
		return err
	}
	s.bench.add(figure{what: what + ": not ready", value: float64(failed), budget: budget{kind: valueAtMost, count: true}})
	s.bench.add(figure{what: what + ": until all are ready", value: s.simulated(took), unit: "s", against: "what the bucket of " + action + " allows", againstValue: best})
	s.bench.add(figure{what: what + ": calls refused for throttling", value: float64(c.refused), against: "calls", againstValue: float64(c.changing + c.reading + c.refused), budget: budget{kind: valueAtMost, count: true}})
	s.bench.add(figure{what: what + ": EC2 calls each", value: float64(c.changing+c.reading) / float64(2*made)})
	s.bench.add(figure{what: what + ": the worker's memory at most", value: most, unit: "MiB", budget: budget{kind: valueAtMost, limit: workerMemory, count: true}})
	return nil
}

// reach waits until so many environments are ready, and notes how that goes.
func (s *scaling) reach(ctx context.Context, total int, profiles string) error {
	step := max(total/20, 1)
	profiled := profiles == ""
	for next := 0; ; {
		ready, err := s.howMany(ctx, contract.StatusReady)
		if err != nil {
			return err
		}
		if ready > 0 && (ready >= next || ready >= total) {
			now, _ := resident(s.PID("worker"))
			_, journal, err := s.count(ctx, 0)
			if err != nil {
				return err
			}
			s.curve.x = append(s.curve.x, strconv.Itoa(ready))
			s.minutes, s.memory, s.calls = append(s.minutes, s.simulated(time.Since(s.begun))/60), append(s.memory, now), append(s.calls, float64(len(journal))/1000)
			s.bench.say("%d ready, the worker has %.0f MiB, %d EC2 calls", ready, now, len(journal))
			next = ready + step
		}
		if ready >= total {
			return nil
		}
		if !profiled && time.Since(s.begun) > 30*time.Second {
			profiled = true
			go func() { _ = s.bench.profile(ctx, profiles, "profile", "?seconds=20") }()
			if err := s.bench.profile(ctx, profiles, "heap", ""); err != nil {
				return err
			}
		}
		if err := pause(ctx, time.Second); err != nil {
			return err
		}
	}
}

// howMany environments have a status, as everybody can list them.
func (s *scaling) howMany(ctx context.Context, status string) (int, error) {
	answer, err := s.client.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{
		Query: fmt.Sprintf("WorkflowType = '%s' AND ExecutionStatus = 'Running' AND %s = '%s'", contract.EnvironmentWorkflow, contract.StatusAttribute, status)})
	return int(answer.GetCount()), err
}

// idle lets them be compared with the account, as they are once an hour.
func (s *scaling) idle(ctx context.Context, d time.Duration) error {
	if err := pause(ctx, d); err != nil {
		return err
	}
	c, journal, err := s.count(ctx, s.seen)
	if err != nil {
		return err
	}
	s.seen = len(journal)
	ready, err := s.howMany(ctx, contract.StatusReady)
	if err != nil {
		return err
	}
	_, most := resident(s.PID("worker"))
	what := fmt.Sprintf("%d environments idle, compared with the account hourly", 2*s.projects)
	s.bench.add(figure{what: what + ": ready", value: float64(ready), against: "all", againstValue: float64(2 * s.projects), budget: budget{kind: ratioAtLeast, limit: 1}})
	s.bench.add(figure{what: what + ": reading calls", value: float64(c.reading) / s.simulated(d), unit: "/s"})
	s.bench.add(figure{what: what + ": changing calls", value: float64(c.changing), budget: budget{kind: valueAtMost, count: true}})
	s.bench.add(figure{what: what + ": calls refused for throttling", value: float64(c.refused), budget: budget{kind: valueAtMost, count: true}})
	s.bench.add(figure{what: what + ": the worker's memory at most", value: most, unit: "MiB", budget: budget{kind: valueAtMost, limit: workerMemory, count: true}})
	return nil
}

// bestTime is how long EC2's buckets make these calls take at the least, and
// whose bucket that is.
func bestTime(calls []ec2sim.Call) (action string, seconds float64) {
	n := map[string]int{}
	for _, c := range calls {
		if c.Error == "" && c.Changes {
			n[c.Action]++
		}
	}
	for name, count := range n {
		capacity, refill := ec2sim.Bucket(name)
		if t := (float64(count) - capacity) / refill; t > seconds || t == seconds && name < action {
			action, seconds = name, t
		}
	}
	return action, seconds
}
