// Package system_test proves the whole system: the development server, the
// simulator and workers as processes, driven through the programs that people use.
package system_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aineko-dev/environments/test/stack"
	"github.com/aineko-dev/environments/test/story"
)

// testWriter puts what a story shows into the test's log.
type testWriter struct{ t *testing.T }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Log(string(p))
	return len(p), nil
}

// The whole story of the source document, asserting on the account: nothing of
// production changes on a push to develop, nothing is left of a deleted
// environment (C1-C6, C9-C12, X1-X5, T1).
func TestStory(t *testing.T) {
	dir := t.TempDir()
	repo := filepath.Join(dir, "churn")
	require.NoError(t, os.Mkdir(repo, 0o755))
	s, err := stack.New(stack.Options{Dir: dir, Speed: 120, WorkerSettings: story.WorkerSettings})
	require.NoError(t, err)
	require.NoError(t, s.Start(t.Context()))
	t.Cleanup(func() { _ = s.Stop() })
	if err := (&story.Story{Stack: s, Repo: repo, Out: testWriter{t}}).Tell(t.Context()); err != nil {
		t.Fatalf("%v\nthe worker's log ends:\n%s", err, s.Log("worker"))
	}
	assertReadable(t, s)
}
