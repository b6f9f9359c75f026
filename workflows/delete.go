package workflows

import (
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/aineko-dev/environments/activities"
	"github.com/aineko-dev/environments/internal/contract"
)

// DeleteInput starts delete-environment.
type DeleteInput struct {
	Target   activities.Target   `json:"target"`
	Settings activities.Settings `json:"settings"`
	VPCID    string              `json:"vpcId,omitempty"`
	// Blocked counts the rounds since something last went, over continue-as-new.
	Blocked int `json:"blocked,omitempty"`
}

const (
	// firstPause and longestPause bound how long a blocked deletion waits
	// before it looks again: soon at first, for most blockers go within
	// minutes; never longer than a person would want to wait after mending it.
	firstPause   = 30 * time.Second
	longestPause = 15 * time.Minute
	// manyEvents is when a deletion that is blocked for days continues as new.
	manyEvents = 2000
	// maxSummary keeps a timer's summary to a line of the Web UI, in bytes.
	maxSummary = 150
)

// DeleteEnvironment tears down everything that the environment owns, from what
// exists in the account (X4). It ends only when two looks in a row found
// nothing; what blocks it is named, and it keeps trying.
func DeleteEnvironment(ctx workflow.Context, in DeleteInput) error {
	if err := checkParent(ctx, in.Target.Project, in.Target.Environment); err != nil {
		return err
	}
	progress := newReporter(ctx, "Deleting "+in.Target.Environment, nil)
	defer progress.stop()
	find := activities.FindInput{Target: in.Target, Settings: in.Settings, VPCID: in.VPCID}
	for looks := 0; looks < 2; {
		var left activities.TearDown
		if err := workflow.ExecuteActivity(ec2Context(ctx, stepTimeout, "look for what is left of "+in.Target.EnvironmentID+", by tag and by VPC"), activities.FindResources, find).Get(ctx, &left); err != nil {
			if err := in.pause(ctx, progress, failure(err)); err != nil {
				return err
			}
			continue
		}
		if len(left.Steps) == 0 {
			looks++
			if looks < 2 {
				// Two readers of EC2 may disagree; the second look comes later.
				if err := workflow.NewTimerWithOptions(ctx, max(in.Settings.SettleTime, time.Second), workflow.TimerOptions{
					Summary: "before looking a second time that nothing of " + in.Target.EnvironmentID + " is left",
				}).Get(ctx, nil); err != nil {
					return err
				}
			}
			continue
		}
		looks = 0
		progress.Progress.Total = progress.Progress.Done + len(left.Steps)
		_, err := runSteps(ctx, left.Steps, func(ctx workflow.Context, step activities.Step, _ map[string]string) (string, error) {
			progress.start(ctx, step.Summary)
			err := workflow.ExecuteActivity(ec2Context(ctx, stepTimeout, step.Summary), activities.DeleteActivity(step.Kind),
				activities.DeleteInput{Target: in.Target, Settings: in.Settings, Step: step}).Get(ctx, nil)
			progress.end(ctx, step.Summary, "", err)
			return "", err
		})
		if err == nil {
			in.Blocked, progress.Blocked = 0, ""
			continue
		}
		blocked := failure(err)
		if len(left.Foreign) > 0 {
			blocked += "\nnot the environment's own: " + strings.Join(left.Foreign, ", ")
		}
		if err := in.pause(ctx, progress, blocked); err != nil {
			return err
		}
	}
	return nil
}

// pause waits before the next round, longer each time, and shows what is in the way.
func (in *DeleteInput) pause(ctx workflow.Context, progress *reporter, blocked string) error {
	progress.Blocked = blocked
	progress.touch(ctx)
	wait := longestPause
	if in.Blocked < 5 {
		wait = firstPause << in.Blocked
	}
	in.Blocked++
	if err := workflow.NewTimerWithOptions(ctx, wait, workflow.TimerOptions{
		Summary: fmt.Sprintf("trying again after %s: %s", wait, firstLine(blocked)),
	}).Get(ctx, nil); err != nil {
		return err
	}
	if workflow.GetInfo(ctx).GetCurrentHistoryLength() > manyEvents {
		return workflow.NewContinueAsNewError(ctx, DeleteEnvironment, *in)
	}
	return nil
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return contract.Clip(line, maxSummary)
}
