// Package deployfile reads deploy.yml: it says everything that is wrong with a
// file at once, with line and column, and what the file wants of one
// environment. Files are hostile until it has read them.
package deployfile

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/aineko-dev/environments/internal/contract"
)

// Options of a parse.
type Options struct {
	Limits contract.Limits // the zero value is contract.DefaultLimits
	// EnvironmentLimit is how many environments a project may have; 0: 4.
	EnvironmentLimit int
	// SourceExists says whether a path is a file of the commit; nil: unknown.
	SourceExists func(path string) (bool, error)
}

// defaultEnvironmentLimit is a project's (C6).
const defaultEnvironmentLimit = 4

// Problem is something wrong with the file, or worth a warning.
type Problem struct {
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Path    string `json:"path"`
	Message string `json:"message"`
}

// String is deploy.yml:LINE:COLUMN: path: message.
func (p Problem) String() string {
	if p.Path == "" {
		return fmt.Sprintf("deploy.yml:%d:%d: %s", p.Line, p.Column, p.Message)
	}
	return fmt.Sprintf("deploy.yml:%d:%d: %s: %s", p.Line, p.Column, p.Path, p.Message)
}

// Problems are all that is wrong, in the order of the file.
type Problems []Problem

func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, one := range p {
		lines[i] = one.String()
	}
	return strings.Join(lines, "\n")
}

func (p Problems) sort() {
	slices.SortStableFunc(p, func(a, b Problem) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
}

// File is a deploy.yml without a fault.
type File struct {
	environments []environment
}

type environment struct {
	name      string
	pipelines []contract.Pipeline
}

// Environments are the keys under environments, in the file's order.
func (f *File) Environments() []string {
	names := make([]string, len(f.environments))
	for i, e := range f.environments {
		names[i] = e.name
	}
	return names
}

// Resolve is what the file wants of the environment of a branch.
func (f *File) Resolve(branch string) contract.Desired {
	d := contract.Desired{Environments: f.Environments()}
	for _, e := range f.environments {
		if e.name == branch {
			d.Listed, d.Pipelines = true, e.pipelines
		}
	}
	return d
}

// Digest is the SHA-256 of a file's bytes, in hex.
func Digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
