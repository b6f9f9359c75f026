package system_test

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/aineko-dev/environments/internal/contract"
	"github.com/aineko-dev/environments/test/drive"
	"github.com/aineko-dev/environments/test/stack"
)

// exampleCommands are the starter's command lines of one of examples/ci.
func exampleCommands(t *testing.T, name string) []string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(stack.Root(), "examples", "ci", name))
	require.NoError(t, err)
	var document yaml.Node
	require.NoError(t, yaml.Unmarshal(data, &document))
	var found []string
	var walk func(n *yaml.Node)
	walk = func(n *yaml.Node) {
		if n.Kind == yaml.ScalarNode && strings.HasPrefix(n.Value, "starter ") && strings.Contains(n.Value, "--") {
			found = append(found, n.Value)
		}
		for _, kid := range n.Content {
			walk(kid)
		}
	}
	walk(&document)
	return found
}

// job is what a CI system gives a command.
type job struct {
	stack     *stack.Stack
	dir       string
	variables map[string]string
}

// run runs a command line as the CI system's shell does.
func (j job) run(t *testing.T, command string) (code int, out, errs string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "bash", "-e", "-c", command)
	cmd.Dir = j.dir
	cmd.Env = []string{"PATH=" + filepath.Join(stack.Root(), "bin") + ":" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "CI=true"}
	cmd.Env = append(cmd.Env, j.stack.Env()...)
	for name, value := range j.variables {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode(), stdout.String(), stderr.String()
	}
	require.NoError(t, err)
	return 0, stdout.String(), stderr.String()
}

func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"}, args...)...)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "git %v: %s", args, out)
	return strings.TrimSpace(string(out))
}

// The jobs of examples/ci, run under the variables of their systems, on a clone
// as shallow as theirs; then as attackers would have them (S5, S6, S7).
func TestS6_TheExamplesForCI(t *testing.T) {
	s := drive.Start(t, nil)
	origin := filepath.Join(t.TempDir(), "origin")
	require.NoError(t, os.CopyFS(origin, os.DirFS(filepath.Join(stack.Root(), "examples", "churn"))))
	git(t, origin, "init", "--quiet", "--initial-branch=develop")
	git(t, origin, "add", "--all")
	git(t, origin, "commit", "--quiet", "--message", "first")
	clone := func() (dir, sha string) {
		dir = filepath.Join(t.TempDir(), "clone")
		git(t, origin, "clone", "--quiet", "--depth", "1", "--branch", "develop", "file://"+origin, dir)
		return dir, git(t, dir, "rev-parse", "HEAD")
	}
	dir, first := clone()
	summary := filepath.Join(t.TempDir(), "summary.md")
	github := func(dir, sha, event, kind, name string) job {
		return job{s, dir, map[string]string{
			"GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "acme/churn", "GITHUB_SHA": sha, "GITHUB_EVENT_NAME": event,
			"GITHUB_REF_TYPE": kind, "GITHUB_REF_NAME": name, "GITHUB_STEP_SUMMARY": summary, "GITHUB_BASE_REF": map[bool]string{true: "develop"}[event == "pull_request"],
		}}
	}
	var push, plan string
	for _, command := range exampleCommands(t, "github-actions.yml") {
		switch {
		case strings.HasPrefix(command, "starter push"):
			push = command
		case strings.HasPrefix(command, "starter plan"):
			plan = command
		default:
			code, out, errs := github(dir, first, "pull_request", "branch", "7/merge").run(t, command)
			assert.Equal(t, 0, code, "%s: %s%s", command, out, errs)
		}
	}

	t.Run("GitHub Actions, a push", func(t *testing.T) {
		code, out, errs := github(dir, first, "push", "branch", "develop").run(t, push)
		require.Equal(t, 0, code, out+errs)
		assert.Contains(t, out, "deployed  develop at "+first[:12])
		assert.NotContains(t, out+errs, "\x1b", "no control characters where there is no terminal")
		written, err := os.ReadFile(summary)
		require.NoError(t, err)
		assert.Contains(t, string(written), "### `develop`: deployed")
		assert.Contains(t, string(written), "(http://"+s.WebUI+"/namespaces/default/workflows/environment:acme%2Fchurn:develop)")
	})
	t.Run("GitHub Actions, a pull request", func(t *testing.T) {
		require.NoError(t, os.WriteFile(filepath.Join(origin, "deploy.yml"), []byte(deployYMLWithout1), 0o600))
		git(t, origin, "checkout", "--quiet", "-b", "feature")
		git(t, origin, "commit", "--quiet", "--all", "--message", "without the first")
		git(t, dir, "fetch", "--quiet", "--depth", "1", "origin", "feature")
		head := git(t, dir, "rev-parse", "FETCH_HEAD")
		git(t, origin, "checkout", "--quiet", "develop")
		pull := github(dir, head, "pull_request", "branch", "7/merge")
		code, out, errs := pull.run(t, plan)
		require.Equal(t, 0, code, out+errs)
		written, err := os.ReadFile(filepath.Join(dir, "plan.md"))
		require.NoError(t, err)
		assert.Contains(t, string(written), "### Plan for `develop`")
		assert.Contains(t, string(written), "- example_pipeline_1  not listed")
		code, _, errs = pull.run(t, "starter push --repo . --branch develop")
		assert.Equal(t, 2, code)
		assert.Contains(t, errs, "push does nothing in a pull request")
	})
	before := drive.Status(t, s, "acme/churn", "production")

	for name, j := range map[string]job{
		"GitHub, a fork's branch called production":            github(dir, first, "pull_request_target", "branch", "production"),
		"GitHub, a tag called production":                      github(dir, first, "push", "tag", "production"),
		"GitHub, a release":                                    github(dir, first, "release", "tag", "production"),
		"GitLab, a tag called production":                      {s, dir, map[string]string{"GITLAB_CI": "true", "CI_PROJECT_PATH": "acme/churn", "CI_COMMIT_SHA": first, "CI_COMMIT_TAG": "production", "CI_COMMIT_REF_NAME": "production"}},
		"GitLab, a fork's merge request":                       {s, dir, map[string]string{"GITLAB_CI": "true", "CI_PROJECT_PATH": "acme/churn", "CI_COMMIT_SHA": first, "CI_PIPELINE_SOURCE": "merge_request_event", "CI_MERGE_REQUEST_IID": "1", "CI_COMMIT_REF_NAME": "production", "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": "production", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "develop"}},
		"GitLab, a pull request of a mirrored repository":      {s, dir, map[string]string{"GITLAB_CI": "true", "CI_PROJECT_PATH": "acme/churn", "CI_COMMIT_SHA": first, "CI_PIPELINE_SOURCE": "external_pull_request_event", "CI_COMMIT_BRANCH": "production", "CI_EXTERNAL_PULL_REQUEST_IID": "1"}},
		"CircleCI, a tag":                                      {s, dir, map[string]string{"CIRCLECI": "true", "CIRCLE_PROJECT_USERNAME": "acme", "CIRCLE_PROJECT_REPONAME": "churn", "CIRCLE_SHA1": first, "CIRCLE_BRANCH": "production", "CIRCLE_TAG": "production"}},
		"CircleCI, a fork's pull request":                      {s, dir, map[string]string{"CIRCLECI": "true", "CIRCLE_PROJECT_USERNAME": "acme", "CIRCLE_PROJECT_REPONAME": "churn", "CIRCLE_SHA1": first, "CIRCLE_BRANCH": "pull/7"}},
		"a branch that says it is one by the wrong variable":   {s, dir, map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "acme/churn", "GITHUB_SHA": first, "GITHUB_EVENT_NAME": "push", "GITHUB_HEAD_REF": "production"}},
		"GitHub's variables, and no sign of GitHub about them": {s, dir, map[string]string{"GITHUB_REPOSITORY": "acme/churn", "GITHUB_SHA": first, "GITHUB_EVENT_NAME": "push", "GITHUB_REF_TYPE": "branch", "GITHUB_REF_NAME": "production"}},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, errs := j.run(t, push)
			assert.Equal(t, 2, code, out+errs)
		})
	}
	assert.Equal(t, before.Commit, drive.Status(t, s, "acme/churn", "production").Commit, "production was never touched")

	t.Run("values with newlines and commands", func(t *testing.T) {
		hostile := "develop\n::error::x\x1b[2J##[error]"
		code, out, errs := github(dir, first, "push", "branch", hostile).run(t, push)
		assert.Equal(t, 0, code, "no environment can be called so: ignored")
		assertNoCommands(t, out+errs)
		require.NoError(t, os.WriteFile(filepath.Join(dir, "bad.yml"), []byte("version: 0.1.0\n\"x\\n::set-output name=a::b\\e[2J\": 1\nenvironments: {develop: {pipelines: [\"a\\n::error::y ##[error]\"]}}\n"), 0o600))
		code, out, errs = github(dir, first, "pull_request", "branch", "7/merge").run(t, "starter validate --deploy-file bad.yml")
		assert.Equal(t, 2, code)
		assert.Contains(t, out, "::error file=bad.yml,line=2,")
		assertNoCommands(t, out+errs)
	})

	t.Run("GitLab CI and CircleCI, the same push", func(t *testing.T) {
		for file, variables := range map[string]map[string]string{
			"gitlab-ci.yml": {"GITLAB_CI": "true", "CI_PROJECT_PATH": "acme/churn", "CI_COMMIT_SHA": first, "CI_COMMIT_BRANCH": "develop", "CI_PIPELINE_SOURCE": "push"},
			"circleci.yml":  {"CIRCLECI": "true", "CIRCLE_PROJECT_USERNAME": "acme", "CIRCLE_PROJECT_REPONAME": "churn", "CIRCLE_SHA1": first, "CIRCLE_BRANCH": "develop"},
		} {
			commands := exampleCommands(t, file)
			require.NotEmpty(t, commands, file)
			for _, command := range commands {
				code, out, errs := job{s, dir, variables}.run(t, command)
				assert.Equal(t, 0, code, "%s: %s: %s%s", file, command, out, errs)
				if strings.HasPrefix(command, "starter push") {
					assert.Contains(t, out, "unchanged  develop", file)
				}
			}
		}
	})

	t.Run("C8: a late job, on a shallow clone", func(t *testing.T) {
		git(t, origin, "commit", "--quiet", "--allow-empty", "--message", "second")
		second, sha := clone()
		code, out, errs := github(second, sha, "push", "branch", "develop").run(t, push)
		require.Equal(t, 0, code, out+errs)
		code, out, errs = github(dir, first, "push", "branch", "develop").run(t, push+" --output json")
		assert.Equal(t, 0, code, errs)
		var o contract.Outcome
		require.NoError(t, json.Unmarshal([]byte(out), &o), out)
		assert.Equal(t, contract.OutcomeSuperseded, o.Outcome)
		assert.Contains(t, o.Reason, "superseded by "+sha+", by origin")
	})
}

// deployYMLWithout1 lists one pipeline less than the example does.
const deployYMLWithout1 = "version: 0.1.0\nenvironments: {develop: {pipelines: [example_pipeline_2]}}\npipelines: {example_pipeline_2: {source: conf/pipeline_2.yml}}\n"

// assertNoCommands: what GitHub would run as a command is only what the starter means to be one.
func assertNoCommands(t *testing.T, out string) {
	t.Helper()
	assert.NotContains(t, out, "\x1b")
	assert.NotContains(t, out, "##[")
	for _, line := range strings.Split(out, "\n") {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "::") {
			assert.True(t, strings.HasPrefix(line, "::error file=") || strings.HasPrefix(line, "::warning file="), "a command: %q", line)
		}
	}
}
