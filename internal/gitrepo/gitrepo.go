// Package gitrepo reads what a Git checkout says of a commit: its files, its
// time, its code without deploy.yml, and how it stands to another commit. It
// reads the commit, never the work tree.
package gitrepo

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"time"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// Commit is one commit of a checkout.
type Commit struct {
	repository *git.Repository
	commit     *object.Commit
	tree       *object.Tree
}

// Open finds a commit, by its SHA or any revision, in the checkout at a path.
func Open(dir, revision string) (*Commit, error) {
	repository, err := git.PlainOpenWithOptions(dir, &git.PlainOpenOptions{DetectDotGit: true, EnableDotGitCommonDir: true})
	if err != nil {
		return nil, fmt.Errorf("%s is no Git checkout: %w", dir, err)
	}
	hash, err := repository.ResolveRevision(plumbing.Revision(revision))
	if err != nil {
		return nil, fmt.Errorf("commit %q is not in the checkout at %s; fetch it (a shallow checkout may lack it): %w", revision, dir, err)
	}
	commit, err := repository.CommitObject(*hash)
	if err != nil {
		return nil, fmt.Errorf("reading commit %s: %w", hash, err)
	}
	tree, err := commit.Tree()
	if err != nil {
		return nil, fmt.Errorf("reading the tree of %s: %w", hash, err)
	}
	return &Commit{repository, commit, tree}, nil
}

// SHA is the full one.
func (c *Commit) SHA() string { return c.commit.Hash.String() }

// Time is when it was committed.
func (c *Commit) Time() time.Time { return c.commit.Committer.When.UTC() }

// ErrNoFile says that the commit has no such file.
var ErrNoFile = errors.New("the commit has no such file")

// maxFile bounds what is read of one file, in bytes: more than deploy.yml may
// have, so that its own limit speaks.
const maxFile = 1 << 20

// Read returns a file of the commit, at most maxFile bytes of it.
func (c *Commit) Read(name string) ([]byte, error) {
	file, err := c.tree.File(path.Clean(name))
	if err != nil {
		return nil, fmt.Errorf("%s at %s: %w", name, c.SHA(), ErrNoFile)
	}
	reader, err := file.Reader()
	if err != nil {
		return nil, fmt.Errorf("reading %s at %s: %w", name, c.SHA(), err)
	}
	defer func() { _ = reader.Close() }()
	return io.ReadAll(io.LimitReader(reader, maxFile))
}

// IsFile is whether a path is a regular file of the commit: no directory, link
// or submodule.
func (c *Commit) IsFile(name string) (bool, error) {
	entry, err := c.tree.FindEntry(path.Clean(name))
	if errors.Is(err, object.ErrEntryNotFound) || errors.Is(err, object.ErrDirectoryNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return entry.Mode == filemode.Regular || entry.Mode == filemode.Executable, nil
}

// Code is a digest of the tree without one file at its top, deploy.yml (C11).
func (c *Commit) Code(without string) string {
	hash := sha256.New()
	for _, entry := range c.tree.Entries {
		if entry.Name != path.Clean(without) {
			_, _ = fmt.Fprintf(hash, "%s %s %s\x00", entry.Mode, entry.Hash, entry.Name)
		}
	}
	return hex.EncodeToString(hash.Sum(nil))
}

// Tip is what the branch of origin points at now, or "" where it cannot be asked.
func (c *Commit) Tip(ctx context.Context, branch string) string {
	remote, err := c.repository.Remote("origin")
	if err != nil {
		return ""
	}
	references, err := remote.ListContext(ctx, &git.ListOptions{})
	if err != nil {
		return ""
	}
	for _, reference := range references {
		if reference.Name() == plumbing.NewBranchReferenceName(branch) {
			return reference.Hash().String()
		}
	}
	return ""
}

// Relation says how the commit stands to another by descent: newer, older, or
// not known, as where the history at hand is shallow or they have parted.
func (c *Commit) Relation(sha string) (newer, known bool) {
	other, err := c.repository.CommitObject(plumbing.NewHash(sha))
	if err != nil {
		return false, false
	}
	if is, err := other.IsAncestor(c.commit); err == nil && is {
		return true, true
	}
	if is, err := c.commit.IsAncestor(other); err == nil && is {
		return false, true
	}
	return false, false
}
