package contract_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aineko-dev/environments/internal/contract"
)

// Every field of a commit that reaches an instance's user data or a tag, with
// values that would like to be more than data. Names and identifiers are
// refused outright. A source path may hold quotes and the like, for files may
// be called so: what of it is let through is proved inert where the user data
// is made.
func TestA4_HostileValuesInEveryFieldOfACommit(t *testing.T) {
	good := func() contract.Commit {
		return contract.Commit{
			Project: "acme/churn", Branch: "develop", SHA: strings.Repeat("a", 40), FileDigest: strings.Repeat("b", 64), Code: "tree:" + strings.Repeat("c", 40),
			Desired: contract.Desired{Listed: true, Environments: []string{"develop"}, Pipelines: []contract.Pipeline{{Pipeline: "one", Source: "conf/one.yml", Machine: contract.DefaultMachine}}},
		}
	}
	require.NoError(t, good().Check())
	hostile := []string{
		"$(reboot)", "`reboot`", "a; reboot", `a" b`, "a' b", "a\nb", "a\r\n::error::b", "a\x00b", "../x", "../../etc/passwd", "/etc/passwd", "-rf", "--upload-pack=x",
		"${IFS}", strings.Repeat("😀", 1024), "a\\b", "{a: b}", "&a *a", "a\u202eb", "a\x1b[31mb", "aws:x y",
	}
	// A name may begin with a hyphen; it is never a word of a command's of its own.
	names := map[string]bool{"project -rf": true, "branch -rf": true, "environments -rf": true}
	// Those that a file of a repository may be called.
	files := map[string]bool{"$(reboot)": true, "`reboot`": true, "a; reboot": true, `a" b`: true, "a' b": true, "${IFS}": true, "a\\b": true, "{a: b}": true, "&a *a": true, "a\u202eb": true, "aws:x y": true}
	for field, set := range map[string]func(c *contract.Commit, v string){
		"project":       func(c *contract.Commit, v string) { c.Project = v },
		"branch":        func(c *contract.Commit, v string) { c.Branch, c.Desired.Environments = v, []string{v} },
		"sha":           func(c *contract.Commit, v string) { c.SHA = v },
		"fileDigest":    func(c *contract.Commit, v string) { c.FileDigest = v },
		"code":          func(c *contract.Commit, v string) { c.Code = v },
		"code's digest": func(c *contract.Commit, v string) { c.Code = "tree:" + v },
		"environments":  func(c *contract.Commit, v string) { c.Desired.Environments = append(c.Desired.Environments, v) },
		"pipeline":      func(c *contract.Commit, v string) { c.Desired.Pipelines[0].Pipeline = v },
		"name":          func(c *contract.Commit, v string) { c.Desired.Pipelines[0].Name = v },
		"source":        func(c *contract.Commit, v string) { c.Desired.Pipelines[0].Source = v },
		"machine type":  func(c *contract.Commit, v string) { c.Desired.Pipelines[0].Machine.Type = v },
		"compared with": func(c *contract.Commit, v string) { c.Evidence.ComparedWith = v },
		"evidence":      func(c *contract.Commit, v string) { c.Evidence.Kind = v },
	} {
		for _, value := range hostile {
			c := good()
			set(&c, value)
			err := c.Check()
			if field == "source" && files[value] || names[field+" "+value] {
				assert.NoError(t, err, "%s %q", field, value)
				continue
			}
			if assert.Error(t, err, "%s %q", field, value) {
				assert.Less(t, len(err.Error()), 2000, "%s: the refusal is short", field)
				assert.NotContains(t, err.Error(), "\x1b", "%s: the refusal is clean", field)
			}
		}
	}
}
