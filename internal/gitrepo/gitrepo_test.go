package gitrepo_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aineko-dev/environments/internal/gitrepo"
)

// git runs Git itself in a directory: what it makes is what CI systems make.
func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false", "-c", "protocol.file.allow=always"}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "git %v: %s", args, out)
	return strings.TrimSpace(string(out))
}

func repository(t *testing.T, options ...string) string {
	t.Helper()
	dir := t.TempDir()
	git(t, dir, append([]string{"init", "--quiet", "--initial-branch=develop"}, options...)...)
	return dir
}

func commit(t *testing.T, dir string, files map[string]string) (sha string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(content), 0o644))
	}
	git(t, dir, "add", "--all")
	git(t, dir, "commit", "--quiet", "--allow-empty", "--message", "a commit")
	return git(t, dir, "rev-parse", "HEAD")
}

func open(t *testing.T, dir, revision string) *gitrepo.Commit {
	t.Helper()
	c, err := gitrepo.Open(dir, revision)
	require.NoError(t, err)
	return c
}

func TestTheCommitCountsNotTheWorkTree(t *testing.T) {
	dir := repository(t)
	first := commit(t, dir, map[string]string{"deploy.yml": "first", "conf/one.yml": "1"})
	second := commit(t, dir, map[string]string{"deploy.yml": "second", "conf/two.yml": "2"})
	require.NoError(t, os.WriteFile(filepath.Join(dir, "deploy.yml"), []byte("not committed"), 0o644))

	for revision, want := range map[string]string{first: "first", second: "second", "develop": "second", "HEAD~1": "first", first[:10]: "first"} {
		data, err := open(t, dir, revision).Read("./deploy.yml")
		require.NoError(t, err)
		assert.Equal(t, want, string(data), revision)
	}
	c := open(t, filepath.Join(dir, "conf"), "HEAD")
	assert.Equal(t, second, c.SHA(), "from a directory below the root, too")
	assert.WithinDuration(t, time.Now(), c.Time(), time.Hour)
	assert.Equal(t, time.UTC, c.Time().Location())
	for name, want := range map[string]bool{"conf/one.yml": true, "conf/two.yml": true, "conf": false, "conf/three.yml": false, "gone/one.yml": false, "deploy.yml/one": false} {
		is, err := c.IsFile(name)
		require.NoError(t, err, name)
		assert.Equal(t, want, is, name)
	}
	is, err := open(t, dir, first).IsFile("conf/two.yml")
	require.NoError(t, err)
	assert.False(t, is, "it is not there yet at the first commit")
	_, err = c.Read("gone.yml")
	assert.ErrorIs(t, err, gitrepo.ErrNoFile)
}

// D5: a path that is there, and is no file of the commit.
func TestD5_LinksAndSubmodulesAreNoFiles(t *testing.T) {
	other := repository(t)
	commit(t, other, map[string]string{"inner.yml": "x"})
	dir := repository(t)
	commit(t, dir, map[string]string{"real.yml": "real", "conf/one.yml": "1"})
	require.NoError(t, os.Symlink("real.yml", filepath.Join(dir, "deploy.yml")))
	require.NoError(t, os.Symlink("/etc/hostname", filepath.Join(dir, "outside.yml")))
	require.NoError(t, os.Symlink("conf", filepath.Join(dir, "linked")))
	git(t, dir, "submodule", "--quiet", "add", other, "module")
	c := open(t, dir, commit(t, dir, nil))

	for _, name := range []string{"deploy.yml", "outside.yml", "linked", "linked/one.yml", "module", "module/inner.yml"} {
		is, err := c.IsFile(name)
		require.NoError(t, err, name)
		assert.False(t, is, name)
	}
	_, err := c.Read("deploy.yml")
	assert.ErrorIs(t, err, gitrepo.ErrNoRegularFile)
	_, err = c.Read("module/inner.yml")
	assert.ErrorIs(t, err, gitrepo.ErrNoFile)
}

func TestC11_CodeIsTheTreeWithoutDeployYML(t *testing.T) {
	dir := repository(t)
	files := map[string]string{"deploy.yml": "1", "conf/deploy.yml": "1", "conf/one.yml": "1", "other/deploy.yml": "1"}
	first := open(t, dir, commit(t, dir, files))
	top := open(t, dir, commit(t, dir, map[string]string{"deploy.yml": "2"}))
	below := open(t, dir, commit(t, dir, map[string]string{"conf/deploy.yml": "2"}))
	source := open(t, dir, commit(t, dir, map[string]string{"conf/one.yml": "2"}))

	assert.Equal(t, first.Code("deploy.yml"), top.Code("./deploy.yml"))
	assert.NotEqual(t, top.Code("deploy.yml"), below.Code("deploy.yml"), "another file of that name is code")
	assert.Equal(t, top.Code("conf/deploy.yml"), below.Code("conf/deploy.yml"))
	assert.NotEqual(t, below.Code("conf/deploy.yml"), source.Code("conf/deploy.yml"))
	git(t, dir, "update-index", "--chmod=+x", "conf/one.yml")
	git(t, dir, "commit", "--quiet", "--message", "executable")
	assert.NotEqual(t, source.Code("deploy.yml"), open(t, dir, "HEAD").Code("deploy.yml"), "a mode is code, too")
}

// C8: where the history is cut, descent says nothing rather than something wrong.
func TestC8_DescentAndShallowCheckouts(t *testing.T) {
	origin := repository(t)
	var shas []string
	for _, content := range []string{"1", "2", "3", "4"} {
		shas = append(shas, commit(t, origin, map[string]string{"deploy.yml": content}))
	}
	git(t, origin, "checkout", "--quiet", "-b", "aside", shas[1])
	aside := commit(t, origin, map[string]string{"aside": "x"})
	git(t, origin, "checkout", "--quiet", "develop")

	type answer struct{ newer, known bool }
	relation := func(dir, commit, other string) answer {
		newer, known := open(t, dir, commit).Relation(other)
		return answer{newer, known}
	}
	assert.Equal(t, answer{true, true}, relation(origin, shas[3], shas[0]))
	assert.Equal(t, answer{false, true}, relation(origin, shas[0], shas[3]))
	assert.Equal(t, answer{false, false}, relation(origin, aside, shas[3]), "they have parted")
	assert.Equal(t, answer{false, false}, relation(origin, shas[3], strings.Repeat("a", 40)), "not at hand")

	for depth, known := range map[string]bool{"1": false, "2": true, "3": true} {
		clone := filepath.Join(t.TempDir(), "clone")
		git(t, origin, "clone", "--quiet", "--depth", depth, "--branch", "develop", "file://"+origin, clone)
		assert.Equal(t, answer{known, known}, relation(clone, shas[3], shas[2]), "depth %s, the commit before", depth)
		assert.Equal(t, answer{false, false}, relation(clone, shas[3], shas[0]), "depth %s, the first commit", depth)
		c := open(t, clone, "HEAD")
		assert.Equal(t, shas[3], c.SHA())
		assert.Equal(t, open(t, origin, shas[3]).Code("deploy.yml"), c.Code("deploy.yml"))
		assert.Equal(t, shas[3], c.Tip(t.Context(), "develop"), "origin can be asked all the same")
		_, err := gitrepo.Open(clone, shas[0])
		assert.ErrorContains(t, err, "a shallow checkout may lack it")
	}
}

func TestC8_TheTipIsWhatOriginSaysNow(t *testing.T) {
	origin := repository(t)
	first := commit(t, origin, map[string]string{"deploy.yml": "1"})
	// A branch whose name ends like the one asked for must not answer for it.
	git(t, origin, "branch", "x/refs/heads/develop")
	clone := filepath.Join(t.TempDir(), "clone")
	git(t, origin, "clone", "--quiet", "file://"+origin, clone)
	c := open(t, clone, "HEAD")
	assert.Equal(t, first, c.Tip(t.Context(), "develop"))
	second := commit(t, origin, map[string]string{"deploy.yml": "2"})
	assert.Equal(t, second, c.Tip(t.Context(), "develop"), "not what was fetched once")
	assert.Empty(t, c.Tip(t.Context(), "gone"))
	assert.Empty(t, c.Tip(t.Context(), "--upload-pack=touch /"), "a name is only a name")

	t.Run("origin is away", func(t *testing.T) {
		require.NoError(t, os.Rename(origin, origin+"-moved"))
		assert.Empty(t, c.Tip(t.Context(), "develop"))
	})
	t.Run("there is no origin", func(t *testing.T) {
		assert.Empty(t, open(t, origin+"-moved", "HEAD").Tip(t.Context(), "develop"))
	})
}

func TestWorktreesAndObjectsByAnotherName(t *testing.T) {
	dir := repository(t)
	sha := commit(t, dir, map[string]string{"deploy.yml": "1"})
	tree := filepath.Join(t.TempDir(), "tree")
	git(t, dir, "worktree", "add", "--quiet", tree, sha)
	assert.Equal(t, sha, open(t, tree, "HEAD").SHA())

	other := repository(t, "--object-format=sha256")
	long := commit(t, other, map[string]string{"deploy.yml": "1"})
	require.Len(t, long, 64)
	_, err := gitrepo.Open(other, long)
	assert.ErrorContains(t, err, "names its objects by SHA-256, which this program cannot read: leave --repo out")

	_, err = gitrepo.Open(t.TempDir(), "HEAD")
	assert.ErrorContains(t, err, "is no Git checkout")
	_, err = gitrepo.Open(repository(t), "HEAD")
	assert.ErrorContains(t, err, `commit "HEAD" is not in the checkout`)
}
