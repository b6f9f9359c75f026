package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/aineko-dev/environments/internal/contract"
	"github.com/aineko-dev/environments/internal/deployfile"
)

// ciDefaults are what a CI system's variables say (S6).
type ciDefaults struct {
	project, branch, commit string
	// pullRequest is whether this runs for one; target is the branch that it is to be merged into.
	pullRequest bool
	target      string
}

// readCI reads the variables of GitHub Actions, GitLab CI and CircleCI. A
// branch is taken only from what names a pushed branch: a tag or a fork's
// branch may bear any name.
func readCI(env func(string) string) ciDefaults {
	switch {
	case env("GITHUB_ACTIONS") == "true":
		d := ciDefaults{project: env("GITHUB_REPOSITORY"), commit: env("GITHUB_SHA"), pullRequest: strings.HasPrefix(env("GITHUB_EVENT_NAME"), "pull_request"), target: env("GITHUB_BASE_REF")}
		if env("GITHUB_REF_TYPE") == "branch" && !d.pullRequest {
			d.branch = env("GITHUB_REF_NAME")
		}
		return d
	case env("GITLAB_CI") == "true":
		return ciDefaults{project: env("CI_PROJECT_PATH"), branch: env("CI_COMMIT_BRANCH"), commit: env("CI_COMMIT_SHA"),
			pullRequest: env("CI_MERGE_REQUEST_IID") != "", target: env("CI_MERGE_REQUEST_TARGET_BRANCH_NAME")}
	case env("CIRCLECI") == "true":
		d := ciDefaults{commit: env("CIRCLE_SHA1"), pullRequest: strings.HasPrefix(env("CIRCLE_BRANCH"), "pull/")}
		if user, name := env("CIRCLE_PROJECT_USERNAME"), env("CIRCLE_PROJECT_REPONAME"); user != "" && name != "" {
			d.project = user + "/" + name
		}
		if env("CIRCLE_TAG") == "" && !d.pullRequest {
			d.branch = env("CIRCLE_BRANCH")
		}
		return d
	}
	return ciDefaults{}
}

// report shows the problems and warnings of deploy.yml; in GitHub Actions as
// annotations on its lines, too (S5).
func (a *app) report(path string, err error, warnings deployfile.Problems) {
	problems, _ := err.(deployfile.Problems)
	if a.env("GITHUB_ACTIONS") == "true" && a.output != "json" {
		for _, p := range problems {
			a.annotate("error", path, p)
		}
		for _, p := range warnings {
			a.annotate("warning", path, p)
		}
	}
	for _, p := range problems {
		_, _ = fmt.Fprintln(a.errs, contract.Clean(p.String()))
	}
	for _, p := range warnings {
		_, _ = fmt.Fprintln(a.errs, "warning:", contract.Clean(p.String()))
	}
}

// annotate writes a workflow command, with what GitHub wants escaped.
func (a *app) annotate(kind, path string, p deployfile.Problem) {
	message := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(p.Path + ": " + p.Message)
	property := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
	a.say("::%s file=%s,line=%d,col=%d::%s", kind, property.Replace(filepath.ToSlash(path)), p.Line, p.Column, message)
}

// stepSummary adds the outcome to GitHub's summary of the step.
func (a *app) stepSummary(o contract.Outcome) {
	path := a.env("GITHUB_STEP_SUMMARY")
	if path == "" {
		return
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		_, _ = fmt.Fprintln(a.errs, "warning: the step summary cannot be written:", err)
		return
	}
	defer func() { _ = file.Close() }()
	_, _ = file.WriteString(outcomeMarkdown(o))
}

func outcomeMarkdown(o contract.Outcome) string {
	var b strings.Builder
	fmt.Fprintf(&b, "### %s: %s\n\ncommit `%.12s`, deployment `%s`\n", o.Environment, o.Outcome, o.Commit, o.Deployment)
	if o.Reason != "" {
		b.WriteString(fenced(o.Reason))
	}
	if len(o.Pipelines) > 0 {
		b.WriteString("\n| pipeline | action | result | commit | instance |\n|---|---|---|---|---|\n")
	}
	for _, p := range o.Pipelines {
		fmt.Fprintf(&b, "| %s | %s | %s | `%.8s` | %s |\n", p.Name, p.Action, p.Result, p.Commit, p.InstanceID)
	}
	for _, p := range o.Pipelines {
		if p.Error != "" {
			fmt.Fprintf(&b, "\n%s:\n%s", p.Name, fenced(p.Error))
		}
	}
	return b.String()
}

// fenced is untrusted text in Markdown (S7).
func fenced(text string) string {
	return "\n```\n" + strings.ReplaceAll(contract.Clean(text), "```", "'''") + "\n```\n"
}
