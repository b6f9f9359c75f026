package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func newApp(env map[string]string) (a *app, out, errs *bytes.Buffer) {
	out, errs = &bytes.Buffer{}, &bytes.Buffer{}
	return &app{out: out, errs: errs, env: environment(env)}, out, errs
}

const right = "version: 0.1.0\npipelines: {one: {source: conf/one.yml}}\nenvironments: {develop: {pipelines: [one]}}\n"

// repository is a Git repository with one commit of these files.
func repository(t *testing.T, files map[string]string) (dir, sha string) {
	t.Helper()
	dir = t.TempDir()
	r, err := git.PlainInit(dir, false)
	require.NoError(t, err)
	w, err := r.Worktree()
	require.NoError(t, err)
	for name, content := range files {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644))
		_, err := w.Add(name)
		require.NoError(t, err)
	}
	hash, err := w.Commit("one", &git.CommitOptions{Author: &object.Signature{Name: "a", Email: "a@example.com", When: time.Unix(1700000000, 0)}})
	require.NoError(t, err)
	return dir, hash.String()
}

func TestS4_ExitCodes(t *testing.T) {
	dir, sha := repository(t, map[string]string{"deploy.yml": right, "conf/one.yml": "pipeline: {}", "wrong.yml": "version: 1\n", "nosource.yml": strings.Replace(right, "conf/one.yml", "conf/gone.yml", 1)})
	bare, bareSHA := repository(t, map[string]string{"README": "no deploy.yml"})
	unreachable := []string{"--address", "127.0.0.1:1"}
	commit := []string{"--project", "acme/churn", "--branch", "develop", "--commit", sha, "--repo", dir}
	for name, c := range map[string]struct {
		args []string
		env  map[string]string
		code int
		says string
	}{
		"no command is help":          {nil, nil, 0, ""},
		"unknown command":             {[]string{"pish"}, nil, 2, "unknown command"},
		"unknown flag":                {[]string{"push", "--brunch", "x"}, nil, 2, "unknown flag: --brunch"},
		"bad output":                  {[]string{"version", "--output", "xml"}, nil, 2, `--output "xml": want text or json`},
		"nothing given":               {[]string{"push"}, nil, 2, "--project, --branch and --commit are needed"},
		"bad project":                 {[]string{"push", "--project", "a b", "--branch", "develop", "--commit", sha}, nil, 2, "want owner/repo"},
		"short SHA without a repo":    {[]string{"push", "--project", "a/b", "--branch", "develop", "--commit", "abc", "--deploy-file", filepath.Join(dir, "deploy.yml")}, nil, 2, "want a full SHA"},
		"bad time":                    {[]string{"push", "--project", "a/b", "--branch", "develop", "--commit", sha, "--committed-at", "yesterday"}, nil, 2, "want RFC 3339"},
		"no deploy.yml on disk":       {[]string{"push", "--project", "a/b", "--branch", "develop", "--commit", sha, "--deploy-file", "/nonexistent"}, nil, 2, "A commit without one changes nothing"},
		"no deploy.yml in the commit": {[]string{"push", "--project", "a/b", "--branch", "develop", "--commit", bareSHA, "--repo", bare}, nil, 2, "the commit has no such file"},
		"no checkout":                 {[]string{"push", "--project", "a/b", "--branch", "develop", "--commit", sha, "--repo", os.TempDir()}, nil, 2, "is no Git checkout"},
		"no such commit":              {[]string{"push", "--project", "a/b", "--branch", "develop", "--commit", strings.Repeat("a", 40), "--repo", dir}, nil, 2, "is not in the checkout"},
		"wrong deploy.yml":            {append([]string{"push", "--deploy-file", "wrong.yml"}, commit...), nil, 2, `deploy.yml:1:10: version: "1" is no semantic version`},
		"a source that is not there":  {append([]string{"push", "--deploy-file", "nosource.yml"}, commit...), nil, 2, `there is no file "conf/gone.yml" at this commit`},
		"a pull request":              {append([]string{"push"}, commit...), map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "pull_request"}, 2, "push does nothing in a pull request"},
		"Temporal out of reach":       {append(append([]string{"push"}, commit...), unreachable...), nil, 6, "reaching Temporal at 127.0.0.1:1 failed; set TEMPORAL_ADDRESS"},
		"status out of reach":         {append([]string{"status", "--project", "a/b"}, unreachable...), nil, 6, "reaching Temporal"},
		"no environment named":        {[]string{"delete-environment", "--project", "a/b"}, nil, 2, "--project and --environment are needed"},
		"a branch that cannot be one": {[]string{"push", "--project", "a/b", "--branch", "feature/x", "--commit", sha, "--repo", dir}, nil, 0, ""},
		"valid":                       {[]string{"validate", "--repo", dir}, nil, 0, ""},
		"invalid":                     {[]string{"validate", "--repo", dir, "--deploy-file", "wrong.yml"}, nil, 2, "environments: missing"},
		"schema":                      {[]string{"schema"}, nil, 0, ""},
		"version":                     {[]string{"version"}, nil, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			a, _, errs := newApp(c.env)
			assert.Equal(t, c.code, a.run(t.Context(), c.args), errs.String())
			assert.Contains(t, errs.String(), c.says)
		})
	}
}

func TestS2_JSONIsOneDocumentAndNothingElse(t *testing.T) {
	dir, sha := repository(t, map[string]string{"deploy.yml": right, "conf/one.yml": ""})
	a, out, _ := newApp(nil)
	require.Zero(t, a.run(t.Context(), []string{"push", "--project", "a/b", "--branch", "feature/x", "--commit", sha, "--repo", dir, "--output", "json"}))
	decoder := json.NewDecoder(out)
	var document map[string]any
	require.NoError(t, decoder.Decode(&document))
	assert.False(t, decoder.More())
	assert.Equal(t, "ignored", document["outcome"])
	for _, key := range []string{"project", "environment", "branch", "commit", "plan", "pipelines", "warnings"} {
		assert.Contains(t, document, key)
	}
}

func TestC11_TheCodeIsTheTreeWithoutDeployYML(t *testing.T) {
	files := map[string]string{"deploy.yml": right, "conf/one.yml": "x"}
	read := func() *sent {
		dir, sha := repository(t, files)
		a, _, _ := newApp(nil)
		s, err := a.read(commitFlags{project: "a/b", branch: "develop", commit: sha, deployFile: "deploy.yml", repo: dir})
		require.NoError(t, err)
		return s
	}
	first := read()
	files["deploy.yml"] = right + "# a comment\n"
	second := read()
	files["conf/one.yml"] = "y"
	third := read()
	assert.Equal(t, first.Code, second.Code)
	assert.NotEqual(t, first.FileDigest, second.FileDigest)
	assert.NotEqual(t, second.Code, third.Code)
	assert.True(t, strings.HasPrefix(first.Code, "tree:"))
	assert.Equal(t, time.Unix(1700000000, 0).UTC(), first.CommittedAt)
	assert.NoError(t, first.Check())
}

func TestC8_DescentIsEvidence(t *testing.T) {
	dir, first := repository(t, map[string]string{"deploy.yml": right, "conf/one.yml": ""})
	r, err := git.PlainOpen(dir)
	require.NoError(t, err)
	w, err := r.Worktree()
	require.NoError(t, err)
	hash, err := w.Commit("two", &git.CommitOptions{AllowEmptyCommits: true, Author: &object.Signature{Name: "a", Email: "a@example.com", When: time.Unix(1700000100, 0)}})
	require.NoError(t, err)
	compare := func(commit, newest string) (kind string, newer bool) {
		a, _, _ := newApp(nil)
		s, err := a.read(commitFlags{project: "a/b", branch: "develop", commit: commit, deployFile: "deploy.yml", repo: dir})
		require.NoError(t, err)
		s.compare(t.Context(), newest)
		return s.Evidence.Kind, s.Evidence.Newer
	}
	kind, newer := compare(hash.String(), first)
	assert.Equal(t, "descent", kind)
	assert.True(t, newer)
	kind, newer = compare(first, hash.String())
	assert.Equal(t, "descent", kind)
	assert.False(t, newer)
	kind, _ = compare(first, strings.Repeat("a", 40))
	assert.Empty(t, kind, "a commit that is not at hand says nothing")
}
