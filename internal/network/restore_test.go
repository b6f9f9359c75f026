package network_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aineko-dev/environments/internal/awsec2"
	"github.com/aineko-dev/environments/internal/ec2sim"
	"github.com/aineko-dev/environments/internal/network"
)

// mortal dies at the calls that only restoring makes, before them or after.
type mortal struct {
	awsec2.API
	after bool
}

var errDied = errors.New("the process died")

func (m mortal) ModifyVpcEndpoint(ctx context.Context, in *ec2.ModifyVpcEndpointInput, options ...func(*ec2.Options)) (*ec2.ModifyVpcEndpointOutput, error) {
	if m.after {
		_, _ = m.API.ModifyVpcEndpoint(ctx, in, options...)
	}
	return nil, errDied
}

func (m mortal) AuthorizeSecurityGroupEgress(ctx context.Context, in *ec2.AuthorizeSecurityGroupEgressInput, options ...func(*ec2.Options)) (*ec2.AuthorizeSecurityGroupEgressOutput, error) {
	if m.after {
		_, _ = m.API.AuthorizeSecurityGroupEgress(ctx, in, options...)
	}
	return nil, errDied
}

// inOrder is an account whose lists are in order: what was restored comes last in them.
func inOrder(account []ec2sim.Resource) []ec2sim.Resource {
	for i, r := range account {
		account[i].Routes = slices.SortedFunc(slices.Values(r.Routes), func(a, b ec2sim.Route) int { return strings.Compare(a.Destination, b.Destination) })
		account[i].List = map[string][]string{}
		for name, values := range r.List {
			account[i].List[name] = slices.Sorted(slices.Values(values))
		}
	}
	return account
}

// What somebody undid is restored once, whatever happens to the call that does
// it: the process dies before it or after it, it fails, its answer is lost.
func TestA8_RestoringGoesOnWhereItStopped(t *testing.T) {
	w := newWorld(t, ec2sim.Options{}, network.NATZonal)
	ids := w.initialize(t, false)
	whole := inOrder(w.Account())
	api := w.network.EC2
	undo := map[string]struct {
		role string
		do   func()
	}{
		"AuthorizeSecurityGroupEgress": {"pipelines-group", func() {
			w.change(t, ids["pipelines-group"], func(r *ec2sim.Resource) { r.Rules = nil })
		}},
		"ModifyVpcEndpoint": {"s3-endpoint", func() {
			table := ids["private-routes-b"]
			w.change(t, table, func(r *ec2sim.Resource) {
				r.Routes = slices.DeleteFunc(slices.Clone(r.Routes), func(route ec2sim.Route) bool { return route.Target == ids["s3-endpoint"] })
			})
			w.change(t, ids["s3-endpoint"], func(r *ec2sim.Resource) {
				r.List = map[string][]string{"tables": slices.DeleteFunc(slices.Clone(r.List["tables"]), func(id string) bool { return id == table })}
			})
		}},
	}
	for action, u := range undo {
		for way, strike := range map[string]func(){
			"dies before":      func() { w.network.EC2 = mortal{api, false} },
			"dies after":       func() { w.network.EC2 = mortal{api, true} },
			"fails":            func() { w.SetFaults(ec2sim.Fault{Action: action, Nth: 1, Code: "InternalError", Status: 500}) },
			"loses its answer": func() { w.SetFaults(ec2sim.Fault{Action: action, Nth: 1, Drop: true}) },
		} {
			t.Run(action+" "+way, func(t *testing.T) {
				u.do()
				lacking, _, err := w.network.Drift(t.Context(), w.id, w.layout)
				require.NoError(t, err)
				require.Len(t, lacking, 1)
				from := len(w.Journal())
				strike()
				steps := network.Graph(w.layout, w.volume)
				step := steps[slices.IndexFunc(steps, func(s network.Step) bool { return s.Role == u.role })]
				_, err = w.network.Ensure(t.Context(), w.id, w.layout, step, ids, network.Volume{GiB: w.volume}, true, func(string) {})
				if _, dies := w.network.EC2.(mortal); dies {
					require.ErrorIs(t, err, errDied)
				} else {
					require.NoError(t, err)
				}
				w.network.EC2 = api
				assert.Equal(t, ids, w.initialize(t, true))
				w.SetFaults()
				struck := 0
				for _, call := range w.Journal()[from:] {
					if call.Action == action {
						struck++
					} else {
						assert.False(t, call.Changes, "%s changes something, too", call.Action)
					}
				}
				assert.Positive(t, struck)
				lacking, _, err = w.network.Drift(t.Context(), w.id, w.layout)
				require.NoError(t, err)
				assert.Empty(t, lacking)
				assert.ElementsMatch(t, whole, inOrder(w.Account()), "everything is there, once")
			})
		}
	}
}
