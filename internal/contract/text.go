package contract

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Clip shortens s to at most n bytes, at a rune's border, with an ellipsis.
func Clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	cut := max(n-len("…"), 0)
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

// MaxUntrustedLines is how many lines of untrusted text are shown (S7).
const MaxUntrustedLines = 20

// Clean makes untrusted text fit to print (S7): control characters other than
// line breaks are dropped, at most the last 20 lines are kept, none begins
// with "::", after whatever space, and none holds "##[" (GitHub would run
// either as a command).
func Clean(s string) string {
	s = strings.ReplaceAll(s, "\r\n", "\n")
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return r
		case r == '\t':
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r), r == utf8.RuneError, r == '\u2028', r == '\u2029':
			return -1
		}
		return r
	}, s)
	lines := strings.Split(strings.Trim(s, "\n"), "\n")
	if len(lines) > MaxUntrustedLines {
		lines = lines[len(lines)-MaxUntrustedLines:]
	}
	for i, line := range lines {
		line = strings.ReplaceAll(line, "##[", "## [")
		if t := strings.TrimLeftFunc(line, unicode.IsSpace); strings.HasPrefix(t, "::") {
			line = ". " + t
		}
		lines[i] = line
	}
	return strings.Join(lines, "\n")
}
