package lifecycle

import (
	"context"
	"sync"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/worker"
)

// Twice is a worker that executes every activity twice at once, as happens when
// one worker is taken for dead and is not. Which of the two answers counts
// changes from activity to activity.
func Twice() worker.Options {
	return worker.Options{Interceptors: []interceptor.WorkerInterceptor{&twice{}}}
}

type twice struct {
	interceptor.WorkerInterceptorBase
	mu sync.Mutex
	n  int
}

func (w *twice) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	return &doubled{ActivityInboundInterceptorBase: interceptor.ActivityInboundInterceptorBase{Next: next}, twice: w}
}

type doubled struct {
	interceptor.ActivityInboundInterceptorBase
	twice *twice
}

func (d *doubled) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	if name := activity.GetInfo(ctx).ActivityType.Name; name == "take-slot" || name == "free-slot" {
		return d.Next.ExecuteActivity(ctx, in)
	}
	d.twice.mu.Lock()
	d.twice.n++
	second := d.twice.n%2 == 0
	d.twice.mu.Unlock()
	type end struct {
		result any
		err    error
	}
	ends := make([]end, 2)
	var both sync.WaitGroup
	for i := range ends {
		both.Go(func() { ends[i].result, ends[i].err = d.Next.ExecuteActivity(ctx, in) })
	}
	both.Wait()
	if second {
		return ends[1].result, ends[1].err
	}
	return ends[0].result, ends[0].err
}
