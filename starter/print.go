package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/aineko-dev/environments/internal/contract"
)

// styled is text that may be printed as it is: made here, of colours, tables
// and cleaned parts. Every other text is untrusted, and cleaned on its way out
// (S7), so that no place of the starter can forget to.
type styled string

// styledf makes text of untrusted parts.
func styledf(format string, args ...any) styled {
	for i, arg := range args {
		switch v := arg.(type) {
		case styled:
			args[i] = string(v)
		case string:
			args[i] = contract.Clean(v)
		case error:
			args[i] = contract.Clean(v.Error())
		case fmt.Stringer:
			args[i] = contract.Clean(v.String())
		}
	}
	return styled(fmt.Sprintf(format, args...))
}

// say prints to standard output.
func (a *app) say(format string, args ...any) {
	_, _ = fmt.Fprintln(a.out, string(styledf(format, args...)))
}

// warn prints to standard error.
func (a *app) warn(format string, args ...any) {
	_, _ = fmt.Fprintln(a.errs, string(styledf(format, args...)))
}

// json prints the one document of a command. Its strings are other people's
// text as well: what could steer a terminal is escaped, which JSON allows anywhere.
func (a *app) json(v any) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(v)
	var safe strings.Builder
	for _, r := range b.String() {
		switch {
		case r == '\n' || !steers(r):
			safe.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&safe, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&safe, `\u%04x`, r)
		}
	}
	_, _ = a.out.Write([]byte(safe.String()))
}

// steers is whether a terminal may act on a rune rather than show it.
func steers(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }

// colour is for terminals, where wanted (https://no-color.org).
func (a *app) colour(code, text string) styled {
	if !a.terminal || a.env("NO_COLOR") != "" || a.env("TERM") == "dumb" {
		return styledf("%s", text)
	}
	return styledf("\x1b[%sm%s\x1b[0m", styled(code), text)
}

const (
	bold   = "1"
	faint  = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
)

func (a *app) bold(text string) styled { return a.colour(bold, text) }

// coloured shows a status, an outcome or a result in its colour.
func (a *app) coloured(word string) styled {
	switch word {
	case contract.StatusReady, contract.OutcomeDeployed, contract.OutcomeUnchanged, contract.OutcomeAccepted, contract.PipelineRunning, contract.ResultDone:
		return a.colour(green, word)
	case contract.StatusFailed, contract.StatusDegraded, contract.OutcomeRefused:
		return a.colour(red, word)
	}
	return a.colour(yellow, word)
}

// tableOf lays rows out in columns; cells are cleaned, and of one line.
func (a *app) tableOf(header []string, rows [][]any) styled {
	t := table.NewWriter()
	style := table.StyleLight
	style.Options = table.OptionsNoBordersAndSeparators
	t.SetStyle(style)
	top := table.Row{}
	for _, h := range header {
		top = append(top, h)
	}
	t.AppendHeader(top)
	for _, cells := range rows {
		row := table.Row{}
		for _, cell := range cells {
			row = append(row, strings.ReplaceAll(string(styledf("%v", cell)), "\n", " "))
		}
		t.AppendRow(row)
	}
	lines := strings.Split(t.Render(), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " ")
	}
	return styled(strings.Join(lines, "\n"))
}

// indented is text moved to the right by two columns.
func indented(text any) styled {
	return styled("  " + strings.ReplaceAll(string(styledf("%s", text)), "\n", "\n  "))
}

// oneLine is the first line of untrusted text, shortened.
func oneLine(text string, limit int) string {
	line, _, _ := strings.Cut(contract.Clean(text), "\n")
	return contract.Clip(line, limit)
}

// short is a duration for people: to the second.
func short(d time.Duration) string { return max(d, 0).Round(time.Second).String() }

// at is a moment for people, in UTC.
func at(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05Z") }

// short SHAs are 12 digits in sentences and 8 in tables.
func sha12(sha string) string { return fmt.Sprintf("%.12s", sha) }
func sha8(sha string) string  { return fmt.Sprintf("%.8s", sha) }
