package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/aineko-dev/environments/internal/contract"
	"github.com/aineko-dev/environments/test/stack"
)

const (
	// commitsSpeed makes environments quickly; no EC2 state is waited for afterwards.
	commitsSpeed = 100
	// throughputRatio is the part of a bare workflow's events a second that
	// commits must reach.
	throughputRatio = 0.8
	// busyEvery is how often an environment that is busy gets a commit: in all
	// somewhat less than what the development server can take.
	busyEvery = 10 * time.Second
	// manyCommits go through one worker, for the curve.
	manyCommits = 10_000
)

// commits measures commits that change nothing: how long one takes, and how
// many go through many environments.
func commits(ctx context.Context, b *bench) error {
	profiles, err := stack.FreeAddress()
	if err != nil {
		return err
	}
	r, err := newRig(ctx, stack.Options{Speed: commitsSpeed, WorkerSettings: slowly(commitsSpeed, map[string]string{"pprof": profiles})})
	if err != nil {
		return err
	}
	defer r.close()
	if err := b.starting(ctx, r); err != nil {
		return err
	}
	projects, err := r.createProjects(ctx, b, b.size(50, 2))
	if err != nil {
		return err
	}
	file := filepath.Join(r.dir, "deploy.yml")
	if err := os.WriteFile(file, []byte("version: 0.1.0\nenvironments: {develop: {pipelines: []}, production: {pipelines: []}}\n"), 0o600); err != nil {
		return err
	}
	pushes := pusher{rig: r, file: file}
	if err := pushes.measure(ctx, b, "idle", b.size(100, 3)); err != nil {
		return err
	}
	environments := r.driven(projects)
	busy, stop := context.WithCancel(ctx)
	var load sync.WaitGroup
	load.Go(func() { _, _ = r.drive(busy, environments, math.MaxInt, time.Hour, busyEvery, nil) })
	err = pushes.measure(ctx, b, fmt.Sprintf("%d environments with a commit each %s", len(environments), busyEvery), b.size(50, 3))
	stop()
	load.Wait()
	if err != nil {
		return err
	}
	return b.throughput(ctx, r, environments, profiles)
}

// starting measures the starter's own start and memory.
func (b *bench) starting(ctx context.Context, r *rig) error {
	var all []execution
	for range b.size(30, 2) {
		e, err := r.execute(ctx, "starter", "version")
		if err != nil {
			return err
		}
		all = append(all, e)
	}
	b.add(figure{what: "starter version: median", value: quantile(all, 0.5), unit: "ms"})
	b.add(figure{what: "starter version: memory", value: all[0].most, unit: "MiB"})
	return nil
}

// createProjects creates projects and waits until their environments are ready.
func (r *rig) createProjects(ctx context.Context, b *bench, n int) ([]string, error) {
	begun := time.Now()
	projects := make([]string, n)
	errs := make(chan error, n)
	for i := range projects {
		projects[i] = fmt.Sprintf("bench/p%04d", i)
		go func() {
			err := r.createProject(ctx, projects[i])
			for _, name := range contract.InitialEnvironments {
				if err == nil {
					_, err = r.ready(ctx, projects[i], name)
				}
			}
			errs <- err
		}()
	}
	for range projects {
		if err := <-errs; err != nil {
			return nil, err
		}
	}
	b.say("%d environments ready after %s", 2*n, time.Since(begun).Round(time.Second))
	return projects, nil
}

// pusher runs `starter push`, for a commit of its own each time.
type pusher struct {
	*rig
	file string
	n    int
}

func (p *pusher) push(ctx context.Context, more ...string) (execution, error) {
	p.n++
	return p.execute(ctx, "starter", append([]string{"push", "--project", "bench/pushed", "--branch", "develop", "--commit", fmt.Sprintf("%040x", 1<<40+p.n),
		"--deploy-file", p.file, "--output", "json"}, more...)...)
}

// measure pushes n commits to be accepted, and n to their outcomes, into a
// project that nothing else works on.
func (p *pusher) measure(ctx context.Context, b *bench, when string, n int) error {
	if p.n == 0 {
		if _, err := p.push(ctx); err != nil {
			return err
		}
	}
	var accepted, ended []execution
	for range n {
		e, err := p.push(ctx, "--no-wait")
		if err != nil {
			return err
		}
		accepted = append(accepted, e)
		if e, err = p.push(ctx); err != nil {
			return err
		}
		ended = append(ended, e)
	}
	for _, f := range []struct {
		what string
		all  []execution
	}{{"push to accepted", accepted}, {"push to outcome, nothing to change", ended}} {
		b.add(figure{what: f.what + ", " + when + ": median", value: quantile(f.all, 0.5), unit: "ms"})
		b.add(figure{what: f.what + ", " + when + ": 99th percentile", value: quantile(f.all, 0.99), unit: "ms"})
	}
	b.add(figure{what: "starter push, " + when + ": memory", value: ended[0].most, unit: "MiB"})
	return nil
}

// throughput measures commits a second with one worker and with two, and bare
// workflows of as many events.
func (b *bench) throughput(ctx context.Context, r *rig, environments []*driven, profiles string) error {
	enough, most := b.size(manyCommits, 20), time.Duration(b.size(15, 1))*time.Minute
	curved := curve{name: "commits", title: fmt.Sprintf("Commits that change nothing, through %d environments", len(environments))}
	var rate, memory, perEvent []float64
	sampled, at := 0, time.Now()
	sample := func(done, events int) {
		now, _ := resident(r.PID("worker"))
		rate = append(rate, float64(done-sampled)/time.Since(at).Seconds())
		memory, perEvent = append(memory, now), append(perEvent, float64(events)/float64(max(done, 1)))
		curved.x = append(curved.x, strconv.Itoa(done))
		sampled, at = done, time.Now()
	}
	profiled := make(chan error, 1)
	go func() { profiled <- b.profile(ctx, profiles, "profile", "?seconds=15") }()
	one, err := r.drive(ctx, environments, enough, most, 0, sample)
	if err != nil {
		return err
	}
	if err := <-profiled; err != nil {
		return err
	}
	if err := b.profile(ctx, profiles, "heap", ""); err != nil {
		return err
	}
	curved.series = []series{{"commits a second", rate}, {"the worker's memory, MiB", memory}, {"history events a commit", perEvent}}
	if err := b.draw(curved); err != nil {
		return err
	}
	_, peak := resident(r.PID("worker"))
	b.add(figure{what: fmt.Sprintf("the worker's memory after %d commits, at most", one.commits), value: peak, unit: "MiB"})
	short := time.Duration(b.size(20, 8)) * time.Second
	if err := r.StartWorker(ctx, "second worker"); err != nil {
		return err
	}
	two, err := r.drive(ctx, environments, math.MaxInt, short, 0, nil)
	r.StopPart("second worker")
	if err != nil {
		return err
	}
	stop, err := r.bareWorker()
	if err != nil {
		return err
	}
	defer stop()
	bare, err := r.driveBare(ctx, len(environments), short)
	if err != nil {
		return err
	}
	for _, f := range []struct {
		what string
		d    driving
	}{{"one worker", one}, {"two workers", two}} {
		b.add(figure{what: "throughput, " + f.what, value: f.d.commitsPerSecond(), unit: "commits/s"})
		b.add(figure{what: "throughput, " + f.what + ": history events", value: f.d.eventsPerSecond(), unit: "/s", against: "bare workflows", againstValue: bare.eventsPerSecond(),
			budget: budget{kind: ratioAtLeast, limit: throughputRatio}})
	}
	return nil
}
