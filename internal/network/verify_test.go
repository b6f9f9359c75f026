package network_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aineko-dev/environments/internal/ec2sim"
	"github.com/aineko-dev/environments/internal/network"
)

// resource is what the account holds under an ID, to be changed behind everybody's back.
func (w *world) resource(t *testing.T, id string) ec2sim.Resource {
	t.Helper()
	for _, r := range w.Account() {
		if r.ID == id {
			return r
		}
	}
	t.Fatalf("there is no %s", id)
	return ec2sim.Resource{}
}

// change plants a changed copy of a resource in its place.
func (w *world) change(t *testing.T, id string, do func(*ec2sim.Resource)) {
	t.Helper()
	r := w.resource(t, id)
	do(&r)
	w.Uproot(id)
	w.Plant(r)
}

func (w *world) defaultGroup(t *testing.T, vpc string) string {
	t.Helper()
	for _, r := range w.Account() {
		if r.Kind == "security-group" && r.Attr["vpcId"] == vpc && r.Attr["name"] == "default" {
			return r.ID
		}
	}
	t.Fatal("no default group")
	return ""
}

// Each violation of the isolation is planted, found with the resource named,
// and gone again when it is.
func TestA7_EachViolationIsFound(t *testing.T) {
	w := newWorld(t, ec2sim.Options{}, network.NATSingle)
	ids := w.initialize(t, false)
	open := func(rule ec2sim.Rule) func(*ec2sim.Resource) {
		return func(r *ec2sim.Resource) { r.Rules = append(append([]ec2sim.Rule{}, r.Rules...), rule) }
	}
	routed := func(to string) func(*ec2sim.Resource) {
		return func(r *ec2sim.Resource) {
			r.Routes = append(append([]ec2sim.Route{}, r.Routes...), ec2sim.Route{Destination: "192.168.0.0/16", Target: to})
		}
	}
	in := map[string]string{"vpcId": ids["vpc"]}
	for name, c := range map[string]struct {
		change  string // a resource that is changed,
		do      func(*ec2sim.Resource)
		plant   *ec2sim.Resource // or one that is planted
		rule    string
		message string
	}{
		"a peering": {plant: &ec2sim.Resource{ID: "pcx-1", Kind: "vpc-peering-connection", State: "active", Attr: map[string]string{"vpcId": "vpc-other", "peerVpcId": ids["vpc"]}},
			rule: "A7 peering", message: "joins the VPC to another"},
		"a peering that is only asked for": {plant: &ec2sim.Resource{ID: "pcx-2", Kind: "vpc-peering-connection", State: "pending-acceptance", Attr: map[string]string{"vpcId": ids["vpc"], "peerVpcId": "vpc-other"}},
			rule: "A7 peering", message: "joins the VPC to another"},
		"a transit gateway": {plant: &ec2sim.Resource{ID: "tgw-attach-1", Kind: "transit-gateway-attachment", State: "available", Attr: in}, rule: "A7 transit gateway", message: "attached to transit gateway"},
		"a VPN gateway":     {plant: &ec2sim.Resource{ID: "vgw-1", Kind: "vpn-gateway", State: "available", Attr: in}, rule: "A7 VPN", message: "VPN gateway"},
		"a route to a peering": {change: ids["private-routes-a"], do: routed("pcx-3"),
			rule: "A7 route", message: "192.168.0.0/16 goes to pcx-3, which is not this environment's"},
		"a route to a foreign NAT gateway":      {change: ids["private-routes-a"], do: routed("nat-foreign"), rule: "A7 route", message: "nat-foreign"},
		"ingress from the world":                {change: ids["pipelines-group"], do: open(ec2sim.Rule{Protocol: "tcp", From: 22, To: 22, CIDR: "0.0.0.0/0"}), rule: "A7 ingress", message: "0.0.0.0/0"},
		"ingress from half the world":           {change: ids["pipelines-group"], do: open(ec2sim.Rule{Protocol: "tcp", From: 22, To: 22, CIDR: "128.0.0.0/1"}), rule: "A7 ingress", message: "128.0.0.0/1"},
		"ingress from another private network":  {change: ids["broker-group"], do: open(ec2sim.Rule{Protocol: "-1", CIDR: "10.1.0.0/16"}), rule: "A7 ingress", message: "outside the VPC"},
		"a rule that names another VPC's group": {change: ids["broker-group"], do: open(ec2sim.Rule{Protocol: "-1", GroupID: "sg-foreign"}), rule: "A7 group reference", message: "sg-foreign"},
		"egress that names another VPC's group": {change: ids["pipelines-group"], do: open(ec2sim.Rule{Egress: true, Protocol: "-1", GroupID: "sg-foreign"}), rule: "A7 group reference", message: "sg-foreign"},
		"a rule in the default group":           {change: w.defaultGroup(t, ids["vpc"]), do: open(ec2sim.Rule{Egress: true, Protocol: "-1", CIDR: "0.0.0.0/0"}), rule: "A7 default group", message: "has 1 rules"},
		"a subnet that gives public addresses": {change: ids["private-b"], do: func(r *ec2sim.Resource) {
			r.Attr = map[string]string{"vpcId": ids["vpc"], "cidr": r.Attr["cidr"], "zone": r.Attr["zone"], "zoneId": r.Attr["zoneId"], "mapPublic": "true"}
		}, rule: "A7 public address", message: "gives public addresses"},
		"an interface that has a public address": {plant: &ec2sim.Resource{ID: "eni-public", Kind: "network-interface", State: "in-use", Attr: map[string]string{"vpcId": ids["vpc"], "subnetId": ids["private-b"], "publicIp": "203.0.113.9", "type": "interface"}}, rule: "A7 public address", message: "203.0.113.9"},
	} {
		t.Run(name, func(t *testing.T) {
			resource := c.change
			if c.plant != nil {
				resource = c.plant.ID
				w.Plant(*c.plant)
				defer w.Uproot(c.plant.ID)
			} else {
				before := w.resource(t, c.change)
				w.change(t, c.change, c.do)
				defer func() { w.Uproot(c.change); w.Plant(before) }()
			}
			findings, err := w.network.Verify(t.Context(), w.id)
			require.NoError(t, err)
			require.Len(t, findings, 1, "%+v", findings)
			assert.Equal(t, c.rule, findings[0].Rule)
			assert.Equal(t, resource, findings[0].Resource)
			assert.Contains(t, findings[0].Message, c.message)
			assert.False(t, findings[0].Notice)
		})
	}
	findings, err := w.network.Verify(t.Context(), w.id)
	require.NoError(t, err)
	assert.Empty(t, findings, "everything planted is gone again")
}

// What somebody took away or undid is found, and initialising again restores
// it and nothing else (C14).
func TestC14_WhatTheNetworkLacksIsFoundAndRestored(t *testing.T) {
	w := newWorld(t, ec2sim.Options{}, network.NATSingle)
	ids := w.initialize(t, false)
	without := func(destination string) func(*ec2sim.Resource) {
		return func(r *ec2sim.Resource) {
			var kept []ec2sim.Route
			for _, route := range r.Routes {
				if route.Destination != destination {
					kept = append(kept, route)
				}
			}
			r.Routes = kept
		}
	}
	for name, c := range map[string]struct {
		id    string
		do    func(*ec2sim.Resource) // nil: it is gone
		lacks string
		// changing calls that restoring takes.
		changing int
	}{
		"the private way out":        {ids["private-routes-a"], without("0.0.0.0/0"), "private-routes-a: no route out through " + ids["nat-a"], 1},
		"the public way out":         {ids["public-routes"], without("0.0.0.0/0"), "public-routes: no route out through " + ids["internet-gateway"], 1},
		"an association":             {ids["public-routes"], func(r *ec2sim.Resource) { r.List = map[string][]string{"assoc": r.List["assoc"][:1]} }, "public-routes: " + ids["public-b"] + " is not associated", 1},
		"the broker's rule":          {ids["broker-group"], func(r *ec2sim.Resource) { r.Rules = []ec2sim.Rule{{Egress: true, Protocol: "-1", CIDR: "0.0.0.0/0"}} }, "broker-group: no rule lets " + ids["pipelines-group"] + " in", 1},
		"a group's way out":          {ids["pipelines-group"], func(r *ec2sim.Resource) { r.Rules = nil }, "pipelines-group: no rule lets anything out", 1},
		"the internet gateway's VPC": {ids["internet-gateway"], func(r *ec2sim.Resource) { r.Attr = map[string]string{} }, "internet-gateway: " + ids["internet-gateway"] + " is not attached", 1},
		"the S3 endpoint":            {ids["s3-endpoint"], nil, "s3-endpoint: missing", 1},
	} {
		t.Run(name, func(t *testing.T) {
			if c.do == nil {
				w.change(t, ids["private-routes-a"], without("pl-s3"))
				w.Uproot(c.id)
			} else {
				w.change(t, c.id, c.do)
			}
			lacking, foreign, err := w.network.Drift(t.Context(), w.id, w.layout)
			require.NoError(t, err)
			assert.Equal(t, []string{c.lacks}, lacking)
			assert.Empty(t, foreign)
			from := len(w.Journal())
			ids = w.initialize(t, true)
			changing, _ := w.calls(from)
			assert.Equal(t, c.changing, changing)
			lacking, _, err = w.network.Drift(t.Context(), w.id, w.layout)
			require.NoError(t, err)
			assert.Empty(t, lacking)
		})
	}
	t.Run("twice", func(t *testing.T) {
		twin := w.resource(t, ids["nat-address-a"])
		twin.ID, twin.Attr = "eipalloc-twin", map[string]string{}
		w.Plant(twin)
		lacking, _, err := w.network.Drift(t.Context(), w.id, w.layout)
		require.NoError(t, err)
		require.Len(t, lacking, 1)
		assert.Contains(t, lacking[0], "nat-address-a: twice")
		w.initialize(t, true)
		assert.Equal(t, w.wanted(), w.own(t))
	})
	t.Run("foreign things are reported and left", func(t *testing.T) {
		w.Plant(ec2sim.Resource{ID: "sg-mine", Kind: "security-group", Attr: map[string]string{"vpcId": ids["vpc"], "name": "mine"}})
		lacking, foreign, err := w.network.Drift(t.Context(), w.id, w.layout)
		require.NoError(t, err)
		assert.Empty(t, lacking)
		require.Len(t, foreign, 1)
		assert.Equal(t, "sg-mine", foreign[0].ID)
		w.initialize(t, true)
		w.resource(t, "sg-mine")
	})
}
