package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
)

// figure is one line of the table: what was measured, what it is held against
// in the same run, and whether the ratio, or the figure itself, is within its budget.
type figure struct {
	part, what   string
	value        float64
	unit         string
	against      string // what it is held against; empty: nothing
	againstValue float64
	budget       budget
}

// budget is what a figure may be; the zero value sets none.
type budget struct {
	kind  budgetKind
	limit float64
	// count is whether the figure is a count or a size, which a loaded machine
	// does not change: only those decide about the exit code.
	count bool
}

type budgetKind int

const (
	noBudget budgetKind = iota
	ratioAtMost
	ratioAtLeast
	valueAtMost
)

func (f figure) ratio() float64 {
	if f.againstValue == 0 {
		return 0
	}
	return f.value / f.againstValue
}

func (f figure) within() bool {
	const rounding = 1e-9
	switch f.budget.kind {
	case ratioAtMost:
		return f.value <= f.budget.limit*f.againstValue+rounding
	case ratioAtLeast:
		return f.value >= f.budget.limit*f.againstValue-rounding
	case valueAtMost:
		return f.value <= f.budget.limit+rounding
	}
	return true
}

func (b *bench) add(f figure) {
	f.part = b.part
	b.figures = append(b.figures, f)
}

// table is the result of a run, as Markdown, so that it can be kept.
func (b *bench) table() string {
	t := table.NewWriter()
	t.AppendHeader(table.Row{"Part", "Figure", "Measured", "Held against", "Ratio", "Budget", "Within"})
	for _, f := range b.figures {
		row := table.Row{f.part, f.what, number(f.value, f.unit), "", "", "", ""}
		if f.against != "" {
			row[3], row[4] = f.against+": "+number(f.againstValue, f.unit), "–"
			if f.againstValue != 0 {
				row[4] = strconv.FormatFloat(f.ratio(), 'f', 2, 64)
			}
		}
		limit := strconv.FormatFloat(f.budget.limit, 'f', -1, 64)
		switch f.budget.kind {
		case ratioAtMost:
			row[5] = "≤ " + limit + " ×"
		case ratioAtLeast:
			row[5] = "≥ " + limit + " ×"
		case valueAtMost:
			row[5] = "≤ " + limit + " " + f.unit
		}
		if f.budget.kind != noBudget {
			row[6] = map[bool]string{true: "yes", false: "**no**"}[f.within()]
		}
		t.AppendRow(row)
	}
	return t.RenderMarkdown()
}

func number(v float64, unit string) string {
	decimals := 1
	switch {
	case v == float64(int64(v)) || v >= 1000:
		decimals = 0
	case v < 10:
		decimals = 2
	}
	return strings.TrimSpace(strconv.FormatFloat(v, 'f', decimals, 64) + " " + unit)
}

// verdict is an error when a count is over its budget.
func (b *bench) verdict() error {
	var over []string
	for _, f := range b.figures {
		if f.budget.count && !f.within() {
			over = append(over, f.what)
		}
	}
	if len(over) > 0 {
		return fmt.Errorf("%w: %s", errBudget, strings.Join(over, "; "))
	}
	return nil
}

// machine is what a run was made on.
func machine() string {
	memory := "unknown memory"
	if data, err := os.ReadFile("/proc/meminfo"); err == nil {
		for line := range strings.Lines(string(data)) {
			if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "MemTotal:" {
				kib, _ := strconv.ParseFloat(fields[1], 64)
				memory = fmt.Sprintf("%.0f GiB", kib/(1<<20))
			}
		}
	}
	return fmt.Sprintf("%d cores, %s, %s/%s, %s", runtime.NumCPU(), memory, runtime.GOOS, runtime.GOARCH, runtime.Version())
}
