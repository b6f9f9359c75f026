package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/aineko-dev/environments/internal/contract"
	"github.com/aineko-dev/environments/test/stack"
)

// pipelineCurve deploys more and more pipelines at once into one environment.
func pipelineCurve(ctx context.Context, b *bench) error {
	const speed = 100
	counts := []int{1, 2, 5, 10, 20, 50, 100}
	if b.short {
		counts = []int{1, 5}
	}
	r, err := newRig(ctx, stack.Options{Speed: speed, WorkerSettings: slowly(speed, map[string]string{"max-pipelines": "100"})})
	if err != nil {
		return err
	}
	defer r.close()
	l := &life{rig: r, bench: b, project: "bench/pipelines"}
	if err := l.createProject(ctx, l.project); err != nil {
		return err
	}
	for _, name := range contract.InitialEnvironments {
		if _, err := l.ready(ctx, l.project, name); err != nil {
			return err
		}
	}
	if _, err := l.since(ctx); err != nil {
		return err
	}
	c := curve{name: "pipelines", title: "Deploying pipelines at once, for each of them"}
	var seconds, reading, events, kib []float64
	before, err := l.events(ctx)
	if err != nil {
		return err
	}
	for i, n := range counts {
		begun := time.Now()
		if err := l.deploy(ctx, l.commit(l.project, n, codeOf(i)), contract.OutcomeDeployed); err != nil {
			return err
		}
		took := l.simulated(time.Since(begun))
		calls, err := l.since(ctx)
		if err != nil {
			return err
		}
		after, err := l.events(ctx)
		if err != nil {
			return err
		}
		cost := newer(after, before).cost()
		_, most := resident(l.PID("worker"))
		what := fmt.Sprintf("deploy %d pipelines", n)
		b.add(figure{what: what + ": time", value: took, unit: "s"})
		b.add(figure{what: what + ": reading calls", value: float64(calls.reading), against: "changing", againstValue: float64(calls.changing), budget: budget{kind: ratioAtMost, limit: readsAtMost}})
		b.add(figure{what: what + ": history events", value: float64(cost.events)})
		b.add(figure{what: what + ": history", value: float64(cost.bytes) / 1024, unit: "KiB"})
		b.add(figure{what: what + ": the worker's memory at most", value: most, unit: "MiB"})
		c.x = append(c.x, strconv.Itoa(n))
		seconds, reading = append(seconds, took), append(reading, float64(calls.reading)/float64(n))
		events, kib = append(events, float64(cost.events)/float64(n)), append(kib, float64(cost.bytes)/1024/float64(n))
		if err := l.deploy(ctx, l.commit(l.project, 0, codeOf(i)), contract.OutcomeDeployed); err != nil {
			return err
		}
		if _, err := l.since(ctx); err != nil {
			return err
		}
		if before, err = l.events(ctx); err != nil {
			return err
		}
	}
	c.series = []series{{"seconds in all, by AWS's clock", seconds}, {"reading calls each", reading}, {"history events each", events}, {"history each, KiB", kib}}
	return b.draw(c)
}
