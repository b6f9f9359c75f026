package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aineko-dev/environments/activities"
	"github.com/aineko-dev/environments/internal/compute"
	"github.com/aineko-dev/environments/internal/contract"
	"github.com/aineko-dev/environments/workflows"
)

func (s *scene) signal(at time.Duration, name string, input any) {
	s.env.RegisterDelayedCallback(func() { s.env.SignalWorkflow(name, input) }, at)
}

func TestX2_RefusedWhilePipelinesRunAndReadable(t *testing.T) {
	s := newScene(t)
	s.commit(0, pushed("a", "", "one"))
	s.signal(minute, contract.DeleteEnvironmentSignal, contract.OperatorRequest{RequestedBy: "ops", Reason: "done"})
	status := s.status(2 * minute)
	refused := s.update(3*minute, contract.DeleteEnvironmentUpdate, contract.OperatorRequest{})
	s.run(4 * minute)
	require.NotNil(t, status.Deletion)
	assert.Contains(t, status.Deletion.Refusal, "pipelines run in it: one")
	assert.Equal(t, "ops", status.Deletion.RequestedBy)
	assert.Equal(t, contract.StatusReady, status.Status)
	assert.Equal(t, contract.ErrRefused, refused.kind())
}

func TestX3_X5_AfterTheGracePeriodItIsTornDownAndTheSlotFreed(t *testing.T) {
	for name, input := range map[string]any{
		"object":          contract.OperatorRequest{RequestedBy: "ops"},
		"no input":        nil,
		"encoded twice":   `{"requestedBy":"ops"}`,
		"garbage":         "not json at all",
		"a number":        42,
		"unknown fields":  map[string]any{"requestedBy": "ops", "urgent": true},
		"of another type": map[string]any{"requestedBy": []int{1}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.signal(minute, contract.DeleteEnvironmentSignal, input)
			scheduled := s.status(23 * time.Hour)
			refused := s.commit(22*time.Hour, pushed("a", "", "one"))
			s.signal(20*time.Hour, contract.DeleteEnvironmentSignal, input)
			s.env.ExecuteWorkflow(contract.EnvironmentWorkflow, contract.EnvironmentInput{Project: "acme/churn", Environment: "develop"})
			require.NoError(t, s.env.GetWorkflowError())
			assert.Equal(t, contract.StatusDeletionScheduled, scheduled.Status)
			assert.Equal(t, 2, scheduled.Deletion.Requests)
			assert.Equal(t, contract.ErrRefused, refused.kind())
			assert.Equal(t, []string{"env-1"}, s.freed)
			assert.Equal(t, 1, s.count("delete-vpc"))
			assert.Equal(t, 3, s.count("find-resources"), "one that finds, two that find nothing")
		})
	}
}

// The workflow was ended by hand while it tore down: another takes up the slot
// for the deletion alone, and makes nothing first.
func TestX4_ADeletionTakesUpWhatAnEarlierWorkflowLeft(t *testing.T) {
	s := newScene(t)
	s.slot.Resumed, s.slot.Slot.Incarnation = true, 2
	s.found = activities.Discovery{VPCID: "vpc-1", LastDeployment: 7}
	accepted := s.update(0, contract.DeleteEnvironmentUpdate, contract.OperatorRequest{RequestedBy: "ops"})
	s.env.ExecuteWorkflow(contract.EnvironmentWorkflow, contract.EnvironmentInput{Project: "acme/churn", Environment: "develop"})
	require.NoError(t, s.env.GetWorkflowError())
	assert.NoError(t, accepted.failed())
	assert.Equal(t, []string{"env-1"}, s.freed)
	assert.Equal(t, 1, s.count("delete-vpc"))
	assert.Zero(t, s.count("ensure-vpc"))
}

func TestX2_ADeletionOfWhatAnEarlierWorkflowLeftIsRefusedWhilePipelinesRun(t *testing.T) {
	s := newScene(t)
	s.slot.Resumed, s.slot.Slot.Incarnation = true, 2
	s.found = activities.Discovery{VPCID: "vpc-1", Pipelines: []contract.PipelineStatus{{Name: "one", Status: contract.PipelineRunning, InstanceID: "i-old"}}}
	s.instances = []compute.Instance{{ID: "i-old", Pipeline: "one", State: "running"}}
	refused := s.update(0, contract.DeleteEnvironmentUpdate, contract.OperatorRequest{})
	s.run(minute)
	assert.Equal(t, contract.ErrRefused, refused.kind())
	assert.ErrorContains(t, refused.failed(), "pipelines run in it: one")
	assert.Empty(t, s.freed)
}

func TestX3_CancelledInTheGracePeriodNothingIsLost(t *testing.T) {
	s := newScene(t)
	s.update(minute, contract.DeleteEnvironmentUpdate, contract.OperatorRequest{})
	s.update(time.Hour, contract.CancelDeletionUpdate, contract.OperatorRequest{})
	s.commit(48*time.Hour, pushed("a", "", "one"))
	again := s.update(49*time.Hour, contract.CancelDeletionUpdate, contract.OperatorRequest{})
	status := s.status(50 * time.Hour)
	s.run(51 * time.Hour)
	assert.Equal(t, contract.StatusReady, status.Status)
	assert.Equal(t, []string{"a deployed"}, outcomes(status))
	assert.Zero(t, s.count("find-resources"))
	assert.Equal(t, contract.ErrRefused, again.kind())
}

func TestX2_AFailedInitialisationCanBeDeleted(t *testing.T) {
	s := newScene(t)
	s.terminal["ensure-vpc"] = 1
	s.signal(minute, contract.DeleteEnvironmentSignal, nil)
	s.env.ExecuteWorkflow(contract.EnvironmentWorkflow, contract.EnvironmentInput{Project: "acme/churn", Environment: "develop"})
	require.NoError(t, s.env.GetWorkflowError())
	assert.Equal(t, []string{"env-1"}, s.freed)
}

func TestX4_WhatBlocksIsTriedAgain(t *testing.T) {
	s := newScene(t)
	s.left = 3
	s.terminal["delete-vpc"] = 2
	s.signal(minute, contract.DeleteEnvironmentSignal, nil)
	s.env.ExecuteWorkflow(contract.EnvironmentWorkflow, contract.EnvironmentInput{Project: "acme/churn", Environment: "develop"})
	require.NoError(t, s.env.GetWorkflowError())
	assert.Equal(t, 3, s.count("delete-vpc"))
	assert.Equal(t, []string{"env-1"}, s.freed)
}

func TestT6_ChildrenRefuseToRunAlone(t *testing.T) {
	for name, in := range map[string]any{
		contract.InitializeEnvironmentWorkflow: workflows.InitializeInput{},
		contract.DeployPipelinesWorkflow:       workflows.DeployInput{},
		contract.DestroyPipelinesWorkflow:      workflows.DestroyInput{},
		contract.DeleteEnvironmentWorkflow:     workflows.DeleteInput{},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.env.ExecuteWorkflow(name, in)
			assert.ErrorContains(t, s.env.GetWorkflowError(), "runs only as a child of environment:")
			assert.Empty(t, s.calls)
		})
	}
}
