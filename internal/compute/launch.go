package compute

import (
	"context"
	"encoding/base64"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/aineko-dev/environments/internal/awsec2"
	"github.com/aineko-dev/environments/internal/contract"
)

// Launch is one try to launch one instance of a pipeline.
type Launch struct {
	Identity   awsec2.Identity
	Pipeline   contract.Pipeline
	SHA        string
	Digest     string
	Deployment string
	// Generation and Try keep client tokens apart: a token outlives its
	// instance by a day.
	Generation, Try int
	Placement       Placement

	SecurityGroupID string
	Image           string // AMI ID, or resolve:ssm:…, which RunInstances resolves itself
	InstanceProfile string // name; empty: none
	RepositoryURL   string
	// RepositoryTokenParameter names the SSM parameter of a private repository's token; empty: public.
	RepositoryTokenParameter string
	// SecretsPath is the path of the pipeline's own SSM parameters (A12); empty: none.
	SecretsPath      string
	BootstrapServers string
	RootVolumeGiB    int
}

// Launched is the instance, or that there is no capacity: then the next
// placement may be tried.
type Launched struct {
	InstanceID string `json:"instanceId,omitempty"`
	Capacity   string `json:"capacity,omitempty"`
}

// Launch launches an instance, or returns the one that an earlier attempt of
// the same deployment launched. The client token makes sure that one try makes one
// instance at most, whatever gets lost.
func (c Compute) Launch(ctx context.Context, l Launch, again bool) (Launched, error) {
	what := fmt.Sprintf("launching pipeline %s on %s in %s", l.Pipeline.Pipeline, l.Placement.InstanceType, l.Placement.Zone)
	if again || l.Try > 0 {
		found, err := c.list(ctx, l.Identity.Filters(notTerminated, awsec2.Filter("tag:"+contract.PipelineTag, l.Pipeline.Pipeline),
			awsec2.Filter("tag:"+contract.DeploymentTag, l.Deployment), awsec2.Filter("tag:"+contract.DigestTag, l.Digest)))
		if err != nil {
			return Launched{}, fmt.Errorf("%s: looking for an earlier one: %w", what, err)
		}
		for _, i := range found {
			if i.alive() {
				return Launched{InstanceID: i.ID}, nil
			}
		}
	}
	userData, err := PipelineUserData(l)
	if err != nil {
		return Launched{}, fmt.Errorf("%s: %w", what, err)
	}
	tags := map[string]string{
		contract.PipelineTag: l.Pipeline.Pipeline, contract.CommitTag: l.SHA, contract.DeploymentTag: l.Deployment, contract.DigestTag: l.Digest,
		"Name": l.Identity.Project + "/" + l.Identity.Environment + " " + l.Pipeline.Pipeline,
	}
	in := instanceInput(l.Identity, pipelineRole, tags, l.Image, l.Placement.InstanceType, l.RootVolumeGiB, l.InstanceProfile, userData)
	in.ClientToken = aws.String(awsec2.Token(l.Identity.EnvironmentID, l.Pipeline.Pipeline, l.Deployment, l.Digest, strconv.Itoa(l.Generation), strconv.Itoa(l.Try)))
	in.NetworkInterfaces = []types.InstanceNetworkInterfaceSpecification{{
		DeviceIndex: aws.Int32(0), SubnetId: &l.Placement.SubnetID, Groups: []string{l.SecurityGroupID},
		AssociatePublicIpAddress: aws.Bool(false), DeleteOnTermination: aws.Bool(true),
	}}
	in.TagSpecifications = append(in.TagSpecifications, l.Identity.Specification(types.ResourceTypeNetworkInterface, pipelineRole, tags)...)
	made, err := c.EC2.RunInstances(ctx, in)
	if awsec2.ClassOf(err) == awsec2.Elsewhere {
		return Launched{Capacity: awsec2.Explain(err)}, nil
	}
	if err != nil {
		return Launched{}, fmt.Errorf("%s: %w", what, err)
	}
	return Launched{InstanceID: aws.ToString(made.Instances[0].InstanceId)}, nil
}

// rootDevice of the images that this is made for.
const rootDevice = "/dev/xvda"

// instanceInput is what pipelines and the broker have in common: IMDSv2 with
// one hop, an encrypted root volume that goes with the instance.
func instanceInput(id awsec2.Identity, role string, tags map[string]string, image, instanceType string, rootGiB int, profile, userData string) *ec2.RunInstancesInput {
	in := &ec2.RunInstancesInput{
		ImageId: &image, InstanceType: types.InstanceType(instanceType), MinCount: aws.Int32(1), MaxCount: aws.Int32(1),
		UserData: aws.String(base64.StdEncoding.EncodeToString([]byte(userData))),
		MetadataOptions: &types.InstanceMetadataOptionsRequest{
			HttpTokens: types.HttpTokensStateRequired, HttpPutResponseHopLimit: aws.Int32(1), HttpEndpoint: types.InstanceMetadataEndpointStateEnabled,
		},
		BlockDeviceMappings: []types.BlockDeviceMapping{{DeviceName: aws.String(rootDevice), Ebs: &types.EbsBlockDevice{
			VolumeSize: aws.Int32(int32(rootGiB)), VolumeType: types.VolumeTypeGp3, Encrypted: aws.Bool(true), DeleteOnTermination: aws.Bool(true),
		}}},
		// A shutdown from inside stops it, so that its console and volume can be looked at; reconcile replaces it.
		InstanceInitiatedShutdownBehavior: types.ShutdownBehaviorStop,
		TagSpecifications: append(id.Specification(types.ResourceTypeInstance, role, tags),
			id.Specification(types.ResourceTypeVolume, role, tags)...),
	}
	if profile != "" {
		in.IamInstanceProfile = &types.IamInstanceProfileSpecification{Name: &profile}
	}
	return in
}
