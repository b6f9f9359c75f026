package network_test

import (
	"context"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aineko-dev/environments/internal/awsec2"
	"github.com/aineko-dev/environments/internal/contract"
	"github.com/aineko-dev/environments/internal/ec2sim"
	"github.com/aineko-dev/environments/internal/network"
)

// world is a simulated account, and a network on it.
type world struct {
	*ec2sim.Simulator
	network network.Network
	id      awsec2.Identity
	layout  network.Layout
	volume  int
	work    int // how often it was initialised
}

func newWorld(t *testing.T, o ec2sim.Options, nat string) *world {
	t.Helper()
	if o.Speed == 0 {
		o.Speed = 2000
	}
	sim, err := ec2sim.New(o)
	require.NoError(t, err)
	server := httptest.NewServer(sim)
	server.Config.ErrorLog = nil
	t.Cleanup(server.Close)
	cfg := aws.Config{Region: "us-east-1", BaseEndpoint: aws.String(server.URL), Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")}
	w := &world{
		Simulator: sim, volume: 100,
		network: network.Network{EC2: awsec2.New(cfg, awsec2.Options{Speed: -1}), PollInterval: 3 * time.Millisecond, SettleTime: 20 * time.Millisecond},
		id:      awsec2.Identity{Installation: "test", Project: "acme/churn", Environment: "develop", EnvironmentID: "env-1"},
	}
	w.layout, err = w.network.Freeze(t.Context(), w.id, network.Options{
		CIDR: "10.0.0.0/16", Zones: 2, NAT: nat, Families: []string{"m7i", "c7i"},
	}, false, func(string) {})
	require.NoError(t, err)
	return w
}

// initialize walks the graph, each step beginning when those before it are
// done, and trying again as a workflow would.
func (w *world) initialize(t *testing.T, resumed bool) map[string]string {
	t.Helper()
	w.work++
	w.network.Generation = strconv.Itoa(w.work)
	ids := map[string]string{}
	var mu sync.Mutex
	done := map[string]chan struct{}{}
	steps := network.Graph(w.layout, w.volume)
	for _, s := range steps {
		done[s.Role] = make(chan struct{})
	}
	var wg sync.WaitGroup
	for _, s := range steps {
		wg.Go(func() {
			for _, before := range s.After {
				<-done[before]
			}
			defer close(done[s.Role])
			for attempt := 1; ; attempt++ {
				mu.Lock()
				before := map[string]string{}
				for role, id := range ids {
					before[role] = id
				}
				mu.Unlock()
				id, err := w.network.Ensure(t.Context(), w.id, w.layout, s, before, network.Volume{GiB: w.volume}, resumed || attempt > 1, func(string) {})
				if err == nil {
					mu.Lock()
					ids[s.Role] = id
					mu.Unlock()
					return
				}
				if awsec2.ClassOf(err) == awsec2.Terminal || attempt > 50 {
					t.Errorf("attempt %d: %v", attempt, err)
					return
				}
			}
		})
	}
	wg.Wait()
	_, err := w.network.Sweep(t.Context(), w.id, ids, func(string) {})
	require.NoError(t, err)
	return ids
}

// tearDown deletes what is found until two looks find nothing.
func (w *world) tearDown(t *testing.T) {
	t.Helper()
	for range 50 {
		found, err := w.network.Find(t.Context(), w.id, nil)
		if err != nil {
			continue
		}
		steps := network.TearDown(found)
		if len(steps) == 0 {
			return
		}
		gone := map[string]chan struct{}{}
		for _, s := range steps {
			gone[s.Role] = make(chan struct{})
		}
		var wg sync.WaitGroup
		for _, s := range steps {
			wg.Go(func() {
				for _, before := range s.After {
					<-gone[before]
				}
				defer close(gone[s.Role])
				for attempt := range 20 {
					err := w.network.Delete(t.Context(), w.id, s, func(string) {})
					if err == nil {
						return
					}
					if attempt == 19 || awsec2.ClassOf(err) == awsec2.Terminal {
						t.Errorf("%s: %v", s.Summary, err)
						return
					}
				}
			})
		}
		wg.Wait()
	}
}

func (w *world) own(t *testing.T) map[string]int {
	t.Helper()
	roles := map[string]int{}
	for _, r := range w.Account() {
		if r.Tags[contract.EnvironmentIDTag] == w.id.EnvironmentID && r.State != "deleted" && r.State != "terminated" {
			roles[r.Tags[contract.RoleTag]]++
		}
	}
	return roles
}

// wanted are the roles that the graph gives tags to, once each.
func (w *world) wanted() map[string]int {
	roles := map[string]int{}
	for _, s := range network.Graph(w.layout, w.volume) {
		if s.Kind != "route" && s.Kind != "default-security-group" {
			roles[s.Role] = 1
		}
	}
	return roles
}

func (w *world) calls(from int) (changing, reading int) {
	for _, c := range w.Journal()[from:] {
		if c.Changes {
			changing++
		} else {
			reading++
		}
	}
	return changing, reading
}

func TestA2_TheGraphIsMadeOnceAndTakenDown(t *testing.T) {
	for _, nat := range []string{network.NATSingle, network.NATZonal} {
		t.Run(nat, func(t *testing.T) {
			w := newWorld(t, ec2sim.Options{Speed: 500}, nat)
			start := len(w.Journal())
			w.initialize(t, false)
			assert.Equal(t, w.wanted(), w.own(t))
			changing, reading := w.calls(start)
			t.Logf("initialising with NAT %s: %d changing calls, %d reading", nat, changing, reading)
			assert.LessOrEqual(t, reading, 3*changing)

			findings, err := w.network.Verify(t.Context(), w.id)
			require.NoError(t, err)
			assert.Empty(t, findings)
			lacking, foreign, err := w.network.Drift(t.Context(), w.id, w.layout)
			require.NoError(t, err)
			assert.Empty(t, lacking)
			assert.Empty(t, foreign)

			start = len(w.Journal())
			w.initialize(t, true)
			changing, _ = w.calls(start)
			assert.Zero(t, changing, "a second initialisation changes nothing")

			start = len(w.Journal())
			w.tearDown(t)
			assert.Empty(t, w.own(t))
			for _, call := range w.Journal()[start:] {
				assert.False(t, call.Changes && call.Error != "", "%s was refused: %s", call.Action, call.Error)
			}
		})
	}
}

func TestX4_AForeignInterfaceIsNamedAndLeft(t *testing.T) {
	w := newWorld(t, ec2sim.Options{}, network.NATSingle)
	ids := w.initialize(t, false)
	w.Plant(ec2sim.Resource{ID: "eni-foreign", Kind: "network-interface", State: "in-use",
		Attr: map[string]string{"vpcId": ids["vpc"], "subnetId": ids["private-b"], "ownerId": "000000000000", "requesterId": "amazon-elasticsearch", "description": "ES search", "type": "interface"}})
	found, err := w.network.Find(t.Context(), w.id, nil)
	require.NoError(t, err)
	steps := network.TearDown(found)
	assert.False(t, slices.ContainsFunc(steps, func(s network.Step) bool { return s.ResourceID == "eni-foreign" }))
	for _, s := range steps {
		if s.ResourceID == ids["private-b"] {
			err := w.network.Delete(context.Background(), w.id, s, func(string) {})
			var blocked *network.Blocked
			require.ErrorAs(t, err, &blocked)
			assert.Contains(t, blocked.Error(), "eni-foreign, owner amazon-elasticsearch (ES search)")
		}
	}
}
