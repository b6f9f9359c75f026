package compute

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/aineko-dev/environments/internal/awsec2"
	"github.com/aineko-dev/environments/internal/contract"
)

// BrokerLaunch is the message broker of an environment (A3).
type BrokerLaunch struct {
	Identity    awsec2.Identity
	Placements  []Placement // in the zone of interface and volume
	InterfaceID string      // outlives the instance: the fixed address
	VolumeID    string      // outlives the instance: the data
	Image       string
	// URL and SHA512 of Kafka's archive, and its Version; those that the volume
	// carries win, for they change only in new environments (A3).
	URL, SHA512, Version string
	Address              string
	// Generation keeps client tokens of an environment's workflows apart.
	Generation       int
	RootVolumeGiB    int
	Readiness        string
	ReadinessTimeout time.Duration
}

// maxSpent bounds how many spent client tokens a launch of the broker passes
// over: more of them in a day is no accident any more.
const maxSpent = 50

// brokerDevice is the name under which the data volume is attached.
const brokerDevice = "/dev/sdf"

// EnsureBroker makes the broker's instance exist, with its interface and its
// volume, and waits until it is ready. The interface is the lock: EC2 lets one
// instance have it, so there are never two brokers. One that is stopped,
// impaired or failed is replaced; interface and volume stay.
func (c Compute) EnsureBroker(ctx context.Context, b BrokerLaunch, again bool, beat awsec2.Beat) (string, error) {
	instances, err := c.Instances(ctx, b.Identity)
	if err != nil {
		return "", err
	}
	if len(instances) == 0 && again {
		if err := awsec2.Pause(ctx, c.SettleTime); err != nil {
			return "", err
		}
		if instances, err = c.Instances(ctx, b.Identity); err != nil {
			return "", err
		}
	}
	var broker, dead string
	for _, i := range instances {
		switch {
		case i.Role != brokerRole:
		case i.alive() && c.Failure(ctx, i) == "":
			broker = i.ID
		default:
			dead = i.ID
			if err := c.Terminate(ctx, b.Identity, []string{i.ID}, beat); err != nil {
				return "", fmt.Errorf("removing the broker's old instance: %w", err)
			}
		}
	}
	since := time.Now()
	if err := c.frozenProgram(ctx, &b, beat); err != nil {
		return "", err
	}
	fresh := broker == ""
	if fresh {
		if broker, err = c.launchBroker(ctx, b, dead, beat); err != nil {
			return "", err
		}
	}
	if fresh {
		if err := c.waitRunning(ctx, broker, beat); err != nil {
			return "", err
		}
	}
	if err := c.attachVolume(ctx, b, broker, beat); err != nil {
		return "", err
	}
	ready, err := c.WaitReady(ctx, b.Identity, broker, Wait{
		Line: ReadyLine(b.Identity.EnvironmentID, brokerRole, b.Version), How: b.Readiness, Since: since, Limit: b.ReadinessTimeout, Fresh: fresh,
	}, beat)
	if err != nil {
		return "", err
	}
	if !ready.Ready {
		return "", fmt.Errorf("the broker's instance %s is not ready: %s\n%s", broker, ready.Reason, ready.Journal)
	}
	return broker, nil
}

// frozenProgram takes the broker's program from the tags of its data volume.
func (c Compute) frozenProgram(ctx context.Context, b *BrokerLaunch, beat awsec2.Beat) error {
	return awsec2.Poll(ctx, c.PollInterval, beat, func(ctx context.Context) (bool, string, error) {
		volume, err := c.volume(ctx, *b)
		if err != nil || volume == nil {
			return false, b.VolumeID + " to be shown", err
		}
		if version := awsec2.Tag(volume.Tags, contract.KafkaVersionTag); version != "" {
			b.Version, b.URL, b.SHA512 = version, awsec2.Tag(volume.Tags, contract.KafkaURLTag), awsec2.Tag(volume.Tags, contract.KafkaSHA512Tag)
		}
		return true, "", nil
	})
}

// BrokerProgram is the version of Kafka that an environment's data volume says,
// and the volume; both empty where there is none.
func (c Compute) BrokerProgram(ctx context.Context, id awsec2.Identity) (version, volumeID string, err error) {
	out, err := awsec2.Volumes(ctx, c.EC2, id.Filters(awsec2.Filter("tag-key", contract.KafkaVersionTag)))
	if err != nil {
		return "", "", fmt.Errorf("looking for the broker's volume of %s: %w", id.EnvironmentID, err)
	}
	for _, v := range out {
		return awsec2.Tag(v.Tags, contract.KafkaVersionTag), aws.ToString(v.VolumeId), nil
	}
	return "", "", nil
}

// volume is the broker's data volume; nil while it is not shown.
func (c Compute) volume(ctx context.Context, b BrokerLaunch) (*types.Volume, error) {
	out, err := c.EC2.DescribeVolumes(ctx, &ec2.DescribeVolumesInput{VolumeIds: []string{b.VolumeID}, Filters: b.Identity.Filters()})
	if err != nil && !awsec2.IsNotFound(err) {
		return nil, fmt.Errorf("looking at %s: %w", b.VolumeID, err)
	}
	if err != nil || len(out.Volumes) == 0 {
		return nil, nil
	}
	return &out.Volumes[0], nil
}

// launchBroker launches an instance on the interface. after is the dead one
// that it replaces; without one a token whose instance is gone is found out
// by the instance's state.
func (c Compute) launchBroker(ctx context.Context, b BrokerLaunch, after string, beat awsec2.Beat) (string, error) {
	if twin, err := c.interfaceFree(ctx, b, after, beat); twin != "" || err != nil {
		return twin, err
	}
	userData, err := BrokerUserData(b)
	if err != nil {
		return "", err
	}
	shortage := errors.New("no instance type offers what the broker needs in its zone")
	for try, spent := 0, 0; try < len(b.Placements); {
		placement := b.Placements[try]
		in := instanceInput(b.Identity, brokerRole, nil, b.Image, placement.InstanceType, b.RootVolumeGiB, "", userData)
		in.ClientToken = aws.String(awsec2.Token(b.Identity.EnvironmentID, brokerRole, after, strconv.Itoa(b.Generation), strconv.Itoa(try)))
		in.NetworkInterfaces = []types.InstanceNetworkInterfaceSpecification{{
			DeviceIndex: aws.Int32(0), NetworkInterfaceId: &b.InterfaceID,
		}}
		made, err := c.EC2.RunInstances(ctx, in)
		if awsec2.ClassOf(err) == awsec2.Elsewhere {
			shortage = err
			try++
			continue
		}
		if awsec2.IsSpentToken(err) && spent < maxSpent {
			// An earlier launch is gone, or had other settings. If it is not gone, it
			// has the interface, and this one cannot have it.
			spent++
			after += "+"
			continue
		}
		if err != nil {
			return "", fmt.Errorf("launching the broker on %s in %s: %w", placement.InstanceType, placement.Zone, err)
		}
		id := aws.ToString(made.Instances[0].InstanceId)
		if state := made.Instances[0].State; state != nil && state.Name != types.InstanceStateNamePending && state.Name != types.InstanceStateNameRunning {
			if id == after {
				return "", fmt.Errorf("the broker's instance %s is %s", id, state.Name)
			}
			after = id // the token stands for one that is gone
			continue
		}
		return id, nil
	}
	return "", fmt.Errorf("launching the broker: %w", shortage)
}

// interfaceFree waits until the old instance has let go of the interface. If a
// new one has it meanwhile, another attempt was faster: that one is returned.
func (c Compute) interfaceFree(ctx context.Context, b BrokerLaunch, old string, beat awsec2.Beat) (twin string, err error) {
	err = awsec2.Poll(ctx, c.PollInterval, beat, func(ctx context.Context) (bool, string, error) {
		out, err := c.EC2.DescribeNetworkInterfaces(ctx, &ec2.DescribeNetworkInterfacesInput{NetworkInterfaceIds: []string{b.InterfaceID}, Filters: b.Identity.Filters()})
		if err != nil && !awsec2.IsNotFound(err) {
			return false, "", fmt.Errorf("looking at %s: %w", b.InterfaceID, err)
		}
		if err != nil || len(out.NetworkInterfaces) == 0 {
			return false, b.InterfaceID + " to be shown", nil
		}
		i := out.NetworkInterfaces[0]
		if i.Status == types.NetworkInterfaceStatusAvailable {
			return true, "", nil
		}
		if i.Attachment == nil || aws.ToString(i.Attachment.InstanceId) == old {
			return false, b.InterfaceID + " to be free", nil
		}
		instances, err := c.Instances(ctx, b.Identity)
		for _, holder := range instances {
			if holder.ID == aws.ToString(i.Attachment.InstanceId) && holder.Role == brokerRole && holder.alive() {
				twin = holder.ID
			}
		}
		return twin != "", b.InterfaceID + " to be free", err
	})
	return twin, err
}

// soonestRunning is when a fresh instance is first looked at, in poll
// intervals (5 s): on AWS it runs after 10 to 20 s.
const soonestRunning = 3

// waitRunning waits until a fresh instance is pending no longer: before that
// EC2 attaches no volume to it. In which state it is then, others find out.
func (c Compute) waitRunning(ctx context.Context, instanceID string, beat awsec2.Beat) error {
	waiting := instanceID + " to run"
	return awsec2.PollAfter(ctx, soonestRunning*c.PollInterval, c.PollInterval, waiting, beat, func(ctx context.Context) (bool, string, error) {
		states, err := awsec2.InstanceStates(ctx, c.EC2, []string{instanceID})
		if err != nil && !awsec2.IsNotFound(err) {
			return false, "", fmt.Errorf("looking at %s: %w", instanceID, err)
		}
		if err != nil || len(states) == 0 || states[0].InstanceState == nil {
			return false, instanceID + " to be shown", nil
		}
		return states[0].InstanceState.Name != types.InstanceStateNamePending, waiting, nil
	})
}

// attachVolume gives the data volume to the broker's instance, once that runs
// and the old one has let go.
func (c Compute) attachVolume(ctx context.Context, b BrokerLaunch, instanceID string, beat awsec2.Beat) error {
	return awsec2.Poll(ctx, c.PollInterval, beat, func(ctx context.Context) (bool, string, error) {
		volume, err := c.volume(ctx, b)
		if err != nil || volume == nil {
			return false, b.VolumeID + " to be shown", err
		}
		for _, a := range volume.Attachments {
			if aws.ToString(a.InstanceId) == instanceID {
				return true, "", nil
			}
		}
		if volume.State != types.VolumeStateAvailable {
			return false, b.VolumeID + " to be free", nil
		}
		_, err = c.EC2.AttachVolume(ctx, &ec2.AttachVolumeInput{VolumeId: &b.VolumeID, InstanceId: &instanceID, Device: aws.String(brokerDevice)})
		if err == nil {
			return true, "", nil
		}
		if class := awsec2.ClassOf(err); class == awsec2.Retry || class == awsec2.Wait {
			return false, instanceID + " to take " + b.VolumeID, nil
		}
		return false, "", fmt.Errorf("attaching %s to %s: %w", b.VolumeID, instanceID, err)
	})
}
