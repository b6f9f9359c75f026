package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/aineko-dev/environments/activities"
	"github.com/aineko-dev/environments/internal/awsec2"
	"github.com/aineko-dev/environments/internal/compute"
	"github.com/aineko-dev/environments/internal/contract"
	"github.com/aineko-dev/environments/internal/ec2sim"
	"github.com/aineko-dev/environments/internal/network"
	"github.com/aineko-dev/environments/test/stack"
)

const (
	// makespanSpeed is slow enough that this machine's own pace hardly shows.
	makespanSpeed = 5
	// callLatency is how long each EC2 call takes on AWS, about.
	callLatency = 200 * time.Millisecond
	// makespanRatio is how much longer than its critical path initialising may take.
	makespanRatio = 1.10
	// wave is how many steps tools that walk in waves take at once.
	wave = 10
)

// makespan measures how long initialising takes, by the simulator's clock, and
// how long the same calls take when the graph is walked in other ways.
func makespan(ctx context.Context, b *bench) error {
	speed := float64(b.size(makespanSpeed, 100))
	r, err := newRig(ctx, stack.Options{Speed: speed, WorkerSettings: slowly(speed, nil)})
	if err != nil {
		return err
	}
	defer r.close()
	if err := r.Control().SetFaults(ctx, ec2sim.Fault{DelayMillis: int(float64(callLatency.Milliseconds()) / speed)}); err != nil {
		return err
	}
	const project = "bench/makespan"
	if err := r.createProject(ctx, project); err != nil {
		return err
	}
	for _, name := range contract.InitialEnvironments {
		if _, err := r.ready(ctx, project, name); err != nil {
			return err
		}
	}
	done, err := r.initialized(ctx, project, "develop")
	if err != nil {
		return err
	}
	path, _, err := criticalPath(done.steps, callLatency)
	if err != nil {
		return err
	}
	took := r.simulated(done.took)
	const what = "initialising, 200 ms a call"
	b.add(figure{what: what, value: took, unit: "s", against: "critical path", againstValue: path.Seconds(), budget: budget{kind: ratioAtMost, limit: makespanRatio}})
	walks := []struct {
		name string
		most int
	}{{"walked side by side without Temporal", len(done.steps)}, {"walked in waves of ten", wave}, {"walked serially", 1}}
	results := make([]float64, len(walks))
	errs := make([]error, len(walks))
	var all sync.WaitGroup
	for i, w := range walks {
		all.Go(func() {
			begun := time.Now()
			errs[i] = r.walk(ctx, fmt.Sprintf("env-walk%d", i), done, w.most, w.most != len(done.steps))
			results[i] = r.simulated(time.Since(begun))
		})
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for i, w := range walks {
		b.add(figure{what: what, value: took, unit: "s", against: w.name, againstValue: results[i]})
	}
	return nil
}

// walk makes an environment's resources in this process, with the product's
// own steps, at most so many side by side. In waves, the next begin when all of
// the last have ended; else each when those before it have.
func (r *rig) walk(ctx context.Context, id string, graph initialized, most int, waves bool) error {
	api := awsec2.Share(awsec2.New(aws.Config{Region: "us-east-1", BaseEndpoint: aws.String("http://" + r.Simulator),
		Credentials: credentials.NewStaticCredentialsProvider("simulated", "simulated", "")}, awsec2.Options{Speed: r.speed}), 0)
	scaled := func(d time.Duration) time.Duration { return time.Duration(float64(d) / r.speed) }
	w := walker{
		network: network.Network{EC2: api, PollInterval: scaled(5 * time.Second), SettleTime: scaled(10 * time.Second)},
		compute: compute.Compute{EC2: api, PollInterval: scaled(5 * time.Second), SettleTime: scaled(10 * time.Second)},
		id:      awsec2.Identity{Installation: "bench", Project: "bench/walk", Environment: id, EnvironmentID: id},
		layout:  graph.layout, ids: map[string]string{},
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var mu sync.Mutex
	ended := make(chan struct{}, len(graph.steps))
	begun := map[string]bool{}
	under := 0
	for {
		mu.Lock()
		finished := len(w.ids)
		if finished == len(graph.steps) {
			mu.Unlock()
			return nil
		}
		if !waves || under == 0 {
			for _, s := range graph.steps {
				if begun[s.Role] || under == most || !w.may(s) {
					continue
				}
				begun[s.Role] = true
				under++
				before := map[string]string{}
				for role, resource := range w.ids {
					before[role] = resource
				}
				go func() {
					made, err := w.ensure(ctx, s, before)
					if err != nil {
						cancel(fmt.Errorf("%s: %w", s.Role, err))
					}
					mu.Lock()
					w.ids[s.Role] = made
					under--
					mu.Unlock()
					ended <- struct{}{}
				}()
			}
		}
		mu.Unlock()
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ended:
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
}

// walker makes one environment's resources.
type walker struct {
	network network.Network
	compute compute.Compute
	id      awsec2.Identity
	layout  network.Layout
	ids     map[string]string
}

func (w *walker) may(s activities.Step) bool {
	for _, before := range s.After {
		if w.ids[before] == "" {
			return false
		}
	}
	return true
}

func (w *walker) ensure(ctx context.Context, s activities.Step, before map[string]string) (string, error) {
	quiet := func(string) {}
	if s.Kind != "broker" {
		return w.network.Ensure(ctx, w.id, w.layout, s, before, network.Volume{GiB: 100}, false, quiet)
	}
	placements, err := w.compute.Placements(ctx, contract.DefaultMachine, []string{"m7i"},
		[]compute.Subnet{{ID: before["private-a"], ZoneName: w.layout.Zones[0].Name, ZoneID: w.layout.Zones[0].ID}})
	if err != nil {
		return "", err
	}
	return w.compute.EnsureBroker(ctx, compute.BrokerLaunch{
		Identity: w.id, Placements: placements, InterfaceID: before["broker-interface"], VolumeID: before["broker-volume"],
		Image: "ami-simulated", URL: "https://example.com/kafka.tgz", SHA512: strings.Repeat("0", 128), Version: "3.7.2", Address: w.layout.BrokerAddress,
		RootVolumeGiB: 30, Readiness: compute.ReadinessConsole, ReadinessTimeout: 5 * time.Minute,
	}, false, quiet)
}
