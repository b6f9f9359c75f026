package ec2sim

import "cmp"

func volumeNode(r *Resource) []node {
	attached := node{name: "attachmentSet"}
	if id := r.Attr["instanceId"]; id != "" {
		attached.kids = []node{group("item", text("volumeId", r.ID), text("instanceId", id), text("device", r.Attr["device"]), text("status", "attached"), text("deleteOnTermination", r.Attr["deleteOnTermination"]))}
	}
	return []node{text("volumeId", r.ID), text("size", r.Attr["size"]), text("availabilityZone", r.Attr["zone"]), text("status", r.State), text("volumeType", r.Attr["type"]),
		text("encrypted", r.Attr["encrypted"]), attached, tagSet(r)}
}

func (s *Simulator) createVolume(r *request) ([]node, *apiError) {
	if before, err := s.idempotent(r); before != nil || err != nil {
		if err != nil {
			return nil, err
		}
		return volumeNode(before), nil
	}
	if zoneNamed(s.options.Region, r.str("AvailabilityZone"), "") == nil {
		return nil, refuse("InvalidZone.NotFound", "The zone '%s' does not exist.", r.str("AvailabilityZone"))
	}
	v, err := s.create(r, "volume", "vol", "creating", map[string]string{"zone": r.str("AvailabilityZone"), "size": r.str("Size"), "type": r.str("VolumeType"), "encrypted": cmp.Or(r.str("Encrypted"), "false"), "deleteOnTermination": "false"})
	if err != nil {
		return nil, err
	}
	s.becomes(v, "available", VolumeCreating)
	s.keepToken(r, v)
	return volumeNode(v), nil
}

func (s *Simulator) describeVolumes(r *request) ([]node, *apiError) {
	found, err := s.find(r, "volume", "VolumeId", "InvalidVolume.NotFound", map[string]func(*Resource) []string{
		"status": stateOf, "attachment.instance-id": attr("instanceId"), "availability-zone": attr("zone"),
	})
	return []node{items("volumeSet", found, volumeNode)}, err
}

func (s *Simulator) attachVolume(r *request) ([]node, *apiError) {
	v, err := s.get("volume", r.str("VolumeId"), "InvalidVolume.NotFound")
	if err != nil {
		return nil, err
	}
	i, err := s.get("instance", r.str("InstanceId"), "InvalidInstanceID.NotFound")
	if err != nil {
		return nil, err
	}
	if v.Attr["instanceId"] == i.ID {
		return nil, refuse("VolumeInUse", "%s is already attached to an instance", v.ID)
	}
	if v.State != "available" {
		return nil, refuse("IncorrectState", "Volume '%s' is not 'available'.", v.ID)
	}
	if i.State != "running" && i.State != "stopped" {
		return nil, refuse("IncorrectState", "Instance '%s' is not 'running'.", i.ID)
	}
	if i.Attr["zone"] != v.Attr["zone"] {
		return nil, refuse("InvalidVolume.ZoneMismatch", "The volume '%s' is not in the same availability zone as instance '%s'", v.ID, i.ID)
	}
	v.State, v.Attr["instanceId"], v.Attr["device"] = "in-use", i.ID, r.str("Device")
	r.call.IDs = append(r.call.IDs, v.ID)
	return []node{text("volumeId", v.ID), text("instanceId", i.ID), text("device", r.str("Device")), text("status", "attaching")}, nil
}

func (s *Simulator) detachVolume(r *request) ([]node, *apiError) {
	v, err := s.get("volume", r.str("VolumeId"), "InvalidVolume.NotFound")
	if err != nil {
		return nil, err
	}
	if v.Attr["instanceId"] == "" {
		return nil, refuse("IncorrectState", "Volume '%s' is in the 'available' state.", v.ID)
	}
	v.State, v.Attr["instanceId"], v.Attr["device"] = "available", "", ""
	return []node{text("volumeId", v.ID), text("status", "detaching")}, nil
}

func (s *Simulator) deleteVolume(r *request) ([]node, *apiError) {
	v, err := s.get("volume", r.str("VolumeId"), "InvalidVolume.NotFound")
	if err != nil {
		return nil, err
	}
	if v.Attr["instanceId"] != "" {
		return nil, refuse("VolumeInUse", "Volume %s is currently attached to %s", v.ID, v.Attr["instanceId"])
	}
	r.call.IDs = append(r.call.IDs, v.ID)
	s.remove(v.ID)
	return succeeded, nil
}
