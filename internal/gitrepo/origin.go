package gitrepo

import (
	"context"
	"os"
	"os/exec"
	"strings"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
)

// Tip is what the branch of origin points at now, or "" where it cannot be
// asked. Git itself is asked first: CI systems leave the right to read in the
// checkout's configuration (a header, a helper, an SSH command), which only it
// understands. Where there is no git, or it fails, go-git tries.
func (c *Commit) Tip(ctx context.Context, branch string) string {
	reference := plumbing.NewBranchReferenceName(branch)
	if tip, ok := c.askGit(ctx, reference); ok {
		return tip
	}
	remote, err := c.repository.Remote("origin")
	if err != nil {
		return ""
	}
	references, err := remote.ListContext(ctx, &git.ListOptions{})
	if err != nil {
		return ""
	}
	for _, found := range references {
		if found.Name() == reference {
			return found.Hash().String()
		}
	}
	return ""
}

// askGit runs `git ls-remote`; ok is whether origin answered.
func (c *Commit) askGit(ctx context.Context, reference plumbing.ReferenceName) (tip string, ok bool) {
	cmd := exec.CommandContext(ctx, "git", "-C", c.dir, "ls-remote", "--quiet", "origin", reference.String())
	// Nobody sits at a job to be asked for a password.
	cmd.Env = append(os.Environ(), "GIT_TERMINAL_PROMPT=0", "GCM_INTERACTIVE=never")
	out, err := cmd.Output()
	if err != nil {
		return "", false
	}
	for line := range strings.Lines(string(out)) {
		if sha, name, found := strings.Cut(strings.TrimSpace(line), "\t"); found && name == reference.String() {
			return sha, true
		}
	}
	return "", true // origin has no such branch
}
