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

// When an instance that becomes ready is looked at, in poll intervals (5 s).
// On AWS it runs after 10 to 20 s and passes its status checks 120 to 180 s
// later, so earlier looks would tell nothing.
const (
	soonestReady  = 14 // before the first look
	betweenChecks = 2  // while the status checks are under way
	betweenFaults = 12 // while they are, between looks at the console for a failed unit
)

// Wait is what is waited for, and how long.
type Wait struct {
	Line  string // that root writes to the console
	How   string // ReadinessConsole or ReadinessStatusChecks
	Since time.Time
	Limit time.Duration // after Since
	// Fresh is whether the instance was launched at Since: then it cannot be
	// ready yet for a while.
	Fresh bool
}

// WaitReady waits until an instance runs, its status checks pass and its
// console shows the line, or until that cannot be any more: it failed, it is
// gone, or the limit has passed.
func (c Compute) WaitReady(ctx context.Context, id awsec2.Identity, instanceID string, wait Wait, beat awsec2.Beat) (Readiness, error) {
	w := readying{Compute: c, id: id, instanceID: instanceID, wait: wait}
	rest := time.Duration(0)
	if wait.Fresh {
		// Since is by the server's clock, which may be ahead of this machine's.
		rest = min(soonestReady*c.PollInterval, wait.Limit) - max(time.Since(wait.Since), 0)
	}
	var result Readiness
	waiting := instanceID + " to run"
	for {
		beat(waiting)
		if err := awsec2.Pause(ctx, max(rest, 0)); err != nil {
			return result, fmt.Errorf("waiting for %s: %w", waiting, err)
		}
		late := time.Since(wait.Since) > wait.Limit
		var err error
		if result, waiting, err = w.look(ctx); err != nil {
			return result, err
		}
		switch {
		case result.Ready || result.Reason != "":
			return result, nil
		case late:
			result.Reason = fmt.Sprintf("after %s it still waits for %s", wait.Limit, waiting)
			return result, nil
		}
		rest = c.PollInterval
		if !w.checked {
			rest *= betweenChecks
		}
	}
}

// readying is an instance that becomes ready, over several looks.
type readying struct {
	Compute
	id         awsec2.Identity
	instanceID string
	wait       Wait
	absent     time.Time // since when it is not shown
	looks      int
	checked    bool // whether the status checks have passed
}

// look is one look: a Reason says that it cannot become ready any more. The
// status checks come first: many waits share one call for them, while each
// console is a call of its own.
func (w *readying) look(ctx context.Context) (r Readiness, waiting string, err error) {
	w.looks++
	checks, err := awsec2.InstanceStates(ctx, w.EC2, []string{w.instanceID})
	switch {
	case err != nil && !awsec2.IsNotFound(err):
		return r, "", fmt.Errorf("asking for the status checks of %s: %w", w.instanceID, err)
	case err != nil || len(checks) == 0 || !comesUp(checks[0]):
		return w.lookWhy(ctx)
	case checks[0].InstanceState.Name == types.InstanceStateNamePending:
		return r, w.instanceID + " to run", nil
	}
	w.absent = time.Time{}
	w.checked = ok(checks[0].SystemStatus) && ok(checks[0].InstanceStatus)
	switch {
	case w.wait.How != ReadinessConsole:
		return Readiness{Ready: w.checked}, "its status checks to pass", nil
	case !w.checked && w.looks%(betweenFaults/betweenChecks) != 1:
		return r, "its status checks to pass", nil
	}
	console, err := w.console(ctx, w.instanceID)
	switch {
	case awsec2.ClassOf(err) == awsec2.Terminal:
		return r, "", fmt.Errorf("reading the console of %s: %w", w.instanceID, err)
	case err != nil:
		return r, "its console", nil
	}
	if failed, journal := lastFailed(console); failed {
		return Readiness{Reason: "its unit failed", Journal: journal}, "", nil
	}
	switch {
	case !hasLine(console, w.wait.Line):
		return r, "its ready line on the console", nil
	case !w.checked:
		return r, "its status checks to pass", nil
	}
	return Readiness{Ready: true}, "", nil
}

// comesUp is whether an instance runs or is about to.
func comesUp(s types.InstanceStatus) bool {
	return s.InstanceState != nil && (s.InstanceState.Name == types.InstanceStateNamePending || s.InstanceState.Name == types.InstanceStateNameRunning)
}

// lookWhy finds out why an instance does not come up, or is not shown.
func (w *readying) lookWhy(ctx context.Context) (r Readiness, waiting string, err error) {
	out, err := w.EC2.DescribeInstances(ctx, &ec2.DescribeInstancesInput{InstanceIds: []string{w.instanceID}, Filters: w.id.Filters()})
	if err != nil && !awsec2.IsNotFound(err) {
		return r, "", fmt.Errorf("looking at %s: %w", w.instanceID, err)
	}
	if err != nil || len(out.Reservations) == 0 {
		// Fresh instances are not shown to every reader at once.
		if w.absent.IsZero() {
			w.absent = time.Now()
		}
		if time.Since(w.absent) > 2*w.SettleTime {
			return Readiness{Reason: w.instanceID + " is gone"}, "", nil
		}
		return r, w.instanceID + " to be shown", nil
	}
	instance := out.Reservations[0].Instances[0]
	switch state := instance.State.Name; state {
	case types.InstanceStateNamePending, types.InstanceStateNameRunning:
		return r, w.instanceID + " to run", nil // two readers disagree
	default:
		reason := fmt.Sprintf("%s is %s", w.instanceID, state)
		if instance.StateReason != nil {
			reason += ": " + aws.ToString(instance.StateReason.Message)
		}
		return Readiness{Reason: reason}, "", nil
	}
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
