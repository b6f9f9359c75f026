package network

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/aineko-dev/environments/internal/awsec2"
)

// networkInterface makes the broker's interface with its fixed address, which
// is a natural key beside the client token (A3).
func (e ensuring) networkInterface(ctx context.Context) (string, error) {
	subnet, err := e.before("private-a")
	if err != nil {
		return "", err
	}
	group, err := e.before("broker-group")
	if err != nil {
		return "", err
	}
	found, err := existing(ctx, e, func(ctx context.Context) ([]types.NetworkInterface, error) {
		return awsec2.NetworkInterfaces(ctx, e.EC2, e.id.Filters(awsec2.Role(e.step.Role)))
	}, func(i types.NetworkInterface) string { return aws.ToString(i.NetworkInterfaceId) })
	if err != nil {
		return "", err
	}
	if len(found) > 0 {
		return aws.ToString(found[0].NetworkInterfaceId), nil
	}
	made, err := e.EC2.CreateNetworkInterface(ctx, &ec2.CreateNetworkInterfaceInput{
		SubnetId: &subnet, PrivateIpAddress: &e.layout.BrokerAddress, Groups: []string{group}, Description: aws.String("message broker of " + e.id.EnvironmentID),
		ClientToken: e.token(), TagSpecifications: e.id.Specification(types.ResourceTypeNetworkInterface, e.step.Role, nil),
	})
	if err != nil {
		return "", err
	}
	return aws.ToString(made.NetworkInterface.NetworkInterfaceId), nil
}

// dataVolume makes the broker's data volume, encrypted, in the first zone (A3).
func (e ensuring) dataVolume(ctx context.Context) (string, error) {
	found, err := existing(ctx, e, func(ctx context.Context) ([]types.Volume, error) {
		return awsec2.Volumes(ctx, e.EC2, e.id.Filters(awsec2.Role(e.step.Role)))
	}, func(v types.Volume) string { return aws.ToString(v.VolumeId) })
	if err != nil {
		return "", err
	}
	if len(found) > 0 {
		return aws.ToString(found[0].VolumeId), nil
	}
	made, err := e.EC2.CreateVolume(ctx, &ec2.CreateVolumeInput{
		AvailabilityZone: &e.layout.Zones[0].Name, Size: aws.Int32(int32(e.volume.GiB)), VolumeType: types.VolumeTypeGp3, Encrypted: aws.Bool(true),
		ClientToken: e.token(), TagSpecifications: e.id.Specification(types.ResourceTypeVolume, e.step.Role, e.volume.Tags),
	})
	if err != nil {
		return "", err
	}
	return aws.ToString(made.VolumeId), nil
}

// flowLogs makes the VPC's flow logs, where a destination is set (A2).
func (e ensuring) flowLogs(ctx context.Context) (string, error) {
	vpc, err := e.before("vpc")
	if err != nil {
		return "", err
	}
	list := func(ctx context.Context) ([]types.FlowLog, error) {
		return awsec2.FlowLogs(ctx, e.EC2, e.id.Filters(awsec2.Role(e.step.Role)))
	}
	found, err := existing(ctx, e, list, func(l types.FlowLog) string { return aws.ToString(l.FlowLogId) })
	if err != nil {
		return "", err
	}
	if len(found) > 0 {
		return aws.ToString(found[0].FlowLogId), nil
	}
	made, err := e.EC2.CreateFlowLogs(ctx, &ec2.CreateFlowLogsInput{
		ResourceIds: []string{vpc}, ResourceType: types.FlowLogsResourceTypeVpc, TrafficType: types.TrafficTypeAll,
		LogDestinationType: types.LogDestinationTypeS3, LogDestination: &e.layout.FlowLogs,
		ClientToken: e.token(), TagSpecifications: e.id.Specification(types.ResourceTypeVpcFlowLog, e.step.Role, nil),
	})
	if err != nil {
		return "", err
	}
	// CreateFlowLogs fails inside an answer of 200.
	for _, failed := range made.Unsuccessful {
		if failed.Error == nil {
			continue
		}
		err := fmt.Errorf("%s: %s", aws.ToString(failed.Error.Code), aws.ToString(failed.Error.Message))
		if aws.ToString(failed.Error.Code) == "FlowLogAlreadyExists" {
			return e.shown(ctx, func(ctx context.Context) ([]string, error) {
				found, err := list(ctx)
				return idsOf(found, func(l types.FlowLog) *string { return l.FlowLogId }), err
			}, err)
		}
		return "", err
	}
	if len(made.FlowLogIds) == 0 {
		return "", errors.New("EC2 named no flow log")
	}
	return made.FlowLogIds[0], nil
}
