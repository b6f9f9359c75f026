package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/aineko-dev/environments/activities"
	"github.com/aineko-dev/environments/internal/ec2sim"
)

// What follows is the least that an environment's resource graph costs, worked
// out from its steps, from what EC2 wants for each kind, and from how long the
// simulator's states take.

// changesOf is how many calls that change something making a step's resource
// needs: EC2's API has no shorter way.
func changesOf(s activities.Step) int {
	subnets := 0
	for _, before := range s.After {
		if strings.HasPrefix(before, "public-") || strings.HasPrefix(before, "private-") {
			subnets++
		}
	}
	switch s.Kind {
	case "vpc":
		return 2 // CreateVpc, ModifyVpcAttribute: host names are off in a fresh one
	case "internet-gateway":
		return 2 // create, attach
	case "default-security-group":
		return 2 // a fresh one has an ingress and an egress rule to revoke
	case "security-group":
		if s.Role == "broker-group" {
			return 2 // create, AuthorizeSecurityGroupIngress
		}
		return 1
	case "route-table":
		if s.Role == "public-routes" {
			return 2 + subnets // create, route, associations
		}
		return 1 + subnets
	case "broker":
		return 2 // RunInstances, AttachVolume
	}
	return 1
}

// statesOf is how long a step waits for states, on AWS's clock.
func statesOf(s activities.Step) time.Duration {
	switch s.Kind {
	case "nat-gateway":
		return ec2sim.NatGatewayPending
	case "broker":
		// It runs; then its status checks pass while it boots and says that it is ready.
		return ec2sim.InstancePending + max(ec2sim.StatusChecks, ec2sim.BootTime+ec2sim.ReadyAfter)
	}
	return 0
}

// deletesOf is how many calls deleting a resource needs: each has one, and a
// few are let go of first.
func deletesOf(kind string, associations int) int {
	switch kind {
	case "internet-gateway":
		return 2 // detach, delete
	case "route-table":
		return 1 + associations
	}
	return 1
}

// least is how many changing calls a graph needs.
func least(steps []activities.Step) int {
	n := 0
	for _, s := range steps {
		n += changesOf(s)
	}
	return n
}

// criticalPath is how long a graph takes at best, each call taking as long as
// latency: its longest way. serial is the same with one step after the other.
func criticalPath(steps []activities.Step, latency time.Duration) (path, serial time.Duration, err error) {
	ends := map[string]time.Duration{}
	for len(ends) < len(steps) {
		before := len(ends)
		for _, s := range steps {
			if _, done := ends[s.Role]; done {
				continue
			}
			start, ready := time.Duration(0), true
			for _, after := range s.After {
				end, done := ends[after]
				ready = ready && done
				start = max(start, end)
			}
			if ready {
				took := time.Duration(changesOf(s))*latency + statesOf(s)
				ends[s.Role] = start + took
				serial += took
				path = max(path, ends[s.Role])
			}
		}
		if len(ends) == before {
			return 0, 0, fmt.Errorf("the graph's steps wait for each other")
		}
	}
	return path, serial, nil
}
