package compute

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/aineko-dev/environments/internal/awsec2"
	"github.com/aineko-dev/environments/internal/contract"
)

// How readiness is judged (A5).
const (
	ReadinessConsole      = "console"
	ReadinessStatusChecks = "status-checks"
)

// Lines that root writes to the console.
const (
	readyWord     = "aineko-ready "
	failedWord    = "aineko-failed "
	journalPrefix = "aineko-journal: "
)

// Readiness is whether an instance became ready, and if not, why.
type Readiness struct {
	Ready  bool   `json:"ready"`
	Reason string `json:"reason,omitempty"`
	// Journal is what the unit said last: untrusted text, cleaned.
	Journal string `json:"journal,omitempty"`
}

// ReadyLine is what root writes once the unit has run for a while.
func ReadyLine(environmentID, deployment, sha string) string {
	return readyWord + environmentID + " " + deployment + " " + sha
}

// WaitReady waits until an instance runs, its status checks pass and its
// console shows the line, or until that cannot be any more: it failed, it is
// gone, or the limit since a time has passed.
func (c Compute) WaitReady(ctx context.Context, id awsec2.Identity, instanceID, line, how string, limit time.Duration, since time.Time, beat awsec2.Beat) (Readiness, error) {
	var result Readiness
	absent := time.Time{}
	err := awsec2.Poll(ctx, c.PollInterval, beat, func(ctx context.Context) (bool, string, error) {
		late := time.Since(since) > limit
		state, waiting, err := c.lookReady(ctx, id, instanceID, line, how)
		if err != nil {
			return false, "", err
		}
		switch {
		case state.Ready:
			result = state
			return true, "", nil
		case state.Reason == notShown:
			// Fresh instances are not shown to every reader at once.
			if absent.IsZero() {
				absent = time.Now()
			}
			if time.Since(absent) > 2*c.SettleTime {
				result = Readiness{Reason: instanceID + " is gone"}
				return true, "", nil
			}
		case state.Reason != "":
			result = state
			return true, "", nil
		default:
			absent = time.Time{}
		}
		if late {
			result = Readiness{Reason: fmt.Sprintf("after %s it still waits for %s", limit, waiting), Journal: state.Journal}
			return true, "", nil
		}
		return false, waiting, nil
	})
	return result, err
}

// notShown is the reason while an instance is not found.
const notShown = "not shown"

// lookReady is one look: a Reason says that it cannot become ready any more.
func (c Compute) lookReady(ctx context.Context, id awsec2.Identity, instanceID, line, how string) (r Readiness, waiting string, err error) {
	out, err := c.EC2.DescribeInstances(ctx, &ec2.DescribeInstancesInput{InstanceIds: []string{instanceID}, Filters: id.Filters()})
	if awsec2.IsNotFound(err) || err == nil && len(out.Reservations) == 0 {
		return Readiness{Reason: notShown}, instanceID + " to be shown", nil
	}
	if err != nil {
		return r, "", fmt.Errorf("looking at %s: %w", instanceID, err)
	}
	instance := out.Reservations[0].Instances[0]
	switch state := instance.State.Name; state {
	case types.InstanceStateNamePending:
		return r, instanceID + " to run", nil
	case types.InstanceStateNameRunning:
	default:
		reason := fmt.Sprintf("%s is %s", instanceID, state)
		if instance.StateReason != nil {
			reason += ": " + aws.ToString(instance.StateReason.Message)
		}
		return Readiness{Reason: reason}, "", nil
	}
	if how == ReadinessConsole {
		console, err := c.console(ctx, instanceID)
		if err == nil {
			if failed, journal := lastFailed(console); failed {
				return Readiness{Reason: "its unit failed", Journal: journal}, "", nil
			}
			if !hasLine(console, line) {
				return r, "its ready line on the console", nil
			}
		} else if awsec2.ClassOf(err) == awsec2.Terminal {
			return r, "", fmt.Errorf("reading the console of %s: %w", instanceID, err)
		} else {
			return r, "its console", nil
		}
	}
	checks, err := awsec2.InstanceStatuses(ctx, c.EC2, []string{instanceID})
	if err != nil && !awsec2.IsNotFound(err) {
		return r, "", fmt.Errorf("asking for the status checks of %s: %w", instanceID, err)
	}
	if err != nil || len(checks) == 0 {
		return r, "its status checks", nil
	}
	s := checks[0]
	if ok(s.SystemStatus) && ok(s.InstanceStatus) {
		return Readiness{Ready: true}, "", nil
	}
	return r, "its status checks to pass", nil
}

func ok(s *types.InstanceStatusSummary) bool { return s != nil && s.Status == types.SummaryStatusOk }

func (c Compute) console(ctx context.Context, instanceID string) (string, error) {
	out, err := c.EC2.GetConsoleOutput(ctx, &ec2.GetConsoleOutputInput{InstanceId: &instanceID, Latest: aws.Bool(true)})
	if err != nil {
		return "", err
	}
	decoded, err := base64.StdEncoding.DecodeString(aws.ToString(out.Output))
	return string(decoded), err
}

// hasLine is whether the console holds the whole line, alone.
func hasLine(console, line string) bool {
	for l := range strings.Lines(console) {
		if strings.TrimSpace(l) == line {
			return true
		}
	}
	return false
}

// lastFailed is whether the last word of root on the console is that the unit
// failed, and the journal that followed it.
func lastFailed(console string) (failed bool, journal string) {
	var lines []string
	for l := range strings.Lines(console) {
		l = strings.TrimSpace(l)
		switch {
		case strings.HasPrefix(l, failedWord):
			failed, lines = true, nil
		case strings.HasPrefix(l, readyWord):
			failed, lines = false, nil
		case strings.HasPrefix(l, journalPrefix):
			lines = append(lines, strings.TrimPrefix(l, journalPrefix))
		}
	}
	return failed, contract.Clean(strings.Join(lines, "\n"))
}
