package main

import "strings"

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
		d := ciDefaults{project: env("CI_PROJECT_PATH"), commit: env("CI_COMMIT_SHA")}
		switch {
		case env("CI_MERGE_REQUEST_IID") != "" || env("CI_PIPELINE_SOURCE") == "merge_request_event":
			d.pullRequest, d.target = true, env("CI_MERGE_REQUEST_TARGET_BRANCH_NAME")
		case env("CI_EXTERNAL_PULL_REQUEST_IID") != "" || env("CI_PIPELINE_SOURCE") == "external_pull_request_event":
			d.pullRequest, d.target = true, env("CI_EXTERNAL_PULL_REQUEST_TARGET_BRANCH_NAME")
		case env("CI_COMMIT_TAG") == "":
			d.branch = env("CI_COMMIT_BRANCH")
		}
		return d
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
