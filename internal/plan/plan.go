// Package plan compares what a commit desires of an environment with what runs
// there, and says what has to be done and why. It is a pure function, shared
// by `starter plan` and the environment's workflow, so that both always agree.
package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aineko-dev/environments/internal/contract"
)

// Plan is what has to be done, a change for each pipeline, by name.
type Plan struct {
	Changes []Change `json:"changes,omitempty"`
}

// Change is what has to be done with one pipeline, and why.
type Change struct {
	Name   string `json:"name"`
	Action string `json:"action"` // contract.ActionDeploy, …Update, …Destroy, …None
	Reason string `json:"reason"`
	// Desired is what is to run, with its Digest; nil where it is destroyed.
	Desired *contract.Pipeline `json:"desired,omitempty"`
	Digest  string             `json:"digest,omitempty"`
	// Current is what runs now; nil where nothing does.
	Current *contract.PipelineStatus `json:"current,omitempty"`
}

// Make plans the way from what runs to what is desired with the given code
// (contract.Commit.Code), by C4 and C11.
func Make(code string, desired contract.Desired, running []contract.PipelineStatus) Plan {
	current := map[string]contract.PipelineStatus{}
	for _, p := range running {
		current[p.Name] = p
	}
	var changes []Change
	for _, p := range desired.Pipelines {
		change := Change{Name: p.Pipeline, Desired: &p, Digest: contract.Digest(code, p)}
		now, exists := current[p.Pipeline]
		switch {
		case !exists:
			change.Action, change.Reason = contract.ActionDeploy, "new"
		case now.InstanceID == "":
			change.Action, change.Reason = contract.ActionDeploy, "failed before"
		default:
			change.Current = &now
			change.Action, change.Reason = compare(p, change.Digest, now)
		}
		changes = append(changes, change)
		delete(current, p.Pipeline)
	}
	for _, now := range running {
		if _, left := current[now.Name]; left {
			reason := "not listed"
			if !desired.Listed {
				reason = "the environment is not listed"
			}
			changes = append(changes, Change{Name: now.Name, Action: contract.ActionDestroy, Reason: reason, Current: &now})
		}
	}
	slices.SortFunc(changes, func(a, b Change) int { return strings.Compare(a.Name, b.Name) })
	return Plan{Changes: changes}
}

// compare says whether a pipeline that has an instance must be updated (C11).
func compare(p contract.Pipeline, digest string, now contract.PipelineStatus) (action, reason string) {
	if now.Status == contract.PipelineRunning && now.Digest == digest {
		return contract.ActionNone, "unchanged"
	}
	var reasons []string
	if now.Status != contract.PipelineRunning {
		reasons = append(reasons, "it is "+now.Status)
	}
	if now.Machine != nil && *now.Machine != p.Machine {
		reasons = append(reasons, fmt.Sprintf("machine %s → %s", now.Machine, p.Machine))
	}
	if now.Source != "" && now.Source != p.Source {
		reasons = append(reasons, fmt.Sprintf("source %s → %s", now.Source, p.Source))
	}
	if now.Source != "" && now.Override != p.Name {
		reasons = append(reasons, fmt.Sprintf("name %q → %q", now.Override, p.Name))
	}
	if now.Digest != digest && len(reasons) == 0 {
		reasons = append(reasons, "code changed")
	}
	return contract.ActionUpdate, strings.Join(reasons, ", ")
}

// Empty is whether nothing has to be done.
func (p Plan) Empty() bool {
	return !slices.ContainsFunc(p.Changes, func(c Change) bool { return c.Action != contract.ActionNone })
}

// By returns the changes with one of the given actions.
func (p Plan) By(actions ...string) []Change {
	var found []Change
	for _, c := range p.Changes {
		if slices.Contains(actions, c.Action) {
			found = append(found, c)
		}
	}
	return found
}

// Summary lists the pipelines by what is done to them (S2).
func (p Plan) Summary() contract.PlanSummary {
	s := contract.PlanSummary{Deploy: []string{}, Update: []string{}, Destroy: []string{}, Unchanged: []string{}}
	for _, c := range p.Changes {
		switch c.Action {
		case contract.ActionDeploy:
			s.Deploy = append(s.Deploy, c.Name)
		case contract.ActionUpdate:
			s.Update = append(s.Update, c.Name)
		case contract.ActionDestroy:
			s.Destroy = append(s.Destroy, c.Name)
		case contract.ActionNone:
			s.Unchanged = append(s.Unchanged, c.Name)
			continue
		}
		if s.Reasons == nil {
			s.Reasons = map[string]string{}
		}
		s.Reasons[c.Name] = c.Reason
	}
	return s
}
