package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aineko-dev/environments/internal/contract"
)

// deployedJSON is an outcome as an environment says it, by a worker of a newer
// minor version: with fields that this starter does not know (S8).
const deployedJSON = `{
  "project": "acme/churn", "environment": "develop", "branch": "develop", "commit": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
  "outcome": "failed", "reason": "pipeline two: no", "workflowId": "environment:acme/churn:develop", "deployment": "env-a/2",
  "plan": {"deploy": ["one"], "update": ["two"], "destroy": ["three"], "unchanged": ["four"], "later": 1},
  "pipelines": [
    {"name": "one", "action": "deploy", "result": "done", "commit": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "instanceId": "i-1", "later": {}},
    {"name": "two", "action": "update", "result": "failed", "commit": "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", "instanceId": "i-2", "error": "no"}
  ], "warnings": [], "later": ["x"]
}`

const developJSON = `{
  "name": "develop", "status": "degraded", "environmentId": "env-a", "vpcId": "vpc-1", "commit": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
  "progress": {"step": "nat-a", "done": 3, "total": 20, "later": true},
  "services": [{"name": "kafka", "status": "running", "instanceId": "i-3", "error": "e"}],
  "pipelines": [{"name": "one", "status": "running", "commit": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "digest": "tree-1", "source": "conf/one.yml",
    "machine": {"type": "ec2", "memGib": 8, "vcpu": 2}, "instanceId": "i-1", "error": "e"}],
  "deletion": {"requestedBy": "ann", "reason": "done", "at": "2026-01-02T03:04:05Z", "refusal": "pipelines run"},
  "verified": {"at": "2026-01-02T03:04:05Z", "findings": [{"rule": "A7 peering", "resource": "pcx-1", "message": "a peering"}]},
  "outcomes": [` + deployedJSON + `], "later": {"x": 1}
}`

// without drops the lines of what only a newer worker says.
func without(document string) string {
	for _, later := range []string{`, "later": 1`, `, "later": {}`, `, "later": ["x"]`, `, "later": true`, `, "later": {"x": 1}`} {
		document = strings.ReplaceAll(document, later, "")
	}
	return document
}

func TestS2_S8_TheDocumentOfAPush(t *testing.T) {
	a, out, _ := newApp(nil)
	f := accepting(t, contract.Outcome{Deployment: "env-a/2"})
	f.status[developID] = developJSON
	a.client = f
	assert.Equal(t, 4, a.run(t.Context(), pushArgs(t, "--output", "json")))
	assert.JSONEq(t, without(deployedJSON), out.String())
}

func TestS3_S8_TheDocumentOfStatus(t *testing.T) {
	a, out, errs := newApp(nil)
	a.client = &fake{status: map[string]any{
		developID: developJSON,
		projectID: `{"project": "acme/churn", "limit": 4, "later": 1, "slots": [{"environment": "develop", "environmentId": "env-a", "since": "2026-01-02T03:04:05Z"}, {"environment": "production", "environmentId": "env-b", "since": "2026-01-02T03:04:05Z"}]}`,
	}}
	require.Equal(t, 0, a.run(t.Context(), []string{"status", "--project", "acme/churn", "--output", "json"}), errs.String())
	assert.JSONEq(t, `{"project": "acme/churn", "limit": 4, "environments": [`+without(developJSON)+`,
	  {"name": "production", "status": "failed", "environmentId": "env-b", "progress": {"step": "", "done": 0, "total": 0}, "services": [], "pipelines": [], "outcomes": [],
	   "reason": "its workflow is gone: the next commit takes up what exists"}]}`, out.String())
}

func TestS3_StatusForPeople(t *testing.T) {
	a, out, errs := newApp(nil)
	a.client = &fake{status: map[string]any{
		developID: developJSON,
		projectID: `{"project": "acme/churn", "limit": 4, "slots": [{"environment": "develop", "environmentId": "env-a"}]}`,
	}}
	require.Equal(t, 0, a.run(t.Context(), []string{"status", "--project", "acme/churn"}), errs.String())
	for _, says := range []string{
		"acme/churn: 1 of 4 environments", "ENVIRONMENT", "degraded  aaaaaaaaaaaa   1 running  nat-a, 3 of 20 steps",
		"kafka  running", "2 vCPU, 8 GiB", "deletion refused", "pipelines run", "isolation checked 2026-01-02 03:04:05Z: 1 finding", "A7 peering  pcx-1: a peering",
	} {
		assert.Contains(t, out.String(), says)
	}
}

func TestS7_JSONCannotSteerATerminal(t *testing.T) {
	a, out, _ := newApp(nil)
	a.json(map[string]string{"x": "\x1b[2J \u009b31m \u202e \U000e0041 \u2028 é"})
	assert.Equal(t, "{\n  \"x\": \"\\u001b[2J \\u009b31m \\u202e \\udb40\\udc41 \\u2028 é\"\n}\n", out.String())
}
