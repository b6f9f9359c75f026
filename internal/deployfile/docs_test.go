package deployfile_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aineko-dev/environments/internal/deployfile"
)

const reference = "../../docs/deploy-yml.md"

func TestD5_TheReferencesExamplesAreRight(t *testing.T) {
	data, err := os.ReadFile(reference)
	require.NoError(t, err)
	examples := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(data), -1)
	require.NotEmpty(t, examples)
	for _, e := range examples {
		_, _, err := deployfile.Parse([]byte(e[1]), deployfile.Options{})
		assert.NoError(t, err, e[1])
	}
}

// Every message that a wrong file gets stands in the reference, with what to
// do; and every one that stands there is one that a wrong file gets.
func TestD5_TheReferenceExplainsEveryMessage(t *testing.T) {
	data, err := os.ReadFile(reference)
	require.NoError(t, err)
	_, table, found := strings.Cut(string(data), "| message |")
	require.True(t, found)
	rows := regexp.MustCompile("(?m)^\\| `(.+?)` \\|").FindAllStringSubmatch(table, -1)
	require.NotEmpty(t, rows)
	patterns := map[string]*regexp.Regexp{}
	for _, row := range rows {
		p := regexp.QuoteMeta(row[1])
		p = strings.ReplaceAll(p, "…", `.*`)
		p = regexp.MustCompile(`\bN\b`).ReplaceAllString(p, `-?[0-9]+`)
		patterns[row[1]] = regexp.MustCompile(`(?s)^` + p + `$`)
	}
	used := map[string]bool{}
	for _, c := range wrong {
		_, _, err := deployfile.Parse([]byte(c.file), deployfile.Options{SourceExists: func(path string) (bool, error) { return path != "conf/gone.yml", nil }})
		var problems deployfile.Problems
		require.ErrorAs(t, err, &problems)
		for _, p := range problems {
			explained := false
			for row, pattern := range patterns {
				if pattern.MatchString(p.Message) {
					explained, used[row] = true, true
				}
			}
			assert.True(t, explained, "%s: %q is not in %s", c.name, p.Message, reference)
		}
	}
	for row := range patterns {
		assert.True(t, used[row], "%q is in %s, and no wrong file gets it", row, reference)
	}
}
