// Package gate stands between workers and Temporal, and holds activities at
// chosen points, so that a test can end a worker in the middle of exactly
// those. It speaks Temporal's own API on both sides: the workers behind it are
// the real ones, and so is the server.
package gate

import (
	"net"
	"strings"
	"sync"
	"time"

	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/proxy"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// Point is where in an activity it is held.
type Point string

// The points.
const (
	// Begun: the server has handed the activity out, and the worker has not got it yet.
	Begun Point = "begun"
	// Ended: the worker has done all of it, and the server does not know.
	Ended Point = "ended"
)

// Rule says which activities are held: those of a type, in the workflows whose
// IDs begin so.
type Rule struct{ Workflow, Activity string }

func (r Rule) String() string { return r.Activity + " in " + r.Workflow }

func (r Rule) matches(t task) bool {
	return t.activity == r.Activity && strings.HasPrefix(t.workflow, r.Workflow)
}

// HeartbeatTimeout and StartTimeout stand in for the longer ones that the
// workflows ask for, so that a test need not wait half a minute until the
// server misses a worker. It makes life only harder for the activities.
const (
	HeartbeatTimeout = 6 * time.Second
	StartTimeout     = 10 * time.Second
	// heldTimeout is what all attempts together may take at least.
	heldTimeout = 10 * time.Minute
	// beatInterval is sparing: each beat costs the server a write.
	beatInterval = HeartbeatTimeout / 2
)

// Gate lets everything through, but for what it holds.
type Gate struct {
	// Address is for workers, in the place of Temporal's own.
	Address string

	temporal workflowservice.WorkflowServiceClient
	upstream *grpc.ClientConn
	server   *grpc.Server
	// handed are activities on their way to the workers.
	handed chan *workflowservice.PollActivityTaskQueueResponse

	mu      sync.Mutex
	polls   int             // under way at the server
	tasks   map[string]task // that workers have, by token
	point   Point
	rules   []Rule
	opened  chan struct{} // closed when what is held is let go
	held    map[Rule][]task
	kept    []*workflowservice.PollActivityTaskQueueResponse
	lost    map[Rule][]task
	resumed map[Rule]bool
}

// task is one attempt of an activity.
type task struct {
	workflow, run, activity, id string
	attempt                     int32
}

// New opens a gate before the server at an address.
func New(temporal string) (*Gate, error) {
	upstream, err := grpc.NewClient(temporal, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, err
	}
	g := &Gate{
		upstream: upstream, temporal: workflowservice.NewWorkflowServiceClient(upstream),
		handed: make(chan *workflowservice.PollActivityTaskQueueResponse, 10_000),
		tasks:  map[string]task{}, opened: make(chan struct{}), held: map[Rule][]task{},
	}
	forward, err := proxy.NewWorkflowServiceProxyServer(proxy.WorkflowServiceProxyOptions{Client: g.temporal})
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	g.Address = listener.Addr().String()
	g.server = grpc.NewServer(grpc.UnaryInterceptor(g.pass), grpc.MaxRecvMsgSize(16<<20))
	workflowservice.RegisterWorkflowServiceServer(g.server, forward)
	operatorservice.RegisterOperatorServiceServer(g.server, operator{upstream: operatorservice.NewOperatorServiceClient(upstream)})
	go func() { _ = g.server.Serve(listener) }()
	return g, nil
}

// Close ends the gate, and every connection through it.
func (g *Gate) Close() {
	g.Open()
	g.server.Stop()
	_ = g.upstream.Close()
}

// Hold holds activities at a point, from now on until Open.
func (g *Gate) Hold(point Point, rules ...Rule) {
	g.Open()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.point, g.rules, g.opened = point, rules, make(chan struct{})
}

// Missing are the rules by which nothing is held yet.
func (g *Gate) Missing() []Rule {
	g.mu.Lock()
	defer g.mu.Unlock()
	var missing []Rule
	for _, r := range g.rules {
		if len(g.held[r]) == 0 {
			missing = append(missing, r)
		}
	}
	return missing
}

// Deliver gives the workers what is held at its beginning.
func (g *Gate) Deliver() {
	g.mu.Lock()
	kept := g.kept
	g.kept = nil
	g.mu.Unlock()
	for _, k := range kept {
		g.handed <- k
	}
}

// Delivered is whether workers have got all of it.
func (g *Gate) Delivered() bool { return len(g.handed) == 0 }

// Lose says that the worker that had what is held is dead: it will come again.
func (g *Gate) Lose() {
	g.mu.Lock()
	g.lost, g.resumed = g.held, map[Rule]bool{}
	g.mu.Unlock()
	g.Open()
}

// Open lets everything through again.
func (g *Gate) Open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-g.opened:
	default:
		close(g.opened)
	}
	g.rules, g.held, g.kept = nil, map[Rule][]task{}, nil
}

// Resumed is whether what was lost by a rule was handed out once more.
func (g *Gate) Resumed(r Rule) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.resumed[r]
}
