package network

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/aineko-dev/environments/internal/awsec2"
)

// goesAfter says which kinds must be gone before a kind can be deleted; what
// is not ordered goes side by side (X4).
var goesAfter = map[string][]string{
	kindInterface:       {kindInstance},
	kindVolume:          {kindInstance},
	kindAddress:         {kindNatGateway, kindInstance},
	kindInternetGateway: {kindAddress, kindNatGateway},
	kindGroup:           {kindInstance, kindInterface},
	kindRouteTable:      {kindEndpoint, kindNatGateway},
	kindSubnet:          {kindInstance, kindInterface, kindNatGateway, kindRouteTable},
	kindVPC: {kindInstance, kindInterface, kindNatGateway, kindInternetGateway, kindGroup, kindRouteTable, kindSubnet,
		kindEndpoint, kindFlowLogs},
}

// TearDown makes the steps that delete what was found and is the environment's own.
func TearDown(found []Resource) []Step {
	byKind := map[string][]string{}
	var named string    // the pipelines' group,
	var naming []string // which the broker's names in its rule, and holds
	for _, r := range found {
		if !r.Own {
			continue
		}
		byKind[r.Kind] = append(byKind[r.Kind], r.ID)
		switch r.Role {
		case "pipelines-group":
			named = r.ID
		case "broker-group":
			naming = append(naming, r.ID)
		}
	}
	var steps []Step
	for _, kind := range DeletableKinds {
		for _, id := range byKind[kind] {
			step := Step{Role: id, Kind: kind, Summary: "delete " + strings.ReplaceAll(kind, "-", " ") + " " + id, ResourceID: id}
			for _, before := range goesAfter[kind] {
				step.After = append(step.After, byKind[before]...)
			}
			if id == named {
				step.After = append(step.After, naming...)
			}
			steps = append(steps, step)
		}
	}
	return steps
}

// Blocked is why something cannot be deleted: what is in the way, and whose it is.
type Blocked struct {
	What string // that cannot go
	By   []string
	Err  error
}

func (b *Blocked) Error() string {
	if len(b.By) == 0 {
		return fmt.Sprintf("%s is blocked by something that EC2 does not name: %s", b.What, b.Err)
	}
	return fmt.Sprintf("%s is blocked by %s", b.What, strings.Join(b.By, "; "))
}

// patience is how many looks something may be in the way before it is named:
// what lingers after a NAT gateway or an instance goes within a minute or two.
const patience = 36

// Delete deletes what one step of a tear-down names, and waits until it is
// gone. It looks at its tags first: nothing is deleted by its ID alone.
// What stays in the way makes a *Blocked.
func (n Network) Delete(ctx context.Context, id awsec2.Identity, step Step, beat awsec2.Beat) error {
	d := deleting{Network: n, identity: id, id: step.ResourceID}
	look, found := d.looks()[step.Kind]
	if !found {
		return fmt.Errorf("nothing here deletes a %s", step.Kind)
	}
	var last error
	blocked := 0
	err := awsec2.Poll(ctx, n.PollInterval, beat, func(ctx context.Context) (bool, string, error) {
		gone, err := look(ctx)
		if err == nil {
			return gone, step.ResourceID + " to go", nil
		}
		if awsec2.IsNotFound(err) {
			return false, step.ResourceID + ": looking once more", nil // the next look decides
		}
		switch awsec2.ClassOf(err) {
		case awsec2.Wait, awsec2.Retry, awsec2.Done:
			if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
				return false, "", err
			}
			last, d.held = err, true
			if blocked++; blocked > patience {
				return false, "", &Blocked{What: step.Summary, By: d.blockers(ctx, step.Kind), Err: err}
			}
			return false, step.ResourceID + ": " + firstOf(awsec2.Code(err), err.Error()), nil
		}
		if step.Kind == kindInterface && awsec2.Code(err) == "InvalidParameterValue" {
			// In use: its instance lets go of it in a moment.
			if blocked++; blocked > patience {
				return false, "", &Blocked{What: step.Summary, Err: err}
			}
			return false, step.ResourceID + " to be let go", nil
		}
		return false, "", err
	})
	if err != nil && last != nil && ctx.Err() == nil {
		return err
	}
	if err != nil {
		return fmt.Errorf("%s: %w", step.Summary, err)
	}
	return nil
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

type deleting struct {
	Network
	identity awsec2.Identity
	id       string
	told     bool // whether it was told to go, and goes slowly
	held     bool // whether something was in its way
	absent   int
	// lingering are the interfaces of a NAT gateway, which go some seconds after it.
	lingering []string
	lingered  int
}

// looks are how a kind is deleted: each look returns whether it is gone, and
// else does what it can towards that.
func (d *deleting) looks() map[string]func(context.Context) (bool, error) {
	return map[string]func(context.Context) (bool, error){
		kindInstance: d.instance, kindEndpoint: d.endpoint, kindNatGateway: d.natGateway, kindAddress: d.address, kindInternetGateway: d.internetGateway,
		kindInterface: d.networkInterface, kindVolume: d.volume, kindGroup: d.group, kindRouteTable: d.routeTable, kindSubnet: d.subnet, kindFlowLogs: d.flowLogs, kindVPC: d.vpc,
	}
}

// gone is whether a resource is gone for good: it was told to go and is found no
// more, or two looks in a row did not find it, for one reader may not see what
// another does. The environment's last search looks twice, by tag and by VPC.
func (d *deleting) gone(absent bool) bool {
	if !absent {
		d.absent = 0
		return false
	}
	d.absent++
	return d.told || d.absent >= 2
}

// soonestGone is when what goes slowly is looked at again after it was told to
// go, in poll intervals (5 s): on AWS an instance takes 30 s and more, a NAT
// gateway 60 s.
var soonestGone = map[string]time.Duration{kindInstance: 5, kindNatGateway: 10}

// goes notes that a resource that goes slowly was told to go.
func (d *deleting) goes(ctx context.Context, kind string, err error) (bool, error) {
	if err != nil {
		return false, err
	}
	d.told = true
	return false, awsec2.Pause(ctx, max(soonestGone[kind]-1, 0)*d.PollInterval)
}

func (d *deleting) filters(idFilter string) []types.Filter {
	return d.identity.Filters(awsec2.Filter(idFilter, d.id))
}

func (d *deleting) instance(ctx context.Context) (bool, error) {
	out, err := awsec2.Instances(ctx, d.EC2, d.identity.Filters(
		awsec2.Filter("instance-state-name", "pending", "running", "shutting-down", "stopping", "stopped")))
	if err != nil {
		return false, err
	}
	for _, i := range out {
		if aws.ToString(i.InstanceId) != d.id {
			continue
		}
		d.gone(false)
		if i.State.Name == types.InstanceStateNameShuttingDown {
			return false, nil
		}
		_, err := d.EC2.TerminateInstances(ctx, &ec2.TerminateInstancesInput{InstanceIds: []string{d.id}})
		return d.goes(ctx, kindInstance, err)
	}
	return d.gone(true), nil
}

func (d *deleting) endpoint(ctx context.Context) (bool, error) {
	out, err := awsec2.VpcEndpoints(ctx, d.EC2, d.identity.Filters())
	if err != nil {
		return false, err
	}
	for _, v := range out {
		if aws.ToString(v.VpcEndpointId) != d.id || strings.EqualFold(string(v.State), "deleted") {
			continue
		}
		d.gone(false)
		if strings.EqualFold(string(v.State), "deleting") {
			return false, nil
		}
		// It fails inside an answer of 200.
		done, err := d.EC2.DeleteVpcEndpoints(ctx, &ec2.DeleteVpcEndpointsInput{VpcEndpointIds: []string{d.id}})
		if err != nil {
			return false, err
		}
		for _, failed := range done.Unsuccessful {
			if failed.Error != nil && !strings.HasSuffix(aws.ToString(failed.Error.Code), "NotFound") {
				return false, fmt.Errorf("deleting %s: %s: %s", d.id, aws.ToString(failed.Error.Code), aws.ToString(failed.Error.Message))
			}
		}
		return d.goes(ctx, kindEndpoint, nil)
	}
	return d.gone(true), nil
}

func (d *deleting) natGateway(ctx context.Context) (bool, error) {
	out, err := awsec2.NatGateways(ctx, d.EC2, d.identity.Filters(awsec2.Filter("state", "pending", "available", "failed", "deleting")))
	if err != nil {
		return false, err
	}
	for _, g := range out {
		if aws.ToString(g.NatGatewayId) != d.id {
			continue
		}
		d.gone(false)
		for _, a := range g.NatGatewayAddresses {
			if i := aws.ToString(a.NetworkInterfaceId); i != "" && !slices.Contains(d.lingering, i) {
				d.lingering = append(d.lingering, i)
			}
		}
		if g.State == types.NatGatewayStateDeleting {
			return false, nil
		}
		_, err := d.EC2.DeleteNatGateway(ctx, &ec2.DeleteNatGatewayInput{NatGatewayId: &d.id})
		return d.goes(ctx, kindNatGateway, err)
	}
	if lingers, err := d.lingers(ctx); lingers || err != nil {
		return false, err
	}
	return d.gone(true), nil
}

// lingers is whether an interface of a NAT gateway that is gone is still there,
// in the way of its subnet. They are AWS's, without tags, and are only looked
// at. One that stays is named by what it is in the way of.
func (d *deleting) lingers(ctx context.Context) (bool, error) {
	if len(d.lingering) == 0 || d.lingered == patience {
		return false, nil
	}
	d.lingered++
	out, err := awsec2.NetworkInterfaces(ctx, d.EC2, []types.Filter{awsec2.Filter("network-interface-id", d.lingering...)})
	return len(out) > 0, err
}

func (d *deleting) address(ctx context.Context) (bool, error) {
	out, err := awsec2.Addresses(ctx, d.EC2, d.filters("allocation-id"))
	if err != nil {
		return false, err
	}
	if len(out) == 0 {
		return d.gone(true), nil
	}
	d.gone(false)
	_, err = d.EC2.ReleaseAddress(ctx, &ec2.ReleaseAddressInput{AllocationId: &d.id})
	return err == nil, err
}

func (d *deleting) internetGateway(ctx context.Context) (bool, error) {
	out, err := awsec2.InternetGateways(ctx, d.EC2, d.filters("internet-gateway-id"))
	if err != nil {
		return false, err
	}
	if len(out) == 0 {
		return d.gone(true), nil
	}
	d.gone(false)
	for _, a := range out[0].Attachments {
		_, err := d.EC2.DetachInternetGateway(ctx, &ec2.DetachInternetGatewayInput{InternetGatewayId: &d.id, VpcId: a.VpcId})
		if err != nil && awsec2.ClassOf(err) != awsec2.Done {
			return false, err
		}
	}
	_, err = d.EC2.DeleteInternetGateway(ctx, &ec2.DeleteInternetGatewayInput{InternetGatewayId: &d.id})
	return err == nil, err
}

func (d *deleting) networkInterface(ctx context.Context) (bool, error) {
	out, err := awsec2.NetworkInterfaces(ctx, d.EC2, d.identity.Filters())
	if err != nil {
		return false, err
	}
	for _, i := range out {
		if aws.ToString(i.NetworkInterfaceId) != d.id {
			continue
		}
		d.gone(false)
		_, err := d.EC2.DeleteNetworkInterface(ctx, &ec2.DeleteNetworkInterfaceInput{NetworkInterfaceId: &d.id})
		return err == nil, err
	}
	return d.gone(true), nil
}

func (d *deleting) volume(ctx context.Context) (bool, error) {
	out, err := awsec2.Volumes(ctx, d.EC2, d.identity.Filters())
	if err != nil {
		return false, err
	}
	for _, v := range out {
		if aws.ToString(v.VolumeId) != d.id {
			continue
		}
		d.gone(false)
		if v.State == types.VolumeStateDeleting {
			return false, nil
		}
		_, err := d.EC2.DeleteVolume(ctx, &ec2.DeleteVolumeInput{VolumeId: &d.id})
		return d.goes(ctx, kindVolume, err)
	}
	return d.gone(true), nil
}

// group deletes a group; groups that name each other hold each other, so one
// that is held is stripped of its rules first.
func (d *deleting) group(ctx context.Context) (bool, error) {
	out, err := awsec2.SecurityGroups(ctx, d.EC2, d.filters("group-id"))
	if err != nil {
		return false, err
	}
	if len(out) == 0 {
		return d.gone(true), nil
	}
	d.gone(false)
	if d.held {
		if err := d.stripGroup(ctx, out[0]); err != nil {
			return false, err
		}
	}
	_, err = d.EC2.DeleteSecurityGroup(ctx, &ec2.DeleteSecurityGroupInput{GroupId: &d.id})
	return err == nil, err
}

func (d *deleting) routeTable(ctx context.Context) (bool, error) {
	out, err := awsec2.RouteTables(ctx, d.EC2, d.filters("route-table-id"))
	if err != nil {
		return false, err
	}
	if len(out) == 0 {
		return d.gone(true), nil
	}
	d.gone(false)
	for _, a := range out[0].Associations {
		_, err := d.EC2.DisassociateRouteTable(ctx, &ec2.DisassociateRouteTableInput{AssociationId: a.RouteTableAssociationId})
		if err != nil && !awsec2.IsNotFound(err) {
			return false, err
		}
	}
	_, err = d.EC2.DeleteRouteTable(ctx, &ec2.DeleteRouteTableInput{RouteTableId: &d.id})
	return err == nil, err
}

func (d *deleting) subnet(ctx context.Context) (bool, error) {
	out, err := awsec2.Subnets(ctx, d.EC2, d.identity.Filters())
	if err != nil {
		return false, err
	}
	if !slices.ContainsFunc(out, func(s types.Subnet) bool { return aws.ToString(s.SubnetId) == d.id }) {
		return d.gone(true), nil
	}
	d.gone(false)
	_, err = d.EC2.DeleteSubnet(ctx, &ec2.DeleteSubnetInput{SubnetId: &d.id})
	return err == nil, err
}

func (d *deleting) flowLogs(ctx context.Context) (bool, error) {
	out, err := awsec2.FlowLogs(ctx, d.EC2, d.identity.Filters())
	if err != nil {
		return false, err
	}
	if !slices.ContainsFunc(out, func(l types.FlowLog) bool { return aws.ToString(l.FlowLogId) == d.id }) {
		return d.gone(true), nil
	}
	d.gone(false)
	_, err = d.EC2.DeleteFlowLogs(ctx, &ec2.DeleteFlowLogsInput{FlowLogIds: []string{d.id}})
	return err == nil, err
}

func (d *deleting) vpc(ctx context.Context) (bool, error) {
	out, err := awsec2.Vpcs(ctx, d.EC2, d.filters("vpc-id"))
	if err != nil {
		return false, err
	}
	if len(out) == 0 {
		return d.gone(true), nil
	}
	d.gone(false)
	_, err = d.EC2.DeleteVpc(ctx, &ec2.DeleteVpcInput{VpcId: &d.id})
	return err == nil, err
}

// blockers names what is in the way of a subnet, a VPC or a group.
func (d *deleting) blockers(ctx context.Context, kind string) []string {
	filter := map[string]string{kindSubnet: "subnet-id", kindVPC: "vpc-id", kindGroup: "group-id", kindInternetGateway: ""}[kind]
	if filter == "" {
		return nil
	}
	var by []string
	out, err := awsec2.NetworkInterfaces(ctx, d.EC2, []types.Filter{awsec2.Filter(filter, d.id)})
	if err == nil {
		for _, i := range out {
			by = append(by, fmt.Sprintf("%s, owner %s (%s)", aws.ToString(i.NetworkInterfaceId),
				firstOf(aws.ToString(i.RequesterId), aws.ToString(i.OwnerId)), firstOf(aws.ToString(i.Description), "no description")))
		}
	}
	if kind == kindVPC {
		if found, err := d.Find(ctx, d.identity, []string{d.id}); err == nil {
			for _, r := range found {
				if r.ID != d.id && r.Kind != kindInterface {
					by = append(by, fmt.Sprintf("%s %s", r.Kind, r.ID))
				}
			}
		}
	}
	return by
}
