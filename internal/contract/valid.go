package contract

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// What names may look like (spec §1, D4). Every place that takes one from
// outside checks it with these.
var (
	projectPattern     = regexp.MustCompile(`^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*$`)
	environmentPattern = regexp.MustCompile(`^[A-Za-z0-9-]{1,24}$`)
	pipelinePattern    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$`)
	shaPattern         = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)
)

// MaxProjectLength is the longest project name, in characters.
const MaxProjectLength = 100

// CheckProject returns an error that says what a project name must look like.
// A part "." or ".." is refused: the name becomes part of a URL, where those
// lead elsewhere.
func CheckProject(name string) error {
	if len(name) > MaxProjectLength || !projectPattern.MatchString(name) ||
		slices.ContainsFunc(strings.Split(name, "/"), func(part string) bool { return part == "." || part == ".." }) {
		return fmt.Errorf("project %q: want owner/repo, of letters, digits, '.', '_' and '-', at most %d characters", Clip(name, 120), MaxProjectLength)
	}
	return nil
}

// CheckEnvironment returns an error that says what an environment name must look like.
func CheckEnvironment(name string) error {
	if !environmentPattern.MatchString(name) {
		return fmt.Errorf("environment %q: want 1 to 24 letters, digits and hyphens", Clip(name, 120))
	}
	return nil
}

// CheckPipeline returns an error that says what a pipeline name must look like.
func CheckPipeline(name string) error {
	if !pipelinePattern.MatchString(name) {
		return fmt.Errorf("pipeline name %q: want 1 to 63 letters, digits, '_' and '-', beginning with a letter or digit", Clip(name, 120))
	}
	return nil
}

// CheckSHA returns an error unless sha is a full, lower-case commit SHA.
func CheckSHA(sha string) error {
	if !shaPattern.MatchString(sha) {
		return fmt.Errorf("commit %q: want a full SHA of 40 or 64 lower-case hex digits", Clip(sha, 120))
	}
	return nil
}
