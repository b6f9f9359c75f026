package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"github.com/aineko-dev/environments/activities"
	"github.com/aineko-dev/environments/internal/awsec2"
	"github.com/aineko-dev/environments/internal/contract"
	"github.com/aineko-dev/environments/internal/temporal"
	"github.com/aineko-dev/environments/workflows"
)

// run looks that everything is in reach, and works until it is told to stop:
// then it takes no more, and what is under way hands over to another worker.
func run(ctx context.Context, s settings, logger *slog.Logger) error {
	metrics, err := newMetrics(logger)
	if err != nil {
		return err
	}
	c, err := temporal.Dial(ctx, temporal.Overrides{Address: s.address, Namespace: s.namespace, Logger: logger, Metrics: metrics.handler})
	if err != nil {
		return fmt.Errorf("%w: %w", errUnreachable, err)
	}
	defer c.Close()
	if err := checkNamespace(ctx, c, c.Namespace); err != nil {
		return err
	}
	if err := checkSearchAttributes(ctx, c, c.Namespace); err != nil {
		return err
	}
	ec2API, account, err := connectEC2(ctx, s)
	if err != nil {
		return err
	}
	w := worker.New(c.Client, s.taskQueue, worker.Options{
		MaxConcurrentActivityExecutionSize: s.activities,
		WorkerStopTimeout:                  s.stopTimeout,
		// Activities beat every 10 s at least; the server should hear of it.
		MaxHeartbeatThrottleInterval: 10 * time.Second,
	})
	workflows.Register(w)
	activities.New(activities.Config{Settings: s.Settings, Account: account, EC2: ec2API, Temporal: c.Client}).Register(w)
	if err := w.Start(); err != nil {
		return fmt.Errorf("starting the worker: %w", err)
	}
	stopProfiles, err := serveProfiles(s.pprof, logger)
	if err != nil {
		w.Stop()
		return err
	}
	defer stopProfiles()
	stopServing, err := metrics.serve(s.listen, logger)
	if err != nil {
		w.Stop()
		return err
	}
	logger.Info("worker ready", "taskQueue", s.taskQueue, "account", account.ID, "region", account.Region, "installation", s.Installation)
	<-ctx.Done()
	logger.Info("stopping: what is under way is handed over")
	metrics.ready.Store(false)
	w.Stop()
	stopServing()
	return nil
}

// startTimeout bounds each look at the start.
const startTimeout = 30 * time.Second

// checkNamespace refuses to start where there is none of the name: a worker
// would ask for work for ever.
func checkNamespace(ctx context.Context, c client.Client, namespace string) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	_, err := c.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: namespace})
	var missing *serviceerror.NamespaceNotFound
	if errors.As(err, &missing) {
		return fmt.Errorf("%w: there is no namespace %s; create it: temporal operator namespace create --namespace %s", errUsage, namespace, namespace)
	}
	// Who may not describe a namespace may still work in it.
	return nil
}

// checkSearchAttributes refuses to start where one is missing: workflows would
// fail to start, or stand still for ever.
func checkSearchAttributes(ctx context.Context, c client.Client, namespace string) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	have := map[string]bool{}
	listed, err := c.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: namespace})
	if err != nil {
		// Temporal Cloud does not serve this to every key; visibility knows them, too.
		attributes, getErr := c.GetSearchAttributes(ctx)
		if getErr != nil {
			return fmt.Errorf("%w: listing the search attributes of namespace %s: %w", errUnreachable, namespace, err)
		}
		for name := range attributes.GetKeys() {
			have[name] = true
		}
	} else {
		for name := range listed.GetCustomAttributes() {
			have[name] = true
		}
	}
	var missing []string
	for _, name := range contract.SearchAttributes {
		if !have[name] {
			missing = append(missing, fmt.Sprintf("temporal operator search-attribute create --namespace %s --name %s --type Keyword", namespace, name))
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("%w: search attributes are missing in namespace %s; create them:\n%s", errUsage, namespace, strings.Join(missing, "\n"))
	}
	return nil
}

// connectEC2 finds out where this worker's calls go (A10), and that they are answered.
func connectEC2(ctx context.Context, s settings) (awsec2.API, activities.Account, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	var account activities.Account
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, account, fmt.Errorf("%w: AWS's settings: %w", errUsage, err)
	}
	if cfg.Region == "" {
		return nil, account, fmt.Errorf("%w: no AWS region: set AWS_REGION, or one in the profile", errUsage)
	}
	identity, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return nil, account, fmt.Errorf("%w: asking AWS who this worker is (STS GetCallerIdentity): %w", errUnreachable, err)
	}
	api := awsec2.New(cfg, awsec2.Options{Speed: s.ec2Speed})
	account = activities.Account{ID: aws.ToString(identity.Account), Region: cfg.Region, Endpoint: awsec2.StandIn(api)}
	if _, err := api.DescribeAvailabilityZones(ctx, &ec2.DescribeAvailabilityZonesInput{}); err != nil {
		if awsec2.ClassOf(err) == awsec2.Terminal {
			return nil, account, errors.New(awsec2.Explain(fmt.Errorf("asking EC2 in %s: %w", cfg.Region, err)))
		}
		return nil, account, fmt.Errorf("%w: EC2 in %s: %w", errUnreachable, cfg.Region, err)
	}
	return awsec2.Share(api, s.PollInterval/shareOfPoll), account, nil
}

// shareOfPoll is the part of a poll interval within which looks at slow states
// are put into one call.
const shareOfPoll = 5
