package ec2sim

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"
)

var stateCodes = map[string]int{"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}

func instanceState(name, state string) node {
	return group(name, number("code", stateCodes[state]), text("name", state))
}

func (s *Simulator) instanceNode(r *Resource) []node {
	n := []node{text("instanceId", r.ID), text("imageId", r.Attr["image"]), instanceState("instanceState", r.State), text("instanceType", r.Attr["type"]),
		text("launchTime", r.Born.Format(time.RFC3339)), group("placement", text("availabilityZone", r.Attr["zone"])),
		text("clientToken", r.Attr["token"]),
		group("metadataOptions", text("state", "applied"), text("httpTokens", r.Attr["httpTokens"]), text("httpPutResponseHopLimit", r.Attr["hopLimit"]), text("httpEndpoint", "enabled")),
		tagSet(r)}
	if r.Attr["profile"] != "" {
		n = append(n, group("iamInstanceProfile", text("arn", "arn:aws:iam::"+s.options.Account+":instance-profile/"+r.Attr["profile"])))
	}
	if r.State == "terminated" {
		return append(n, group("stateReason", text("code", "Client.UserInitiatedShutdown"), text("message", "Client.UserInitiatedShutdown: User initiated shutdown")))
	}
	n = append(n, text("privateIpAddress", r.Attr["privateIp"]), text("subnetId", r.Attr["subnetId"]), text("vpcId", r.Attr["vpcId"]),
		items("groupSet", r.List["groups"], func(id string) []node { return []node{text("groupId", id)} }),
		items("networkInterfaceSet", []string{r.Attr["interfaceId"]}, func(id string) []node {
			return []node{text("networkInterfaceId", id), text("subnetId", r.Attr["subnetId"]), text("vpcId", r.Attr["vpcId"]), text("privateIpAddress", r.Attr["privateIp"])}
		}),
		items("blockDeviceMapping", s.volumesOf(r), func(v *Resource) []node {
			return []node{text("deviceName", v.Attr["device"]), group("ebs", text("volumeId", v.ID), text("status", "attached"), text("deleteOnTermination", v.Attr["deleteOnTermination"]))}
		}))
	if r.Attr["publicIp"] != "" {
		n = append(n, text("ipAddress", r.Attr["publicIp"]))
	}
	return n
}

func (s *Simulator) volumesOf(instance *Resource) []*Resource {
	var found []*Resource
	for _, v := range s.of("volume") {
		if v.Attr["instanceId"] == instance.ID {
			found = append(found, v)
		}
	}
	return found
}

func (s *Simulator) runInstances(r *request) ([]node, *apiError) {
	if before, err := s.idempotent(r); before != nil || err != nil {
		if err != nil {
			return nil, err
		}
		return s.reservation(before), nil
	}
	if r.str("MinCount") != "1" || r.str("MaxCount") != "1" {
		return nil, refuse("InvalidParameterValue", "the simulator runs one instance a call")
	}
	image := r.str("ImageId")
	if !strings.HasPrefix(image, "ami-") && !strings.HasPrefix(image, "resolve:ssm:") {
		return nil, refuse("InvalidAMIID.Malformed", "Invalid id: \"%s\" (expecting \"ami-...\")", image)
	}
	if image == "ami-missing" {
		return nil, refuse("InvalidAMIID.NotFound", "The image id '[%s]' does not exist", image)
	}
	userData, bad := base64.StdEncoding.DecodeString(r.str("UserData"))
	if bad != nil || len(userData) > 16384 {
		return nil, refuse("InvalidParameterValue", "User data is limited to 16384 bytes")
	}
	t := typeNamed(r.str("InstanceType"))
	if t == nil {
		return nil, refuse("InvalidParameterValue", "Invalid value '%s' for InstanceType.", r.str("InstanceType"))
	}
	subnet, given, err := s.whereTo(r)
	if err != nil {
		return nil, err
	}
	zone := subnet.Attr["zone"]
	if !t.offeredIn(zone) {
		return nil, refuse("Unsupported", "Your requested instance type (%s) is not supported in your requested Availability Zone (%s).", t.name, zone)
	}
	for _, shortage := range s.Shortages {
		if (shortage.Type == "" || shortage.Type == t.name) && (shortage.Zone == "" || shortage.Zone == zone) {
			return nil, errorf(500, "InsufficientInstanceCapacity", "We currently do not have sufficient %s capacity in the Availability Zone you requested (%s).", t.name, zone)
		}
	}
	i, err := s.create(r, "instance", "i", "pending", map[string]string{
		"image": image, "type": t.name, "zone": zone, "subnetId": subnet.ID, "vpcId": subnet.Attr["vpcId"], "token": r.str("ClientToken"),
		"httpTokens": cmp.Or(r.str("MetadataOptions.HttpTokens"), "optional"), "hopLimit": cmp.Or(r.str("MetadataOptions.HttpPutResponseHopLimit"), "1"),
		"profile": r.str("IamInstanceProfile.Name"), "userData": string(userData), "userDataReadBy": "",
	})
	if err != nil {
		return nil, err
	}
	s.becomes(i, "running", InstancePending)
	s.giveInterface(r, i, subnet, given)
	if err := s.giveVolumes(r, i); err != nil {
		return nil, err
	}
	s.keepToken(r, i)
	return s.reservation(i), nil
}

// whereTo is the subnet that an instance goes to, and the interface that it was given.
func (s *Simulator) whereTo(r *request) (subnet, given *Resource, err *apiError) {
	id := r.str("SubnetId")
	if id == "" {
		id = r.str("NetworkInterface.1.SubnetId")
	}
	if eni := r.str("NetworkInterface.1.NetworkInterfaceId"); eni != "" {
		if given, err = s.get("network-interface", eni, "InvalidNetworkInterfaceID.NotFound"); err != nil {
			return nil, nil, err
		}
		if given.State != "available" {
			return nil, nil, refuse("InvalidNetworkInterface.InUse", "Interface '%s' is currently in use.", eni)
		}
		id = given.Attr["subnetId"]
	}
	subnet, err = s.get("subnet", id, "InvalidSubnetID.NotFound")
	return subnet, given, err
}

func (s *Simulator) giveInterface(r *request, i, subnet, given *Resource) {
	if given == nil {
		given = s.with("network-interface", "eni", "in-use", map[string]string{"subnetId": subnet.ID, "vpcId": subnet.Attr["vpcId"], "privateIp": s.freeAddress(subnet),
			"ownerId": s.options.Account, "type": "interface", "deleteOnTermination": "true"})
		given.List["groups"] = r.list("SecurityGroupId")
		if len(given.List["groups"]) == 0 {
			given.List["groups"] = r.list("NetworkInterface.1.SecurityGroupId")
		}
		if tags, err := r.tags("network-interface"); err == nil {
			given.Tags = tags
		}
		if r.str("NetworkInterface.1.AssociatePublicIpAddress") == "true" || subnet.Attr["mapPublic"] == "true" {
			given.Attr["publicIp"] = fmt.Sprintf("203.0.113.%d", s.Next%250+1)
			i.Attr["publicIp"] = given.Attr["publicIp"]
		}
	} else {
		given.State, given.Attr["deleteOnTermination"] = "in-use", "false"
	}
	given.Attr["instanceId"] = i.ID
	i.Attr["interfaceId"], i.Attr["privateIp"], i.List["groups"] = given.ID, given.Attr["privateIp"], given.List["groups"]
}

func (s *Simulator) giveVolumes(r *request, i *Resource) *apiError {
	tags, err := r.tags("volume")
	if err != nil {
		return err
	}
	made := 0
	r.each("BlockDeviceMapping", func(p string) {
		made++
		v := s.with("volume", "vol", "in-use", map[string]string{"zone": i.Attr["zone"], "size": r.str(p + ".Ebs.VolumeSize"), "type": r.str(p + ".Ebs.VolumeType"), "encrypted": cmp.Or(r.str(p+".Ebs.Encrypted"), "false"),
			"deleteOnTermination": cmp.Or(r.str(p+".Ebs.DeleteOnTermination"), "true"), "instanceId": i.ID, "device": r.str(p + ".DeviceName")})
		v.Tags = tags
	})
	if made == 0 {
		s.with("volume", "vol", "in-use", map[string]string{"zone": i.Attr["zone"], "size": "8", "type": "gp3", "encrypted": "false", "deleteOnTermination": "true", "instanceId": i.ID, "device": "/dev/xvda"}).Tags = tags
	}
	return nil
}

func (s *Simulator) reservation(i *Resource) []node {
	return []node{text("reservationId", "r-"+strings.TrimPrefix(i.ID, "i-")), text("ownerId", s.options.Account),
		items("instancesSet", []*Resource{i}, s.instanceNode)}
}

// entered is what follows from a state that a resource reached at a time.
func (s *Simulator) entered(r *Resource, at time.Time) {
	switch {
	case r.Kind == "instance" && r.State == "running":
		r.Running = at
	case r.Kind == "instance" && r.State == "terminated":
		s.instanceGone(r)
	case r.Kind == "natgateway" && r.State == "deleted":
		s.natDeleted(r)
	}
}

func (s *Simulator) instanceGone(r *Resource) {
	if i := s.Resources[r.Attr["interfaceId"]]; i != nil {
		if i.Attr["deleteOnTermination"] == "true" {
			s.remove(i.ID)
		} else {
			i.State, i.Attr["instanceId"] = "available", ""
		}
	}
	for _, v := range s.volumesOf(r) {
		if v.Attr["deleteOnTermination"] == "true" {
			s.remove(v.ID)
		} else {
			v.State, v.Attr["instanceId"], v.Attr["device"] = "available", "", ""
		}
	}
}

func (s *Simulator) describeInstances(r *request) ([]node, *apiError) {
	found, err := s.find(r, "instance", "InstanceId", "InvalidInstanceID.NotFound", map[string]func(*Resource) []string{
		"instance-state-name": stateOf, "vpc-id": attr("vpcId"), "subnet-id": attr("subnetId"), "client-token": attr("token"), "network-interface.network-interface-id": attr("interfaceId"),
	})
	return []node{items("reservationSet", found, s.reservation)}, err
}

func (s *Simulator) describeInstanceStatus(r *request) ([]node, *apiError) {
	found, err := s.find(r, "instance", "InstanceId", "InvalidInstanceID.NotFound", map[string]func(*Resource) []string{"instance-state-name": stateOf})
	var shown []*Resource
	for _, i := range found {
		if i.State == "running" || r.str("IncludeAllInstances") == "true" {
			shown = append(shown, i)
		}
	}
	return []node{items("instanceStatusSet", shown, func(i *Resource) []node {
		check := "initializing"
		switch {
		case i.State != "running":
			check = "not-applicable"
		case s.bootOf(i) == BootImpaired:
			check = "impaired"
		case s.Now().Sub(i.Running) >= StatusChecks:
			check = "ok"
		}
		return []node{text("instanceId", i.ID), instanceState("instanceState", i.State), group("systemStatus", text("status", check)), group("instanceStatus", text("status", check))}
	})}, err
}

func (s *Simulator) stopInstances(r *request) ([]node, *apiError) {
	return s.leave(r, func(i *Resource) {
		if i.State == "running" {
			i.State = "stopping"
			s.becomes(i, "stopped", InstanceStopping)
		}
	})
}

func (s *Simulator) terminateInstances(r *request) ([]node, *apiError) {
	return s.leave(r, func(i *Resource) {
		if i.State != "terminated" && i.State != "shutting-down" {
			i.State = "shutting-down"
			s.becomes(i, "terminated", InstanceStopping)
		}
	})
}

func (s *Simulator) leave(r *request, do func(*Resource)) ([]node, *apiError) {
	var all []*Resource
	for _, id := range r.list("InstanceId") {
		i, err := s.get("instance", id, "InvalidInstanceID.NotFound")
		if err != nil {
			return nil, err
		}
		all = append(all, i)
	}
	return []node{items("instancesSet", all, func(i *Resource) []node {
		before := i.State
		do(i)
		r.call.IDs = append(r.call.IDs, i.ID)
		return []node{text("instanceId", i.ID), instanceState("currentState", i.State), instanceState("previousState", before)}
	})}, nil
}

func (s *Simulator) getConsoleOutput(r *request) ([]node, *apiError) {
	i, err := s.get("instance", r.str("InstanceId"), "InvalidInstanceID.NotFound")
	if err != nil {
		return nil, err
	}
	at := s.Now()
	if r.str("Latest") != "true" {
		// Without it, EC2 shows what was stored some minutes ago.
		at = at.Add(-5 * time.Minute)
	}
	output := s.console(i, at)
	if len(output) > 64<<10 {
		output = output[len(output)-64<<10:]
	}
	return []node{text("instanceId", i.ID), text("timestamp", at.Format(time.RFC3339)), text("output", base64.StdEncoding.EncodeToString([]byte(output)))}, nil
}

// readyLine is the line that the instance's user data says it writes.
func readyLine(userData string) string {
	for line := range strings.SplitSeq(userData, "\n") {
		if value, found := strings.CutPrefix(strings.TrimSpace(line), "AINEKO_READY_LINE="); found {
			if unquoted, err := strconv.Unquote(value); err == nil {
				return unquoted
			}
		}
	}
	return ""
}

// console is what the instance's console shows at a time.
func (s *Simulator) console(i *Resource, at time.Time) string {
	if i.Running.IsZero() || at.Before(i.Running) {
		return ""
	}
	var b strings.Builder
	b.WriteString("[    0.000000] Linux version 6.1 (simulated)\r\n")
	started := i.Running.Add(BootTime)
	line := readyLine(i.Attr["userData"])
	if at.Before(started) || line == "" {
		return b.String()
	}
	b.WriteString("cloud-init: modules:final finished\r\n")
	switch s.bootOf(i) {
	case BootFails:
		if !at.Before(started.Add(ReadyAfter)) {
			b.WriteString(strings.Replace(line, "aineko-ready", "aineko-failed", 1) + "\r\n")
			for _, said := range []string{"Application is starting.", "Traceback (most recent call last):", "ModuleNotFoundError: No module named 'my_awesome_pipeline'", "aineko.service: Start request repeated too quickly."} {
				b.WriteString("aineko-journal: " + said + "\r\n")
			}
		}
	case BootSilent:
	default:
		for t := started.Add(ReadyAfter); !at.Before(t); t = t.Add(time.Minute) {
			b.WriteString(line + "\r\n")
		}
	}
	return b.String()
}
