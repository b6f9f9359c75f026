// Package gitrepo reads what a Git checkout says of a commit: its files, its
// time, its code without deploy.yml, and how it stands to another commit. It
// reads the commit, never the work tree.
package gitrepo

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// Commit is one commit of a checkout.
type Commit struct {
	dir        string
	repository *git.Repository
	commit     *object.Commit
	tree       *object.Tree
}

// Open finds a commit, by its SHA or any revision, in the checkout at a path.
func Open(dir, revision string) (*Commit, error) {
	repository, err := git.PlainOpenWithOptions(dir, &git.PlainOpenOptions{DetectDotGit: true, EnableDotGitCommonDir: true})
	if errors.Is(err, git.ErrUnknownExtension) && strings.Contains(err.Error(), "objectformat") {
		return nil, fmt.Errorf("the checkout at %s names its objects by SHA-256, which this program cannot read: leave --repo out, and give the commit in full", dir)
	}
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
	return &Commit{dir, repository, commit, tree}, nil
}

// SHA is the full one.
func (c *Commit) SHA() string { return c.commit.Hash.String() }

// Time is when it was committed.
func (c *Commit) Time() time.Time { return c.commit.Committer.When.UTC() }

// ErrNoFile says that the commit has no such file; ErrNoRegularFile, that what
// is there is a symbolic link, a submodule or a directory.
var (
	ErrNoFile        = errors.New("the commit has no such file")
	ErrNoRegularFile = errors.New("the commit has no regular file there, but a link, a submodule or a directory")
)

// maxFile bounds what is read of one file, in bytes: more than deploy.yml may
// have, so that its own limit speaks.
const maxFile = 1 << 20

// Read returns a regular file of the commit, at most maxFile bytes of it. Links
// are not followed: what they stand for is not what the commit's tree holds.
func (c *Commit) Read(name string) ([]byte, error) {
	entry, err := c.entry(name)
	if err != nil {
		return nil, fmt.Errorf("%s at %s: %w", name, c.SHA(), err)
	}
	if !regular(entry) {
		return nil, fmt.Errorf("%s at %s: %w", name, c.SHA(), ErrNoRegularFile)
	}
	blob, err := c.repository.BlobObject(entry.Hash)
	if err != nil {
		return nil, fmt.Errorf("reading %s at %s: %w", name, c.SHA(), err)
	}
	reader, err := blob.Reader()
	if err != nil {
		return nil, fmt.Errorf("reading %s at %s: %w", name, c.SHA(), err)
	}
	defer func() { _ = reader.Close() }()
	return io.ReadAll(io.LimitReader(reader, maxFile))
}

// IsFile is whether a path is a regular file of the commit: no directory, link
// or submodule, and not inside of one.
func (c *Commit) IsFile(name string) (bool, error) {
	entry, err := c.entry(name)
	if errors.Is(err, ErrNoFile) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return regular(entry), nil
}

func (c *Commit) entry(name string) (*object.TreeEntry, error) {
	entry, err := c.tree.FindEntry(path.Clean(name))
	switch {
	case err == nil:
		return entry, nil
	case errors.Is(err, object.ErrEntryNotFound), errors.Is(err, object.ErrDirectoryNotFound), errors.Is(err, plumbing.ErrObjectNotFound):
		// The last is what a path through a submodule or a link meets.
		return nil, ErrNoFile
	}
	return nil, err
}

func regular(entry *object.TreeEntry) bool {
	return entry.Mode == filemode.Regular || entry.Mode == filemode.Executable || entry.Mode == filemode.Deprecated
}

// Code is a digest of the tree without one file, deploy.yml (C11). Where that
// lies deeper, the directories on the way to it are taken apart.
func (c *Commit) Code(without string) string {
	return c.digest(c.tree, path.Clean(without))
}

func (c *Commit) digest(tree *object.Tree, without string) string {
	first, rest, deeper := strings.Cut(without, "/")
	hash := sha256.New()
	for _, entry := range tree.Entries {
		id := entry.Hash.String()
		if entry.Name == first {
			if !deeper {
				continue
			}
			if below, err := c.repository.TreeObject(entry.Hash); err == nil {
				id = c.digest(below, rest)
			}
		}
		_, _ = fmt.Fprintf(hash, "%s %s %s\x00", entry.Mode, id, entry.Name)
	}
	return hex.EncodeToString(hash.Sum(nil))
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
