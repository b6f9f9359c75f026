package gate

import (
	"context"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
)

// pass is every call of a worker.
func (g *Gate) pass(ctx context.Context, request any, info *grpc.UnaryServerInfo, forward grpc.UnaryHandler) (any, error) {
	switch r := request.(type) {
	case *workflowservice.RespondWorkflowTaskCompletedRequest:
		hurry(r)
	case *workflowservice.PollActivityTaskQueueRequest:
		return g.poll(ctx, r)
	case *workflowservice.RespondActivityTaskCompletedRequest:
		if err := g.finish(ctx, r.TaskToken); err != nil {
			return nil, err
		}
	case *workflowservice.RespondActivityTaskFailedRequest:
		g.forget(r.TaskToken)
	}
	return forward(ctx, request)
}

// hurry shortens the times after which the server misses a worker. Activities
// come by polling alone, where the gate sees them.
func hurry(r *workflowservice.RespondWorkflowTaskCompletedRequest) {
	for _, command := range r.Commands {
		if command.GetCommandType() != enumspb.COMMAND_TYPE_SCHEDULE_ACTIVITY_TASK {
			continue
		}
		a := command.GetScheduleActivityTaskCommandAttributes()
		a.RequestEagerExecution = false
		// What is held must not run out of its time over all attempts.
		if within := a.GetScheduleToCloseTimeout().AsDuration(); within > 0 && within < heldTimeout {
			a.ScheduleToCloseTimeout = durationpb.New(heldTimeout)
		}
		if a.GetHeartbeatTimeout().AsDuration() > HeartbeatTimeout {
			a.HeartbeatTimeout = durationpb.New(HeartbeatTimeout)
		} else if a.GetHeartbeatTimeout().AsDuration() == 0 && a.GetStartToCloseTimeout().AsDuration() > StartTimeout {
			a.StartToCloseTimeout = durationpb.New(StartTimeout)
		}
	}
}

// poll hands an activity to a worker, unless it is held at its beginning. A
// worker that goes away loses nothing: the next one gets what was for it.
func (g *Gate) poll(ctx context.Context, r *workflowservice.PollActivityTaskQueueRequest) (any, error) {
	g.mu.Lock()
	if g.polls < 2 {
		g.polls++
		go g.ask(r)
	}
	g.mu.Unlock()
	select {
	case task := <-g.handed:
		return task, nil
	case <-ctx.Done():
		return nil, status.FromContextError(ctx.Err()).Err()
	case <-time.After(10 * time.Second):
		return &workflowservice.PollActivityTaskQueueResponse{}, nil
	}
}

// ask polls the server until there is something for a worker.
func (g *Gate) ask(r *workflowservice.PollActivityTaskQueueRequest) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for again := true; again; {
		polled, err := g.temporal.PollActivityTaskQueue(ctx, r)
		again = err == nil && len(polled.GetTaskToken()) > 0 && g.keep(polled)
	}
	g.mu.Lock()
	g.polls--
	g.mu.Unlock()
}

// keep holds an activity at its beginning, or hands it out.
func (g *Gate) keep(polled *workflowservice.PollActivityTaskQueueResponse) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	t := task{workflow: polled.GetWorkflowExecution().GetWorkflowId(), run: polled.GetWorkflowExecution().GetRunId(),
		activity: polled.GetActivityType().GetName(), id: polled.GetActivityId(), attempt: polled.GetAttempt()}
	g.tasks[string(polled.GetTaskToken())] = t
	for rule, lost := range g.lost {
		for _, l := range lost {
			g.resumed[rule] = g.resumed[rule] || l.workflow == t.workflow && l.run == t.run && l.id == t.id && l.attempt < t.attempt
		}
	}
	if g.point == Begun {
		if rule, is := g.ruleOf(t); is {
			g.held[rule] = append(g.held[rule], t)
			g.kept = append(g.kept, polled)
			go g.beat(polled.GetTaskToken(), g.opened)
			return true
		}
	}
	g.handed <- polled
	return false
}

// finish holds the report that an activity has ended, where that is asked
// for: also of one that was held at its beginning, when it was quicker than
// the end of its worker.
func (g *Gate) finish(ctx context.Context, token []byte) error {
	t, known := g.forget(token)
	g.mu.Lock()
	rule, is := g.ruleOf(t)
	if !known || !is {
		g.mu.Unlock()
		return nil
	}
	if g.point == Ended {
		g.held[rule] = append(g.held[rule], t)
	}
	opened := g.opened
	g.mu.Unlock()
	go g.beat(token, opened)
	select {
	case <-opened:
		if ctx.Err() == nil {
			return nil
		}
	case <-ctx.Done():
	}
	return status.Error(codes.Unavailable, "the worker is gone")
}

func (g *Gate) forget(token []byte) (task, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	t, known := g.tasks[string(token)]
	delete(g.tasks, string(token))
	return t, known
}

func (g *Gate) ruleOf(t task) (Rule, bool) {
	for _, r := range g.rules {
		if r.matches(t) {
			return r, true
		}
	}
	return Rule{}, false
}

// beat keeps what is held from being missed.
func (g *Gate) beat(token []byte, opened chan struct{}) {
	for {
		select {
		case <-opened:
			return
		case <-time.After(beatInterval):
		}
		ctx, cancel := context.WithTimeout(context.Background(), HeartbeatTimeout)
		_, err := g.temporal.RecordActivityTaskHeartbeat(ctx, &workflowservice.RecordActivityTaskHeartbeatRequest{Namespace: "default", TaskToken: token, Identity: "gate"})
		cancel()
		if status.Code(err) == codes.NotFound {
			return
		}
	}
}

// operator forwards the one call of Temporal's other API that a worker makes.
type operator struct {
	operatorservice.UnimplementedOperatorServiceServer
	upstream operatorservice.OperatorServiceClient
}

func (o operator) ListSearchAttributes(ctx context.Context, r *operatorservice.ListSearchAttributesRequest) (*operatorservice.ListSearchAttributesResponse, error) {
	return o.upstream.ListSearchAttributes(ctx, r)
}
