package plan_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aineko-dev/environments/internal/contract"
	"github.com/aineko-dev/environments/internal/plan"
)

const code = "tree:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

func pipeline(name string) contract.Pipeline {
	return contract.Pipeline{Pipeline: name, Source: "conf/" + name + ".yml", Machine: contract.DefaultMachine}
}

func running(code string, p contract.Pipeline) contract.PipelineStatus {
	return contract.PipelineStatus{
		Name: p.Pipeline, Status: contract.PipelineRunning, Digest: contract.Digest(code, p),
		Source: p.Source, Machine: &p.Machine, Override: p.Name, InstanceID: "i-1",
	}
}

func listed(pipelines ...contract.Pipeline) contract.Desired {
	return contract.Desired{Listed: true, Environments: []string{"develop"}, Pipelines: pipelines}
}

func TestC4_ListedAreDeployedOrUpdatedOthersDestroyed(t *testing.T) {
	old := strings.Replace(code, "a", "b", 1)
	p := plan.Make(code, listed(pipeline("new"), pipeline("changed"), pipeline("same")), []contract.PipelineStatus{
		running(old, pipeline("changed")), running(code, pipeline("same")), running(code, pipeline("gone")),
	})
	assert.Equal(t, contract.PlanSummary{
		Deploy: []string{"new"}, Update: []string{"changed"}, Destroy: []string{"gone"}, Unchanged: []string{"same"},
		Reasons: map[string]string{"new": "new", "changed": "code changed", "gone": "not listed"},
	}, p.Summary())
	assert.False(t, p.Empty())
}

func TestC4_KeyAbsentDestroysAll(t *testing.T) {
	p := plan.Make(code, contract.Desired{Environments: []string{"develop"}}, []contract.PipelineStatus{running(code, pipeline("a")), running(code, pipeline("b"))})
	assert.Equal(t, []string{"a", "b"}, p.Summary().Destroy)
	assert.Equal(t, "the environment is not listed", p.Summary().Reasons["a"])
}

func TestC11_WhatCountsAsChanged(t *testing.T) {
	base := pipeline("p")
	for name, c := range map[string]struct {
		change func(now *contract.PipelineStatus, want *contract.Pipeline)
		action string
		reason string
	}{
		"nothing": {func(*contract.PipelineStatus, *contract.Pipeline) {}, contract.ActionNone, "unchanged"},
		"machine": {func(_ *contract.PipelineStatus, want *contract.Pipeline) {
			want.Machine = contract.Machine{Type: "ec2", VCPU: 8, MemGiB: 32}
		}, contract.ActionUpdate, "machine 2 vCPU, 8 GiB → 8 vCPU, 32 GiB"},
		"source": {func(_ *contract.PipelineStatus, want *contract.Pipeline) { want.Source = "conf/other.yml" }, contract.ActionUpdate, "source conf/p.yml → conf/other.yml"},
		"name":   {func(_ *contract.PipelineStatus, want *contract.Pipeline) { want.Name = "x" }, contract.ActionUpdate, `name "" → "x"`},
		"digest of another kind": {func(now *contract.PipelineStatus, want *contract.Pipeline) {
			now.Digest = contract.Digest("commit:"+strings.TrimPrefix(code, "tree:"), *want)
		}, contract.ActionUpdate, "code changed"},
		"failed, with an instance": {func(now *contract.PipelineStatus, _ *contract.Pipeline) { now.Status = contract.PipelineFailed }, contract.ActionUpdate, "it is failed"},
		"failed, without an instance": {func(now *contract.PipelineStatus, _ *contract.Pipeline) {
			now.Status, now.InstanceID = contract.PipelineFailed, ""
		}, contract.ActionDeploy, "failed before"},
	} {
		t.Run(name, func(t *testing.T) {
			now, want := running(code, base), base
			c.change(&now, &want)
			p := plan.Make(code, listed(want), []contract.PipelineStatus{now})
			require.Len(t, p.Changes, 1)
			assert.Equal(t, c.action, p.Changes[0].Action)
			assert.Equal(t, c.reason, p.Changes[0].Reason)
		})
	}
}
