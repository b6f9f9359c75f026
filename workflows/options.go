package workflows

import (
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/aineko-dev/environments/activities"
	"github.com/aineko-dev/environments/internal/contract"
)

const (
	// heartbeatTimeout bounds how long a dead worker goes unnoticed.
	heartbeatTimeout = 30 * time.Second
	// stepTimeout is what a single step may take (A9).
	stepTimeout = 30 * time.Minute
	// quickTimeout is for activities that ask Temporal or read settings.
	quickTimeout = 30 * time.Second
)

// retries never run out: a worker's going must not count as a failure. What
// cannot succeed is an ErrTerminal; everything else is bounded by time.
var retries = &temporal.RetryPolicy{
	InitialInterval:    time.Second,
	BackoffCoefficient: 2,
	MaximumInterval:    30 * time.Second,
	NonRetryableErrorTypes: []string{
		activities.ErrTerminal, activities.ErrBlocked,
		contract.ErrInvalid, contract.ErrRefused,
	},
}

// ec2Context is for activities that call EC2 and may wait for slow states;
// within bounds the time over all attempts, retries included.
func ec2Context(ctx workflow.Context, within time.Duration, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		ScheduleToCloseTimeout: within,
		StartToCloseTimeout:    min(stepTimeout, within),
		HeartbeatTimeout:       heartbeatTimeout,
		RetryPolicy:            retries,
		Summary:                summary,
	})
}

// quickContext is for activities that only ask Temporal or the worker; they
// are tried for as long as it takes.
func quickContext(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: quickTimeout,
		RetryPolicy:         retries,
		Summary:             summary,
	})
}

// failure is what went wrong, in one line for people: the innermost message,
// without the SDK's wrapping.
func failure(err error) string {
	var application *temporal.ApplicationError
	if errors.As(err, &application) {
		return application.Message()
	}
	var timeout *temporal.TimeoutError
	if errors.As(err, &timeout) {
		message := "it took too long"
		if cause := timeout.Unwrap(); cause != nil {
			message += "; last: " + failure(cause)
		}
		return message
	}
	var terminated *temporal.TerminatedError
	if errors.As(err, &terminated) {
		return "it was terminated by hand"
	}
	var canceled *temporal.CanceledError
	if errors.As(err, &canceled) {
		return "it was canceled"
	}
	return err.Error()
}

// checkParent refuses to run a child without the environment that its input
// names (T6).
func checkParent(ctx workflow.Context, project, environment string) error {
	want := contract.EnvironmentWorkflowID(project, environment)
	if parent := workflow.GetInfo(ctx).ParentWorkflowExecution; parent == nil || parent.ID != want {
		return temporal.NewNonRetryableApplicationError(
			fmt.Sprintf("this workflow runs only as a child of %s", want), contract.ErrRefused, nil)
	}
	return nil
}
