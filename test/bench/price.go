package main

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/google/uuid"

	"github.com/aineko-dev/environments/internal/contract"
)

// events are the histories of the environment and its children so far.
func (l *life) events(ctx context.Context) (histories, error) {
	return l.histories(ctx, l.project, "develop")
}

// price puts what a piece of work cost in Temporal into the table, held
// against a bare workflow that runs as many activities, with payloads of the
// same sizes.
func (l *life) price(ctx context.Context, what string, h histories, unchanged bool) error {
	var steps []bareStep
	for _, id := range slices.Sorted(maps.Keys(h)) {
		of := activitiesOf(h[id])
		for i := range of {
			// Activity IDs are a workflow's own.
			of[i].Name = id + of[i].Name
			for j := range of[i].After {
				of[i].After[j] = id + of[i].After[j]
			}
		}
		steps = append(steps, of...)
	}
	id := "bare " + uuid.NewString()
	if err := l.runBare(ctx, id, steps); err != nil {
		return fmt.Errorf("a bare workflow: %w", err)
	}
	events, err := l.history(ctx, id)
	if err != nil {
		return err
	}
	least := histories{id: events}.cost()
	c := h.cost()
	bound := budget{}
	if unchanged {
		bound = budget{kind: valueAtMost, limit: noEvents, count: true}
	}
	against := fmt.Sprintf("bare, %d activities", len(steps))
	l.bench.add(figure{what: what + ": history events", value: float64(c.events), against: against, againstValue: float64(least.events), budget: bound})
	l.bench.add(figure{what: what + ": history", value: float64(c.bytes) / 1024, unit: "KiB", against: against, againstValue: float64(least.bytes) / 1024})
	l.bench.add(figure{what: what + ": workflow tasks", value: float64(c.tasks), against: against, againstValue: float64(least.tasks)})
	return nil
}

// initializingPrice is the same for the making of an environment.
func (l *life) initializingPrice(ctx context.Context) error {
	h, err := l.events(ctx)
	if err != nil {
		return err
	}
	delete(h, contract.ProjectWorkflowID(l.project))
	return l.price(ctx, "initialise", h, false)
}
