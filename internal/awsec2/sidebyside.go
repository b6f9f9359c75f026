package awsec2

import (
	"context"

	"github.com/sourcegraph/conc/pool"
)

// SideBySide runs looks at the same time: the first error ends the others and
// is the answer of Wait. A panic comes out of Wait too, where Temporal's SDK
// makes a failed attempt of it; in a goroutine of its own it would end the worker.
func SideBySide(ctx context.Context) *pool.ContextPool {
	return pool.New().WithContext(ctx).WithCancelOnError().WithFirstError()
}
