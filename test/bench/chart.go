package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/go-analyze/charts"
)

// curve is how several things grow with another.
type curve struct {
	name   string // of the file, without bench- and .svg
	title  string
	x      []string
	series []series
}

// series is one of them: a panel of its own, since their units differ.
type series struct {
	name   string
	values []float64
}

// Sizes of a panel, in pixels; two stand side by side.
const (
	panelWidth  = 420
	panelHeight = 240
)

// draw writes a curve as SVG, where images are wanted.
func (b *bench) draw(c curve) error {
	if b.images == "" || len(c.x) < 2 {
		return nil
	}
	rows := (len(c.series) + 1) / 2
	page := charts.NewPainter(charts.PainterOptions{OutputFormat: charts.ChartOutputSVG, Width: 2 * panelWidth, Height: rows * panelHeight})
	for i, s := range c.series {
		left, top := i%2*panelWidth, i/2*panelHeight
		o := charts.NewLineChartOptionWithData([][]float64{s.values})
		o.Title.Text = s.name
		o.Title.FontStyle.FontSize = 11
		o.Title.Subtext = c.title
		o.Title.SubtextFontStyle.FontSize = 8
		o.XAxis.Labels = c.x
		o.XAxis.LabelCount = min(len(c.x), 8)
		o.XAxis.LabelFontStyle.FontSize = 8
		o.YAxis = []charts.YAxisOption{{Min: charts.Ptr(0.0), LabelFontStyle: charts.FontStyle{FontSize: 8}}}
		o.Legend.Show = charts.Ptr(false)
		panel := page.Child(charts.PainterBoxOption(charts.NewBox(left, top, left+panelWidth, top+panelHeight)), charts.PainterPaddingOption(charts.NewBoxEqual(12)))
		if err := panel.LineChart(o); err != nil {
			return fmt.Errorf("drawing %s: %w", c.name, err)
		}
	}
	svg, err := page.Bytes()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(b.images, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(b.images, "bench-"+c.name+".svg"), append(svg, '\n'), 0o644)
}
