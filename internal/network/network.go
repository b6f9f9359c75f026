// Package network is the VPC of an environment: its resource graph, how each
// resource is made to exist, how everything is found and torn down again, and
// whether it is as isolated as it must be. It knows nothing of pipelines,
// workflows or settings.
package network

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aineko-dev/environments/internal/awsec2"
)

// Network works on environments' networks through one EC2 client.
type Network struct {
	EC2 awsec2.API
	// PollInterval is how often a slow state is looked at.
	PollInterval time.Duration
	// SettleTime is how long EC2 may show a fresh resource to one reader and
	// not to another.
	SettleTime time.Duration
	// Generation is a part of every client token: EC2 answers a token for a day
	// after what it made is gone, so a later initialisation that restores it
	// must not meet the token of an earlier one.
	Generation string
}

// Step makes one resource exist, or deletes one.
type Step struct {
	Role    string   `json:"role"` // the resource's logical name, its tag aineko:role
	Kind    string   `json:"kind"`
	Summary string   `json:"summary"`
	After   []string `json:"after,omitempty"` // roles of the steps that must be done before
	// ResourceID is what a tear-down step deletes.
	ResourceID string `json:"resourceId,omitempty"`
}

// Volume is the broker's data volume, where it does not exist yet.
type Volume struct {
	GiB int
	// Tags beside those that everything has.
	Tags map[string]string
}

// Kinds of steps that Ensure knows.
const (
	kindVPC             = "vpc"
	kindInternetGateway = "internet-gateway"
	kindSubnet          = "subnet"
	kindAddress         = "elastic-ip"
	kindNatGateway      = "nat-gateway"
	kindRouteTable      = "route-table"
	kindRoute           = "route"
	kindEndpoint        = "vpc-endpoint"
	kindGroup           = "security-group"
	kindDefaultGroup    = "default-security-group"
	kindFlowLogs        = "flow-logs"
	kindInterface       = "network-interface"
	kindVolume          = "volume"
	kindInstance        = "instance"
)

// Kinds are those that Ensure makes; DeletableKinds those that Delete deletes.
var (
	Kinds = []string{kindVPC, kindInternetGateway, kindSubnet, kindAddress, kindNatGateway, kindRouteTable, kindRoute, kindEndpoint,
		kindGroup, kindDefaultGroup, kindFlowLogs, kindInterface, kindVolume}
	DeletableKinds = []string{kindInstance, kindEndpoint, kindNatGateway, kindAddress, kindInternetGateway, kindInterface, kindVolume,
		kindGroup, kindRouteTable, kindSubnet, kindFlowLogs, kindVPC}
)

// Ensure makes the resource of a step exist, completely configured and
// available, and returns its ID. It adopts what is there by its tags, whole or
// half done. ids are the resources of the steps before it, by role. again is
// whether an earlier attempt may have worked: absence then counts only after
// SettleTime. It can run at any time again.
func (n Network) Ensure(ctx context.Context, id awsec2.Identity, layout Layout, step Step, ids map[string]string, volume Volume, again bool, beat awsec2.Beat) (string, error) {
	e := ensuring{Network: n, id: id, layout: layout, step: step, ids: ids, volume: volume, again: again, beat: beat}
	made, err := e.ensure(ctx)
	if err != nil {
		return "", fmt.Errorf("%s (%s): %w", step.Summary, step.Role, err)
	}
	return made, nil
}

// ensuring is one step under way.
type ensuring struct {
	Network
	id     awsec2.Identity
	layout Layout
	step   Step
	ids    map[string]string
	volume Volume
	again  bool
	beat   awsec2.Beat
}

func (e ensuring) ensure(ctx context.Context) (string, error) {
	switch e.step.Kind {
	case kindVPC:
		return e.vpc(ctx)
	case kindInternetGateway:
		return e.internetGateway(ctx)
	case kindSubnet:
		return e.subnet(ctx)
	case kindAddress:
		return e.address(ctx)
	case kindNatGateway:
		return e.natGateway(ctx)
	case kindRouteTable:
		return e.routeTable(ctx)
	case kindRoute:
		return e.route(ctx)
	case kindEndpoint:
		return e.endpoint(ctx)
	case kindGroup:
		return e.group(ctx)
	case kindDefaultGroup:
		return e.defaultGroup(ctx)
	case kindFlowLogs:
		return e.flowLogs(ctx)
	case kindInterface:
		return e.networkInterface(ctx)
	case kindVolume:
		return e.dataVolume(ctx)
	}
	return "", fmt.Errorf("unknown kind %q", e.step.Kind)
}

// before is the resource of a step that came before.
func (e ensuring) before(role string) (string, error) {
	if id := e.ids[role]; id != "" {
		return id, nil
	}
	return "", fmt.Errorf("step %s has not been done", role)
}

// token is the client token of the step's resource: the same for every attempt
// of this generation. What an earlier one made is found by its tags. after is the ID of a dead one that the
// token stood for, so that a new one can be made.
func (e ensuring) token(after ...string) *string {
	t := awsec2.Token(append([]string{e.id.Installation, e.id.EnvironmentID, e.Generation, e.step.Role}, after...)...)
	return &t
}

// existing lists what the step's tags find, the oldest ID first. After an
// attempt whose end is not known, finding nothing counts only when a second
// look finds nothing, too.
func existing[T any](ctx context.Context, e ensuring, list func(context.Context) ([]T, error), idOf func(T) string) ([]T, error) {
	found, err := list(ctx)
	if err == nil && len(found) == 0 && e.again {
		e.beat("looking twice for " + e.step.Role)
		if err := awsec2.Pause(ctx, e.SettleTime); err != nil {
			return nil, err
		}
		found, err = list(ctx)
	}
	slices.SortFunc(found, func(a, b T) int {
		switch {
		case idOf(a) < idOf(b):
			return -1
		case idOf(a) > idOf(b):
			return 1
		}
		return 0
	})
	return found, err
}

// settleOn decides between what this attempt has just made and its twins that
// another attempt may have made: the lowest ID stays. Only what was made here is
// deleted here; the sweep does the rest.
func settleOn(made string, seen []string, remove func(id string) error) (string, error) {
	lowest := made
	for _, id := range seen {
		lowest = min(lowest, id)
	}
	if lowest == made {
		return made, nil
	}
	if err := remove(made); err != nil && !awsec2.IsNotFound(err) {
		return "", fmt.Errorf("removing %s, a twin of %s: %w", made, lowest, err)
	}
	return lowest, nil
}
