package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aineko-dev/environments/internal/contract"
	"github.com/aineko-dev/environments/internal/gitrepo"
)

// minSHA is the least of a SHA that names a commit here, in digits: Git's own shortest.
const minSHA = 4

// whyNotLive says what became of a commit, and why it is not live; with
// --watch it waits for the outcome. It ends with the outcome's exit code (S4).
func (a *app) whyNotLive(ctx context.Context, f statusFlags) error {
	var checkout *gitrepo.Commit
	if f.repo != "" {
		var err error
		if checkout, err = gitrepo.Open(f.repo, f.commit); err != nil {
			return &exit{code: exitUsage, err: err}
		}
		f.commit = checkout.SHA()
	}
	f.commit = strings.ToLower(f.commit)
	if len(f.commit) < minSHA || strings.Trim(f.commit, "0123456789abcdef") != "" {
		return usage("--commit %q: want a SHA, or its first digits; with --repo any revision", f.commit)
	}
	s, err := a.status(ctx, f.project, f.environment, f.verify)
	if err != nil {
		return err
	}
	if len(s.Environments) == 0 {
		return usage("project %s has no environment %s", f.project, f.environment)
	}
	now := time.Now()
	for _, e := range s.Environments {
		o := a.fate(f.project, e, f.commit, now)
		if o == nil {
			continue
		}
		if o.Outcome == contract.OutcomePending && f.watch {
			return a.finish(a.wait(ctx, *o, watched{commit: o.Commit, deployment: o.Deployment, since: begun(e, o.Deployment, now), url: o.URL}, f.timeout))
		}
		if a.output == "json" {
			return a.finish(*o)
		}
		err := a.finish(*o)
		if o.Outcome == contract.OutcomePending {
			for _, line := range a.stepLines(e.Progress.Steps, now, maxSteps) {
				a.say("%s", line)
			}
		}
		a.say("%s", runsNow(e))
		return err
	}
	return a.neverSeen(f, s, checkout)
}

// maxSteps is how many lines of steps are printed at once; more are counted.
const maxSteps = 20

// fate is what became of a commit in an environment, nil where it was never accepted there.
func (a *app) fate(project string, e contract.EnvironmentStatus, commit string, now time.Time) *contract.Outcome {
	is := func(sha string) bool { return sha != "" && strings.HasPrefix(sha, commit) }
	id := contract.EnvironmentWorkflowID(project, e.Name)
	pending := func(w contract.Waiting, why string) *contract.Outcome {
		return &contract.Outcome{
			Project: project, Environment: e.Name, Branch: e.Name, Commit: w.Commit, Outcome: contract.OutcomePending, Reason: why,
			WorkflowID: id, Deployment: w.Deployment, URL: a.link(id),
			Plan:      contract.PlanSummary{Deploy: []string{}, Update: []string{}, Destroy: []string{}, Unchanged: []string{}},
			Pipelines: []contract.PipelineResult{}, Warnings: []string{},
		}
	}
	if w := e.Waiting; w != nil && is(w.Commit) {
		why := place(e, now)
		if doing := underWay(e, now); doing != "" {
			why += ". That is at: " + doing
		}
		return pending(*w, why)
	}
	if u := e.UnderWay; u != nil && is(u.Commit) {
		o := pending(*u, "under way for "+short(now.Sub(u.Since)))
		if doing := underWay(e, now); doing != "" {
			o.Reason += ", at: " + doing
		}
		if e.Plan != nil {
			o.Plan = *e.Plan
		}
		return o
	}
	for i, o := range slices.Backward(e.Outcomes) {
		if !is(o.Commit) {
			continue
		}
		o.URL = a.link(o.WorkflowID)
		for _, later := range e.Outcomes[i+1:] {
			if later.Commit != o.Commit && later.Outcome == contract.OutcomeDeployed {
				o.Reason = strings.TrimPrefix(fmt.Sprintf("%s; since then %s was deployed, by %s", o.Reason, sha12(later.Commit), later.Deployment), "; ")
				break
			}
		}
		return &o
	}
	return nil
}

// begun is since when somebody waits for a deployment.
func begun(e contract.EnvironmentStatus, deployment string, now time.Time) time.Time {
	for _, w := range []*contract.Waiting{e.Waiting, e.UnderWay} {
		if w != nil && w.Deployment == deployment {
			return w.Since
		}
	}
	return now
}

// runsNow is what runs now, at which commits.
func runsNow(e contract.EnvironmentStatus) styled {
	var parts []string
	for _, p := range e.Pipelines {
		parts = append(parts, fmt.Sprintf("%s at %s (%s)", p.Name, sha8(p.Commit), p.Status))
	}
	if len(parts) == 0 {
		return styledf("in %s no pipeline runs", e.Name)
	}
	return styledf("in %s now: %s", e.Name, strings.Join(parts, ", "))
}

// neverSeen says why a commit may be unknown: what is refused, ignored or
// superseded on arrival is recorded nowhere, for it counts as never seen (C8).
func (a *app) neverSeen(f statusFlags, s contract.Status, checkout *gitrepo.Commit) error {
	var why []string
	for _, e := range s.Environments {
		line := fmt.Sprintf("%s accepted no such commit", e.Name)
		if e.Commit != "" {
			line += fmt.Sprintf("; its newest is %s", sha12(e.Commit))
		}
		if checkout != nil && e.Commit != "" {
			switch newer, known := checkout.Relation(e.Commit); {
			case known && newer:
				line += ", an ancestor of yours: push yours"
			case known:
				line += ", which holds yours: it superseded it"
			}
		}
		why = append(why, line)
	}
	return &exit{code: exitUsage, err: fmt.Errorf("commit %s: %s. What is refused, ignored or superseded on arrival is not recorded: its push said so", sha12(f.commit), strings.Join(why, "; "))}
}
