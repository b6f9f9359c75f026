package contract_test

import (
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"

	"github.com/aineko-dev/environments/internal/contract"
)

func TestS7_UntrustedTextIsFitToPrint(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"plain":                        {"a line", "a line"},
		"colours and a cleared screen": {"\x1b[31mred\x1b[2J", "[31mred[2J"},
		"eight-bit controls":           {"a\u009b31mb\u0085c", "a31mbc"},
		"a carriage return":            {"good\rbad", "goodbad"},
		"line breaks of Windows":       {"a\r\nb", "a\nb"},
		"right to left":                {"a\u202eb\u2066c\ufeffd", "abcd"},
		"a line separator":             {"a\u2028::error::x", "a::error::x"},
		"a tabulator":                  {"a\tb", "a b"},
		"a command":                    {"::error::x", ". ::error::x"},
		"a command after spaces":       {"ok\n \u00a0\u3000::set-output name=a::b", "ok\n. ::set-output name=a::b"},
		"a command of the old form":    {"x ##[error]y", "x ## [error]y"},
		"not UTF-8":                    {"a\xffb", "ab"},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, c.want, contract.Clean(c.text))
			assert.Equal(t, c.want, contract.Clean(contract.Clean(c.text)), "again is the same")
		})
	}
	many := contract.Clean(strings.Repeat("line\n", 100) + "last")
	assert.Equal(t, contract.MaxUntrustedLines, strings.Count(many, "\n")+1)
	assert.True(t, strings.HasSuffix(many, "last"))
}

func FuzzClean(f *testing.F) {
	f.Add("::a\n \x1b]0;t\x07::b ##[c]")
	f.Fuzz(func(t *testing.T, s string) {
		clean := contract.Clean(s)
		for _, line := range strings.Split(clean, "\n") {
			if strings.HasPrefix(strings.TrimSpace(line), "::") || strings.Contains(line, "##[") {
				t.Errorf("a command is left: %q", line)
			}
		}
		if i := strings.IndexFunc(clean, func(r rune) bool { return r != '\n' && unicode.IsControl(r) }); i >= 0 {
			t.Errorf("a control character is left: %q", clean[i:])
		}
	})
}
