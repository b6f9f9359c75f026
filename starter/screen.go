package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"
)

// screen shows a block of lines on a terminal, and draws it again in its
// place. go-pretty's progress, which draws bars of counted things, has no room
// for lines that come, go and say why; its text measures them.
type screen struct {
	out io.Writer
	// size is the terminal's, in columns and rows; it may change at any time.
	size func() (width, height int)
	// shown are the lines on the terminal, without what was cut off, and width
	// is what it was then.
	shown []string
	width int
}

const (
	// What terminals that know it take as one frame, so that nothing flickers
	// (synchronised output); others ignore it.
	beginFrame = "\x1b[?2026h"
	endFrame   = "\x1b[?2026l"
	toLineEnd  = "\x1b[K"
	toEnd      = "\x1b[J"
)

// draw shows lines in the place of those shown before. Lines too long for the
// terminal are cut, and where there are too many the middle is left out.
func (s *screen) draw(lines []styled) {
	width, height := s.size()
	next := fit(lines, width, height)
	resized := s.width != 0 && s.width != width
	s.width = width
	if !resized && strings.Join(next, "\n") == strings.Join(s.shown, "\n") {
		return
	}
	var b strings.Builder
	b.WriteString(beginFrame)
	if up := min(rows(s.shown, width), height-1); up > 0 {
		fmt.Fprintf(&b, "\r\x1b[%dA", up)
	}
	if resized {
		b.WriteString(toEnd) // else a terminal goes on taking broken lines for one
	}
	for _, line := range next {
		b.WriteString(line + toLineEnd + "\n")
	}
	b.WriteString(toEnd + endFrame)
	_, _ = io.WriteString(s.out, b.String())
	s.shown = next
}

// keep leaves what is shown where it is: what follows comes below.
func (s *screen) keep() { s.shown = nil }

// rows is how many rows lines take at a width: a terminal that became narrower
// has broken those that no longer fit.
func rows(lines []string, width int) int {
	n := 0
	for _, line := range lines {
		n += 1 + max(text.StringWidthWithoutEscSequences(line)-1, 0)/max(width, 1)
	}
	return n
}

// fit cuts lines to a terminal's size, its last column and row left free.
func fit(lines []styled, width, height int) []string {
	var fitting []string
	for _, block := range lines {
		for _, line := range strings.Split(string(block), "\n") {
			if text.StringWidthWithoutEscSequences(line) >= width {
				line = text.Snip(line, max(width-1, 1), "…")
			}
			fitting = append(fitting, line)
		}
	}
	room := max(height-1, 3)
	if left := len(fitting) - room; left > 0 {
		first := room / 2
		last := room - first - 1
		fitting = append(append(append([]string{}, fitting[:first]...), fmt.Sprintf("  … %d more lines", left+1)), fitting[len(fitting)-last:]...)
	}
	return fitting
}
