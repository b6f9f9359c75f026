// Package lifecycle lets one environment live its whole life, from its first
// commit to its deletion, with the real workflows and activities, under skipped
// time, on a simulated account over HTTP. Tests put faults into it and look at
// what the account holds.
package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"

	"github.com/aineko-dev/environments/activities"
	"github.com/aineko-dev/environments/internal/awsec2"
	"github.com/aineko-dev/environments/internal/contract"
	"github.com/aineko-dev/environments/internal/ec2sim"
	"github.com/aineko-dev/environments/workflows"
)

// Names of the one environment that lives.
const (
	Project       = "acme/churn"
	Environment   = "develop"
	EnvironmentID = "env-life"
)

// Settings are those of a worker that is as fast as the simulator.
func Settings() activities.Settings {
	return activities.Settings{
		Installation: "test", CIDR: "10.0.0.0/16", Zones: 2, NAT: "single",
		Broker: activities.Broker{Version: "3.7.2", URL: "https://archive.apache.org/kafka.tgz", SHA512: strings.Repeat("0", 128),
			Machine: contract.DefaultMachine, VolumeGiB: 100},
		Image: "ami-1", Families: []string{"m7i", "c7i"}, Repository: "https://github.com/{project}.git", RootVolumeGiB: 30,
		Readiness: "console", ReadinessTimeout: 15 * time.Minute, Limits: contract.DefaultLimits, EnvironmentLimit: 4,
		InitializeTimeout: 3 * time.Hour, DeletionGrace: 24 * time.Hour, PollInterval: time.Millisecond, SettleTime: 20 * time.Millisecond,
	}
}

// Life is one environment's.
type Life struct {
	*ec2sim.Simulator
	// EC2 is for what somebody does by hand.
	EC2 *ec2.Client
	// Worker is the one that works: its account can change between two events.
	Worker *activities.Activities
	t      testing.TB
	env    *testsuite.TestWorkflowEnvironment
	wire   *Wire
	chain  []event
	n      int
	freed  bool
	// Outcomes of the commits, in their order.
	Outcomes []contract.Outcome
}

// event is something that happens once the last one has had its effect.
type event struct {
	name string
	do   func()
	done func(contract.EnvironmentStatus) bool // nil: the life ends with it
}

// Options of a life.
type Options struct {
	Simulator ec2sim.Options
	Settings  func(*activities.Settings)
	Wire      *Wire
	// EC2 is the URL of another stand-in for EC2, and Through what carries calls
	// there; the simulator then stays empty.
	EC2     string
	Through http.RoundTripper
	// Interceptors of its worker.
	Worker worker.Options
}

// New prepares a life; events are put into it, then Live lets them happen.
func New(t testing.TB, o Options) *Life {
	t.Helper()
	if o.Simulator.Speed == 0 {
		o.Simulator.Speed = 5000
	}
	sim, err := ec2sim.New(o.Simulator)
	require.NoError(t, err)
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	if o.Wire == nil {
		o.Wire = &Wire{}
	}
	o.Wire.next = &http.Transport{MaxIdleConnsPerHost: 100}
	if o.Through != nil {
		o.Wire.next = o.Through
	}
	if o.EC2 == "" {
		o.EC2 = server.URL
	}
	cfg := aws.Config{Region: "us-east-1", BaseEndpoint: &o.EC2, Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""),
		HTTPClient: &http.Client{Transport: o.Wire}}
	settings := Settings()
	if o.Settings != nil {
		o.Settings(&settings)
	}
	account := activities.Account{ID: "000000000000", Region: "us-east-1"}

	suite := &testsuite.WorkflowTestSuite{}
	suite.SetLogger(quiet{})
	l := &Life{Simulator: sim, t: t, env: suite.NewTestWorkflowEnvironment(), wire: o.Wire}
	// The SDK takes a machine that is slow for a second for a workflow that hangs.
	o.Worker.DeadlockDetectionTimeout = time.Minute
	l.env.SetWorkerOptions(o.Worker)
	l.env.SetTestTimeout(15 * time.Minute)
	l.env.SetStartWorkflowOptions(client.StartWorkflowOptions{ID: contract.EnvironmentWorkflowID(Project, Environment), TaskQueue: "environments"})
	workflows.Register(l.env)
	l.EC2 = ec2.NewFromConfig(aws.Config{Region: cfg.Region, BaseEndpoint: cfg.BaseEndpoint, Credentials: cfg.Credentials})
	l.Worker = activities.New(activities.Config{Settings: settings, Account: account, EC2: awsec2.New(cfg, awsec2.Options{Speed: -1})})
	l.Worker.Register(l.env)
	l.env.OnActivity(activities.TakeSlot, mock.Anything, mock.Anything).Return(contract.TakeSlotAnswer{Granted: true, Limit: 4, Slot: contract.Slot{
		Environment: Environment, EnvironmentID: EnvironmentID, Account: account.ID, Region: account.Region, Incarnation: 1,
	}}, nil)
	// There is no server here whose history could tell.
	l.env.OnActivity(activities.ReadIdentity, mock.Anything, mock.Anything).Return("lifecycle", nil).Maybe()
	l.env.OnActivity(activities.FreeSlot, mock.Anything, mock.Anything).Return(func(context.Context, activities.FreeSlotInput) error {
		l.freed = true
		return nil
	})
	return l
}

type quiet struct{}

func (quiet) Debug(string, ...any) {}
func (quiet) Info(string, ...any)  {}
func (quiet) Warn(string, ...any)  {}
func (quiet) Error(string, ...any) {}

// Commit pushes a commit, by a letter, that wants these pipelines; a name with
// a colon gives the source after it.
func (l *Life) Commit(letter string, pipelines ...string) {
	sha := strings.Repeat(letter, 40)
	c := contract.Commit{
		Project: Project, Branch: Environment, SHA: sha, FileDigest: strings.Repeat(letter, 64), Code: "tree:" + strings.Repeat("0", 40),
		Desired: contract.Desired{Listed: true, Environments: []string{Environment, "production"}}, AllowRollback: true,
	}
	for _, p := range pipelines {
		name, source, _ := strings.Cut(p, ":")
		if source == "" {
			source = "conf/" + name + ".yml"
		}
		c.Desired.Pipelines = append(c.Desired.Pipelines, contract.Pipeline{Pipeline: name, Source: source, Machine: contract.DefaultMachine})
	}
	l.chain = append(l.chain, event{
		name: "commit " + letter,
		do:   func() { l.update(contract.CommitUpdate, c) },
		done: func(s contract.EnvironmentStatus) bool {
			return slices.ContainsFunc(s.Outcomes, func(o contract.Outcome) bool { return o.Commit == sha })
		},
	})
}

// Update sends another update, and waits until it is answered.
func (l *Life) Update(name string, done func(contract.EnvironmentStatus) bool) {
	l.chain = append(l.chain, event{name: name, do: func() { l.update(name, contract.OperatorRequest{}) }, done: done})
}

// Do does something between two events.
func (l *Life) Do(name string, do func()) {
	l.chain = append(l.chain, event{name: name, do: do, done: func(contract.EnvironmentStatus) bool { return true }})
}

// Delete asks for the environment to be deleted, by signal; the life ends with it.
func (l *Life) Delete() {
	l.chain = append(l.chain, event{
		name: "delete",
		do:   func() { l.env.SignalWorkflow(contract.DeleteEnvironmentSignal, nil) },
	})
}

// DeleteAndLook asks for the environment to be deleted, by signal, and goes on
// to the next event once done; the life must end with End.
func (l *Life) DeleteAndLook(done func(contract.EnvironmentStatus) bool) {
	l.chain = append(l.chain, event{name: "delete", do: func() { l.env.SignalWorkflow(contract.DeleteEnvironmentSignal, nil) }, done: done})
}

// End lets the life go to its end by itself.
func (l *Life) End() { l.chain = append(l.chain, event{name: "end", do: func() {}}) }

// Resource is what the account holds under a role, or as a pipeline's
// instance; the kind first, as in Roles.
func (l *Life) Resource(name string) ec2sim.Resource {
	l.t.Helper()
	for _, r := range l.Account() {
		if r.Tags[contract.EnvironmentIDTag] == EnvironmentID && !over(r) && nameOf(r) == name {
			return r
		}
	}
	l.t.Errorf("there is no %s", name)
	return ec2sim.Resource{}
}

func over(r ec2sim.Resource) bool {
	return r.State == "deleted" || r.State == "terminated" || r.State == "shutting-down"
}

func nameOf(r ec2sim.Resource) string {
	if p := r.Tags[contract.PipelineTag]; p != "" {
		return r.Kind + " of " + p
	}
	return r.Kind + " " + r.Tags[contract.RoleTag]
}

func (l *Life) update(name string, arg any) {
	l.n++
	l.env.UpdateWorkflow(name, fmt.Sprintf("update-%d", l.n), &testsuite.TestUpdateCallback{
		OnAccept: func() {}, OnReject: func(err error) { l.t.Errorf("%s is rejected: %v", name, err) },
		OnComplete: func(_ any, err error) {
			if err != nil {
				l.t.Errorf("%s: %v", name, err)
			}
		},
	}, arg)
}

// Status is what the environment says now.
func (l *Life) Status() contract.EnvironmentStatus {
	var s contract.EnvironmentStatus
	value, err := l.env.QueryWorkflow(contract.StatusQuery)
	require.NoError(l.t, err)
	require.NoError(l.t, value.Get(&s))
	return s
}

// look is how often, by the workflow's clock, it is looked whether an event
// has had its effect.
const look = 5 * time.Second

// patience is after how many looks an event counts as stuck: hours.
const patience = 10_000

// Live lets the events happen one after the other, and ends when the
// environment is deleted, or after the last event.
func (l *Life) Live() error {
	next, looks := 0, 0
	var step func()
	step = func() {
		if next > 0 {
			s := l.Status()
			l.Outcomes = s.Outcomes
			if !l.chain[next-1].done(s) {
				if looks++; looks > patience {
					l.t.Errorf("%s has had no effect: %s %s", l.chain[next-1].name, s.Status, s.Reason)
					l.env.CancelWorkflow()
					return
				}
				l.env.RegisterDelayedCallback(step, look)
				return
			}
		}
		if next == len(l.chain) {
			l.env.CancelWorkflow()
			return
		}
		looks = 0
		next++
		l.chain[next-1].do()
		if l.chain[next-1].done != nil {
			l.env.RegisterDelayedCallback(step, look)
		}
	}
	l.env.RegisterDelayedCallback(step, 0)
	l.env.ExecuteWorkflow(contract.EnvironmentWorkflow, contract.EnvironmentInput{Project: Project, Environment: Environment})
	if !l.env.IsWorkflowCompleted() {
		return errors.New("the environment's life did not end")
	}
	return l.env.GetWorkflowError()
}

// Freed is whether the slot was given back.
func (l *Life) Freed() bool { return l.freed }

// Roles counts what the account holds of the environment, by kind and role; a
// pipeline's instance by its name.
func (l *Life) Roles() map[string]int {
	roles := map[string]int{}
	for _, r := range l.Account() {
		if r.Tags[contract.EnvironmentIDTag] == EnvironmentID && !over(r) {
			roles[nameOf(r)]++
		}
	}
	return roles
}
