package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/aineko-dev/environments/internal/contract"
	"github.com/aineko-dev/environments/internal/deployfile"
	"github.com/aineko-dev/environments/internal/gitrepo"
)

// commitFlags are those by which push and plan name a commit.
type commitFlags struct {
	project, branch, commit string
	deployFile, repo        string
	committedAt             string
	allowRollback           bool
	allowDestroy            bool
}

func (f *commitFlags) add(c *cobra.Command, ci ciDefaults) {
	flags := c.Flags()
	flags.StringVar(&f.project, "project", ci.project, "owner/repo (in CI: from its variables)")
	flags.StringVar(&f.branch, "branch", ci.branch, "branch that was pushed (in CI: from its variables)")
	flags.StringVar(&f.commit, "commit", ci.commit, "full SHA (in CI: from its variables; with --repo any revision)")
	flags.StringVar(&f.deployFile, "deploy-file", "deploy.yml", "path of deploy.yml; with --repo inside the repository, at the commit")
	flags.StringVar(&f.repo, "repo", "", "Git checkout: file, sources, time, code and ancestry are read from it at the commit")
	flags.StringVar(&f.committedAt, "committed-at", "", "commit time, RFC 3339; with --repo read from the commit")
	flags.BoolVar(&f.allowRollback, "allow-rollback", false, "deploy this commit although a newer one was accepted")
	flags.BoolVar(&f.allowDestroy, "allow-destroy", false, "destroy all pipelines although the file has a key like the branch")
}

// sent is a commit that is ready to be sent, and the checkout that it came from.
type sent struct {
	contract.Commit
	checkout *gitrepo.Commit
	warnings deployfile.Problems
	// pullRequest is whether this is one's, not yet merged: its order says nothing.
	pullRequest bool
	// notAnEnvironment is why the branch cannot have one (C2).
	notAnEnvironment string
}

// read makes the commit out of the flags, and reports deploy.yml's problems.
func (a *app) read(f commitFlags) (*sent, error) {
	if f.project == "" || f.branch == "" || f.commit == "" {
		return nil, usage("--project, --branch and --commit are needed: outside of CI they have no defaults")
	}
	if err := contract.CheckProject(f.project); err != nil {
		return nil, &exit{code: exitUsage, err: err}
	}
	s := &sent{}
	data, options, err := s.source(f)
	if err != nil {
		return nil, err
	}
	if err := contract.CheckSHA(s.SHA); err != nil {
		return nil, &exit{code: exitUsage, err: err}
	}
	file, warnings, err := deployfile.Parse(data, options)
	a.report(f.deployFile, err, warnings)
	if err != nil {
		return nil, &exit{code: exitUsage, err: fmt.Errorf("%s has %d problems; mend them and push again", f.deployFile, problemCount(err)), quiet: a.output == "json"}
	}
	s.Project, s.Branch = f.project, f.branch
	s.FileDigest, s.Desired = deployfile.Digest(data), file.Resolve(f.branch)
	s.AllowRollback, s.AllowDestroy = f.allowRollback, f.allowDestroy
	s.warnings, s.Warnings = warnings, []string{}
	for _, w := range warnings {
		s.Warnings = append(s.Warnings, w.String())
	}
	if err := contract.CheckEnvironment(f.branch); err != nil {
		s.notAnEnvironment = "the branch's name cannot be an environment's: " + err.Error()
	}
	return s, nil
}

// source finds deploy.yml, and what else is known of the commit.
func (s *sent) source(f commitFlags) ([]byte, deployfile.Options, error) {
	var options deployfile.Options
	if f.repo == "" {
		s.SHA, s.Code = f.commit, contract.CodeCommit+":"+f.commit
		if f.committedAt != "" {
			at, err := time.Parse(time.RFC3339, f.committedAt)
			if err != nil {
				return nil, options, usage("--committed-at %q: want RFC 3339, such as 2026-01-31T12:00:00Z", f.committedAt)
			}
			s.CommittedAt = at
		}
		data, err := os.ReadFile(f.deployFile)
		if err != nil {
			return nil, options, usage("deploy.yml cannot be read: %w. A commit without one changes nothing; to remove pipelines, say so in it", err)
		}
		return data, options, nil
	}
	checkout, err := gitrepo.Open(f.repo, f.commit)
	if err != nil {
		return nil, options, &exit{code: exitUsage, err: err}
	}
	s.checkout, s.SHA, s.CommittedAt = checkout, checkout.SHA(), checkout.Time()
	s.Code = contract.CodeTree + ":" + checkout.Code(f.deployFile)
	options.SourceExists = checkout.IsFile
	data, err := checkout.Read(f.deployFile)
	if errors.Is(err, gitrepo.ErrNoFile) {
		return nil, options, usage("%w. A commit without deploy.yml changes nothing; to remove pipelines, say so in it", err)
	}
	if errors.Is(err, gitrepo.ErrNoRegularFile) {
		return nil, options, usage("%w", err)
	}
	if err != nil {
		return nil, options, &exit{code: exitUnexpected, err: err}
	}
	return data, options, nil
}

func problemCount(err error) int {
	var problems deployfile.Problems
	if errors.As(err, &problems) {
		return len(problems)
	}
	return 1
}

// originTimeout is how long origin may take to say where a branch points.
const originTimeout = 10 * time.Second

// compare finds the first evidence of how the commit stands to the newest
// accepted one (C8).
func (s *sent) compare(ctx context.Context, newest string) {
	s.Evidence = contract.Evidence{ComparedWith: newest}
	if s.checkout == nil || newest == "" || newest == s.SHA {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, originTimeout)
	defer cancel()
	switch tip := s.checkout.Tip(ctx, s.Branch); tip {
	case s.SHA:
		s.Evidence.Kind, s.Evidence.Newer = contract.EvidenceOrigin, true
		return
	case newest:
		s.Evidence.Kind = contract.EvidenceOrigin
		return
	}
	if newer, known := s.checkout.Relation(newest); known {
		s.Evidence.Kind, s.Evidence.Newer = contract.EvidenceDescent, newer
	}
}

// outcome begins the document about the commit.
func (s *sent) outcome(kind, reason string) contract.Outcome {
	return contract.Outcome{
		Project: s.Project, Environment: s.Branch, Branch: s.Branch, Commit: s.SHA, Outcome: kind, Reason: reason,
		Plan:      contract.PlanSummary{Deploy: []string{}, Update: []string{}, Destroy: []string{}, Unchanged: []string{}},
		Pipelines: []contract.PipelineResult{}, Warnings: s.Warnings,
	}
}
