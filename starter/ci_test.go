package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/aineko-dev/environments/internal/deployfile"
)

func environment(pairs map[string]string) func(string) string {
	return func(name string) string { return pairs[name] }
}

func TestS6_DefaultsFromCI(t *testing.T) {
	for name, c := range map[string]struct {
		env  map[string]string
		want ciDefaults
	}{
		"GitHub, a push": {map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "acme/churn", "GITHUB_SHA": "s", "GITHUB_EVENT_NAME": "push", "GITHUB_REF_TYPE": "branch", "GITHUB_REF_NAME": "develop"},
			ciDefaults{project: "acme/churn", branch: "develop", commit: "s"}},
		"GitHub, a tag called production": {map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "acme/churn", "GITHUB_SHA": "s", "GITHUB_EVENT_NAME": "push", "GITHUB_REF_TYPE": "tag", "GITHUB_REF_NAME": "production"},
			ciDefaults{project: "acme/churn", commit: "s"}},
		"GitHub, a fork's branch called production": {map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "acme/churn", "GITHUB_SHA": "s", "GITHUB_EVENT_NAME": "pull_request_target", "GITHUB_REF_TYPE": "branch", "GITHUB_REF_NAME": "production", "GITHUB_HEAD_REF": "production", "GITHUB_BASE_REF": "develop"},
			ciDefaults{project: "acme/churn", commit: "s", pullRequest: true, target: "develop"}},
		"GitLab, a push": {map[string]string{"GITLAB_CI": "true", "CI_PROJECT_PATH": "acme/group/churn", "CI_COMMIT_BRANCH": "develop", "CI_COMMIT_SHA": "s"},
			ciDefaults{project: "acme/group/churn", branch: "develop", commit: "s"}},
		"GitLab, a tag called production": {map[string]string{"GITLAB_CI": "true", "CI_PROJECT_PATH": "acme/churn", "CI_COMMIT_TAG": "production", "CI_COMMIT_REF_NAME": "production", "CI_COMMIT_SHA": "s"},
			ciDefaults{project: "acme/churn", commit: "s"}},
		"GitLab, a merge request": {map[string]string{"GITLAB_CI": "true", "CI_PROJECT_PATH": "acme/churn", "CI_COMMIT_SHA": "s", "CI_MERGE_REQUEST_IID": "7", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "develop"},
			ciDefaults{project: "acme/churn", commit: "s", pullRequest: true, target: "develop"}},
		"CircleCI, a push": {map[string]string{"CIRCLECI": "true", "CIRCLE_PROJECT_USERNAME": "acme", "CIRCLE_PROJECT_REPONAME": "churn", "CIRCLE_BRANCH": "develop", "CIRCLE_SHA1": "s"},
			ciDefaults{project: "acme/churn", branch: "develop", commit: "s"}},
		"CircleCI, a tag": {map[string]string{"CIRCLECI": "true", "CIRCLE_PROJECT_USERNAME": "acme", "CIRCLE_PROJECT_REPONAME": "churn", "CIRCLE_BRANCH": "production", "CIRCLE_TAG": "v1", "CIRCLE_SHA1": "s"},
			ciDefaults{project: "acme/churn", commit: "s"}},
		"CircleCI, a fork's pull request": {map[string]string{"CIRCLECI": "true", "CIRCLE_PROJECT_USERNAME": "acme", "CIRCLE_PROJECT_REPONAME": "churn", "CIRCLE_BRANCH": "pull/7", "CIRCLE_SHA1": "s"},
			ciDefaults{project: "acme/churn", commit: "s", pullRequest: true}},
		"none": {nil, ciDefaults{}},
	} {
		t.Run(name, func(t *testing.T) { assert.Equal(t, c.want, readCI(environment(c.env))) })
	}
}

func TestS5_AnnotationsAreEscaped(t *testing.T) {
	var out strings.Builder
	annotate(&out, "error", "a,b:c.yml", deployfile.Problem{Line: 3, Column: 4, Path: "p", Message: "100%\n::set-output name=x::y"})
	assert.Equal(t, "::error file=a%2Cb%3Ac.yml,line=3,col=4::p: 100%25%0A. ::set-output name=x::y\n", out.String())
}
