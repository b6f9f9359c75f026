// Package docs_test runs what the documentation tells people to run, so that
// it cannot rot: every block marked `sh run`, in the order in which one reads.
package docs_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aineko-dev/environments/internal/contract"
	"github.com/aineko-dev/environments/test/stack"
)

// pages in the order in which their commands are run: a later one may build on
// what an earlier one did, as for a reader.
var pages = []string{"README.md", "docs/deploy-yml.md", "docs/web-ui.md", "docs/operations.md", "CONTRIBUTING.md", "docs/design.md"}

// patience is how long a block may take on a loaded machine.
const patience = time.Minute

// block is one fenced block of shell.
type block struct {
	page   string
	line   int
	script string
	run    bool
	why    string // not run, by the comment above it
}

var fence = regexp.MustCompile("^( *)```(.*)$")

func blocks(t *testing.T, page string) []block {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(stack.Root(), page))
	require.NoError(t, err)
	lines := strings.Split(string(data), "\n")
	var found []block
	for i := 0; i < len(lines); i++ {
		open := fence.FindStringSubmatch(lines[i])
		if open == nil {
			continue
		}
		indent, info := open[1], strings.TrimSpace(open[2])
		b := block{page: page, line: i + 1, run: info == "sh run"}
		if i > 0 {
			if why, is := strings.CutPrefix(strings.TrimSpace(lines[i-1]), "<!-- not run: "); is {
				b.why = strings.TrimSuffix(why, " -->")
			}
		}
		for i++; i < len(lines) && strings.TrimSpace(lines[i]) != "```"; i++ {
			b.script += strings.TrimPrefix(lines[i], indent) + "\n"
		}
		if strings.HasPrefix(info, "sh") || strings.HasPrefix(info, "bash") || strings.HasPrefix(info, "console") {
			found = append(found, b)
		}
	}
	return found
}

func TestDocs_EveryCommandRunsOrSaysWhyNot(t *testing.T) {
	s, dir := readersPlace(t)
	free, err := stack.FreeAddress()
	require.NoError(t, err)
	ran := 0
	for _, page := range pages {
		for _, b := range blocks(t, page) {
			if !b.run {
				assert.NotEmpty(t, b.why, "%s:%d is neither marked `sh run`, nor says above it why not", b.page, b.line)
				continue
			}
			ran++
			// The addresses that people know are those of a stack on fixed ports.
			script := strings.NewReplacer("127.0.0.1:9090", s.WorkerAddress, "127.0.0.1:9091", free).Replace(b.script)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			cmd := exec.CommandContext(ctx, "bash", "-c", "set -euo pipefail\n"+script)
			cmd.Dir, cmd.WaitDelay = dir, time.Second
			cmd.Env = append(readersEnv(s, dir), "HOME="+dir)
			if b.page == "CONTRIBUTING.md" {
				cmd.Dir = stack.Root()
				cmd.Env = os.Environ()
			}
			out, err := cmd.CombinedOutput()
			cancel()
			if err != nil {
				t.Errorf("%s:%d: %v\n%s\n%s", b.page, b.line, err, b.script, contract.Clean(string(out)))
			}
		}
	}
	assert.Greater(t, ran, 20)
	assertMetrics(t, s)
}

// readersPlace is where a reader stands: a stack that runs, a checkout of the
// example project, and the environments that the documentation speaks of.
func readersPlace(t *testing.T) (*stack.Stack, string) {
	t.Helper()
	s, err := stack.New(stack.Options{Dir: t.TempDir(), Speed: 120, WorkerSettings: map[string]string{"readiness-timeout": "20s"}})
	require.NoError(t, err)
	require.NoError(t, s.Start(t.Context()))
	t.Cleanup(func() {
		_ = s.Stop()
		if t.Failed() {
			t.Log("the worker's log ends:\n" + s.Log("worker"))
		}
	})
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS(filepath.Join(stack.Root(), "examples", "churn"))))
	require.NoError(t, os.Symlink(filepath.Join(stack.Root(), "bin"), filepath.Join(dir, "bin")))
	require.NoError(t, os.CopyFS(filepath.Join(dir, "docs"), os.DirFS(filepath.Join(stack.Root(), "docs"))))
	script := `git init --quiet --initial-branch=develop
echo /bin >> .gitignore; echo /docs >> .gitignore
git add . && git commit --quiet -m "An example"
git commit --quiet --allow-empty -m "One more"
starter create-project --project acme/churn
cat > one.yml <<YML
version: 0.1.0
pipelines: {example_pipeline_2: {source: conf/pipeline_2.yml}}
environments: {staging: {pipelines: [example_pipeline_2]}, qa: {pipelines: []}}
YML
starter push --project acme/churn --branch staging --commit "$(git rev-parse HEAD)" --deploy-file one.yml &
starter push --project acme/churn --branch qa --commit "$(git rev-parse HEAD)" --deploy-file one.yml
wait $!`
	out, err := bash(t.Context(), s, dir, script)
	require.NoError(t, err, string(out))
	return s, dir
}

func readersEnv(s *stack.Stack, dir string) []string {
	env := append(os.Environ(), s.Env()...)
	return append(env, "PATH="+filepath.Join(dir, "bin")+":"+os.Getenv("PATH"),
		"GIT_AUTHOR_NAME=reader", "GIT_AUTHOR_EMAIL=reader@example.com", "GIT_COMMITTER_NAME=reader", "GIT_COMMITTER_EMAIL=reader@example.com", "GIT_CONFIG_GLOBAL=/dev/null")
}

func bash(ctx context.Context, s *stack.Stack, dir, script string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "bash", "-c", "set -euo pipefail\n"+script)
	cmd.Dir, cmd.Env = dir, readersEnv(s, dir)
	return cmd.CombinedOutput()
}

// Every link of the documentation that stays in the repository leads somewhere.
func TestDocs_LinksLeadSomewhere(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading := regexp.MustCompile(`(?m)^#+ (.*)$`)
	notInAnchor := regexp.MustCompile(`[^a-z0-9 _-]`)
	for _, page := range append(pages, "CHANGELOG.md") {
		data, err := os.ReadFile(filepath.Join(stack.Root(), page))
		require.NoError(t, err)
		for _, found := range link.FindAllStringSubmatch(string(data), -1) {
			if strings.Contains(found[1], "://") {
				continue
			}
			path, anchor, _ := strings.Cut(found[1], "#")
			target := filepath.Join(stack.Root(), page)
			if path != "" {
				target = filepath.Join(stack.Root(), filepath.Dir(page), path)
			}
			data, err := os.ReadFile(target)
			info, statErr := os.Stat(target)
			if !assert.NoError(t, statErr, "%s: %s", page, found[1]) || info.IsDir() || anchor == "" {
				continue
			}
			require.NoError(t, err)
			var anchors []string
			for _, h := range heading.FindAllStringSubmatch(string(data), -1) {
				anchors = append(anchors, strings.ReplaceAll(notInAnchor.ReplaceAllString(strings.ToLower(h[1]), ""), " ", "-"))
			}
			assert.Contains(t, anchors, anchor, "%s: %s", page, found[1])
		}
	}
}

// The filters that the documentation offers name what is registered.
func TestDocs_FiltersNameWhatExists(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(stack.Root(), "docs/web-ui.md"))
	require.NoError(t, err)
	named := regexp.MustCompile(`Aineko[A-Za-z]+`).FindAllString(string(data), -1)
	require.NotEmpty(t, named)
	for _, name := range named {
		assert.Contains(t, contract.SearchAttributes, name)
	}
}
