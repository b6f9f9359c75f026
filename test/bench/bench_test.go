package main

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aineko-dev/environments/activities"
)

// Every part works, at small sizes; counts are within their budgets at any size.
func TestEveryPartMeasures(t *testing.T) {
	for _, p := range parts {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel() // they wait more than they work
			require.NoError(t, run(t.Context(), []string{"--short", "--only", p.name, "--images", t.TempDir()}))
		})
	}
}

func TestOnlyCountsDecide(t *testing.T) {
	slow := figure{what: "slow", value: 3, against: "best", againstValue: 2, budget: budget{kind: ratioAtMost, limit: 1.1}}
	b := &bench{figures: []figure{slow}}
	assert.False(t, slow.within())
	require.NoError(t, b.verdict())
	slow.budget.count = true
	b.figures = append(b.figures, slow)
	assert.True(t, errors.Is(b.verdict(), errBudget))
	assert.Contains(t, b.table(), "| slow | 3 | best: 2 | 1.50 | ≤ 1.1 × | **no** |")
}

func TestTheCriticalPathIsTheLongestWay(t *testing.T) {
	steps := []activities.Step{
		{Role: "route", Kind: "route", After: []string{"nat", "table"}},
		{Role: "table", Kind: "route-table", After: []string{"vpc", "private-a"}},
		{Role: "private-a", Kind: "subnet", After: []string{"vpc"}},
		{Role: "nat", Kind: "nat-gateway", After: []string{"vpc"}},
		{Role: "vpc", Kind: "vpc"},
	}
	path, serial, err := criticalPath(steps, 1e9)
	require.NoError(t, err)
	// vpc 2, nat 1 + 100, route 1; serially also the subnet 1 and the table 2.
	assert.Equal(t, 104.0, path.Seconds())
	assert.Equal(t, 107.0, serial.Seconds())
	_, _, err = criticalPath([]activities.Step{{Role: "a", After: []string{"b"}}}, 0)
	assert.Error(t, err)
}
