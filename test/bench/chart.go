package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/go-analyze/charts"
)

// curve is how one thing grows with another.
type curve struct {
	name   string // of the file, without bench- and .svg
	title  string
	x      []string
	series []series
}

// series is a line of a curve, drawn in a panel of its own where units differ.
type series struct {
	name   string
	values []float64
}

// draw writes a curve as SVG, where images are wanted.
func (b *bench) draw(c curve) error {
	if b.images == "" || len(c.x) < 2 {
		return nil
	}
	var names []string
	var values [][]float64
	for _, s := range c.series {
		names, values = append(names, s.name), append(values, s.values)
	}
	o := charts.NewLineChartOptionWithData(values)
	o.Title.Text = c.title
	o.XAxis.Labels = c.x
	o.Legend.SeriesNames = names
	o.Legend.Offset = charts.OffsetStr{Top: "30"}
	p := charts.NewPainter(charts.PainterOptions{OutputFormat: charts.ChartOutputSVG, Width: 760, Height: 380})
	if err := p.LineChart(o); err != nil {
		return fmt.Errorf("drawing %s: %w", c.name, err)
	}
	svg, err := p.Bytes()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(b.images, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(b.images, "bench-"+c.name+".svg"), append(svg, '\n'), 0o644)
}
