// Package compute is the instances of an environment: which type and zone to
// take, what they run when they boot, whether they are ready, and how they
// stop; pipelines and the message broker alike. It knows nothing of workflows
// or settings.
package compute

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/aineko-dev/environments/internal/awsec2"
	"github.com/aineko-dev/environments/internal/contract"
)

// Compute works on environments' instances through one EC2 client.
type Compute struct {
	EC2 awsec2.API
	// PollInterval is how often a slow state is looked at.
	PollInterval time.Duration
	// SettleTime is how long EC2 may show a fresh instance to one reader and
	// not to another.
	SettleTime time.Duration
}

// Instance is what EC2 and its tags say of an instance that is not terminated.
type Instance struct {
	ID             string    `json:"id"`
	Role           string    `json:"role"`
	Pipeline       string    `json:"pipeline,omitempty"`
	Commit         string    `json:"commit,omitempty"`
	Digest         string    `json:"digest,omitempty"`
	Deployment     string    `json:"deployment,omitempty"`
	State          string    `json:"state"`
	Zone           string    `json:"zone,omitempty"`
	Type           string    `json:"type,omitempty"`
	Image          string    `json:"image,omitempty"`
	PrivateAddress string    `json:"privateAddress,omitempty"`
	LaunchedAt     time.Time `json:"launchedAt"`
	// Impaired is whether a status check failed. Checks that are still
	// initializing have not.
	Impaired bool `json:"impaired,omitempty"`
}

// brokerRole is the broker's tag aineko:role; pipelines have "pipeline".
const (
	brokerRole   = "broker"
	pipelineRole = "pipeline"
)

var notTerminated = awsec2.Filter("instance-state-name", "pending", "running", "shutting-down", "stopping", "stopped")

// Instances lists the environment's instances that are not terminated, with
// what their status checks say: two reads, however many there are.
func (c Compute) Instances(ctx context.Context, id awsec2.Identity) ([]Instance, error) {
	found, err := c.list(ctx, id.Filters(notTerminated))
	if err != nil {
		return nil, fmt.Errorf("listing the instances of %s: %w", id.EnvironmentID, err)
	}
	if len(found) == 0 {
		return found, nil
	}
	var ids []string
	for _, i := range found {
		ids = append(ids, i.ID)
	}
	checks, err := awsec2.InstanceStatuses(ctx, c.EC2, ids)
	if awsec2.IsNotFound(err) {
		return found, nil // one of them goes just now; the next look says which
	}
	if err != nil {
		return nil, fmt.Errorf("asking for the status checks of %s: %w", id.EnvironmentID, err)
	}
	for i := range found {
		for _, s := range checks {
			if aws.ToString(s.InstanceId) == found[i].ID {
				found[i].Impaired = impaired(s)
			}
		}
	}
	return found, nil
}

func impaired(s types.InstanceStatus) bool {
	return s.SystemStatus != nil && s.SystemStatus.Status == types.SummaryStatusImpaired ||
		s.InstanceStatus != nil && s.InstanceStatus.Status == types.SummaryStatusImpaired
}

func (c Compute) list(ctx context.Context, filters []types.Filter) ([]Instance, error) {
	described, err := awsec2.Instances(ctx, c.EC2, filters)
	if err != nil {
		return nil, err
	}
	found := make([]Instance, 0, len(described))
	for _, i := range described {
		one := Instance{
			ID: aws.ToString(i.InstanceId), Role: awsec2.Tag(i.Tags, contract.RoleTag), Pipeline: awsec2.Tag(i.Tags, contract.PipelineTag),
			Commit: awsec2.Tag(i.Tags, contract.CommitTag), Digest: awsec2.Tag(i.Tags, contract.DigestTag), Deployment: awsec2.Tag(i.Tags, contract.DeploymentTag),
			Type: string(i.InstanceType), Image: aws.ToString(i.ImageId), PrivateAddress: aws.ToString(i.PrivateIpAddress), LaunchedAt: aws.ToTime(i.LaunchTime),
		}
		if i.State != nil {
			one.State = string(i.State.Name)
		}
		if i.Placement != nil {
			one.Zone = aws.ToString(i.Placement.AvailabilityZone)
		}
		found = append(found, one)
	}
	return found, nil
}

// alive is whether an instance runs or is about to.
func (i Instance) alive() bool { return i.State == "pending" || i.State == "running" }

// BrokerDown is why the broker cannot serve, as its instances say; "" when it does (A3).
func BrokerDown(instances []Instance) string {
	why := "it has no instance"
	for _, i := range instances {
		switch {
		case i.Role != brokerRole:
		case i.State != "running":
			why = fmt.Sprintf("its instance %s is %s", i.ID, i.State)
		case i.Impaired:
			why = fmt.Sprintf("a status check of its instance %s failed", i.ID)
		default:
			return ""
		}
	}
	return why
}

// Failure is why an instance of a pipeline has failed, at one look at its
// status and its console; "" when nothing says so (C14).
func (c Compute) Failure(ctx context.Context, i Instance) string {
	if i.Impaired {
		return "a status check failed"
	}
	if i.State != "running" {
		return ""
	}
	console, err := c.console(ctx, i.ID)
	if err != nil {
		return "" // not to be told now is not a failure
	}
	if failed, journal := lastFailed(console); failed {
		return "its unit failed\n" + journal
	}
	return ""
}

// soonestGone is when an instance that was told to end is looked at again, in
// poll intervals (5 s): on AWS that takes 30 s and more.
const soonestGone = 5

// Terminate ends instances and waits until they are gone. It looks at their
// tags first: nothing ends by its ID alone. One that was seen to end and is
// found no more is gone; one that was never seen, when two looks in a row do
// not find it.
func (c Compute) Terminate(ctx context.Context, id awsec2.Identity, instanceIDs []string, beat awsec2.Beat) error {
	asked := map[string]bool{}
	absent, ended := 0, false
	return awsec2.Poll(ctx, c.PollInterval, beat, func(ctx context.Context) (bool, string, error) {
		found, err := c.list(ctx, id.Filters(notTerminated))
		if err != nil {
			return false, "", fmt.Errorf("looking for %v: %w", instanceIDs, err)
		}
		var left, end []string
		for _, i := range found {
			for _, wanted := range instanceIDs {
				if i.ID != wanted {
					continue
				}
				left = append(left, i.ID)
				if i.State != "shutting-down" && !asked[i.ID] {
					end = append(end, i.ID)
				}
			}
		}
		if len(left) == 0 {
			absent++
			return absent >= 2 || ended, "a second look for " + fmt.Sprint(instanceIDs), nil
		}
		absent = 0
		if len(end) > 0 {
			_, err := c.EC2.TerminateInstances(ctx, &ec2.TerminateInstancesInput{InstanceIds: end})
			if err != nil && !awsec2.IsNotFound(err) {
				return false, "", fmt.Errorf("terminating %v: %w", end, err)
			}
			for _, i := range end {
				asked[i] = err == nil
			}
			if err == nil {
				ended = true
				if err := awsec2.Pause(ctx, (soonestGone-1)*c.PollInterval); err != nil {
					return false, "", fmt.Errorf("waiting for %v to terminate: %w", left, err)
				}
			}
		}
		return false, fmt.Sprintf("%v to terminate", left), nil
	})
}
