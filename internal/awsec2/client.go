package awsec2

import (
	"context"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/smithy-go/middleware"
	"golang.org/x/time/rate"
)

// Options of a client.
type Options struct {
	// Speed is how much faster than EC2 a simulator runs; pacing and the pauses
	// before trying again are scaled by it. 0 or 1: EC2 itself. Negative: no
	// pacing, and hardly a pause.
	Speed float64
}

// once are the calls that make something and take no client token: after a
// lost answer the SDK's own retry would make a second. Who calls them looks
// before trying again.
var once = set("CreateVpc", "CreateInternetGateway", "AllocateAddress")

// attempts is how often the SDK tries a call that is safe to try again; what is
// not safe, it tries once. Activities try again on their own.
const attempts = 4

// New returns a client that keeps below EC2's throttling by its own pacing and
// tries again by itself only what is safe to try again.
func New(cfg aws.Config, o Options) *ec2.Client {
	pace := newPacer(o.Speed)
	return ec2.NewFromConfig(cfg, func(options *ec2.Options) {
		options.RetryMaxAttempts = attempts
		options.APIOptions = append(options.APIOptions,
			awsmiddleware.AddUserAgentKeyValue("aineko-environments", "1"),
			func(stack *middleware.Stack) error {
				return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("Pacing", pace.wait), middleware.After)
			},
			func(stack *middleware.Stack) error {
				return stack.Finalize.Insert(middleware.FinalizeMiddlewareFunc("TryOnce", tryOnce), "Retry", middleware.Before)
			})
		options.Retryer = onceOrStandard{retry.NewStandard(func(s *retry.StandardOptions) {
			s.MaxAttempts = attempts
			s.Backoff = retry.NewExponentialJitterBackoff(maxBackoff(o.Speed))
		})}
	})
}

// StandIn is the host of the client's EC2 endpoint where that is not AWS's own,
// such as a simulator's; else "".
func StandIn(c *ec2.Client) string {
	base := c.Options().BaseEndpoint
	if base == nil {
		return ""
	}
	u, err := url.Parse(*base)
	if err != nil {
		return *base
	}
	host := u.Hostname()
	for _, own := range []string{".amazonaws.com", ".amazonaws.com.cn", ".api.aws"} {
		if strings.HasSuffix(host, own) {
			return ""
		}
	}
	return u.Host
}

// maxBackoff is the longest pause before the SDK tries again.
func maxBackoff(speed float64) time.Duration {
	switch {
	case speed < 0:
		return time.Millisecond
	case speed > 1:
		return time.Duration(float64(retry.DefaultMaxBackoff) / speed)
	}
	return retry.DefaultMaxBackoff
}

type onceKey struct{}

// tryOnce marks the calls that must not be tried again by the SDK.
func tryOnce(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
	if once[awsmiddleware.GetOperationName(ctx)] {
		ctx = context.WithValue(ctx, onceKey{}, true)
	}
	return next.HandleFinalize(ctx, in)
}

// onceOrStandard hands out no token for a second attempt of a marked call.
type onceOrStandard struct{ *retry.Standard }

func (r onceOrStandard) GetRetryToken(ctx context.Context, err error) (func(error) error, error) {
	if ctx.Value(onceKey{}) != nil {
		return nil, err
	}
	return r.Standard.GetRetryToken(ctx, err)
}

// bucket is one of EC2's token buckets: capacity, and refill a second.
type bucket struct{ capacity, refill float64 }

// EC2's buckets for an account and region ("Request throttling for the Amazon
// EC2 API"). The pace stays a tenth below the refill, for others call, too.
var (
	readBucket   = bucket{100, 20}
	slowReads    = bucket{50, 10} // unfiltered or unpaginated describes of these
	changeBucket = bucket{50, 5}
	buckets      = map[string]bucket{
		"DescribeInstances": slowReads, "DescribeSecurityGroups": slowReads, "DescribeNetworkInterfaces": slowReads, "DescribeVolumes": slowReads,
		"RunInstances": {5, 2}, "TerminateInstances": {100, 5},
		"CreateNatGateway": {10, 1}, "DeleteNatGateway": {10, 1},
		"CreateVpcEndpoint": {4, 0.3}, "DeleteVpcEndpoints": {4, 0.3},
		"CreateTags": {100, 10},
	}
)

// share of EC2's refill that the pacer uses.
const share = 0.9

type pacer struct {
	speed  float64
	mu     sync.Mutex
	limits map[string]*rate.Limiter
}

func newPacer(speed float64) *pacer {
	if speed == 0 {
		speed = 1
	}
	return &pacer{speed: speed, limits: map[string]*rate.Limiter{}}
}

// wait lets a call go when its bucket has a token.
func (p *pacer) wait(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
	if p.speed > 0 {
		if err := p.limit(awsmiddleware.GetOperationName(ctx)).Wait(ctx); err != nil {
			return middleware.InitializeOutput{}, middleware.Metadata{}, err
		}
	}
	return next.HandleInitialize(ctx, in)
}

// limit is the limiter of an action's bucket. An action with figures of its own
// has a bucket of its own; so has every other action, with its class's figures.
func (p *pacer) limit(action string) *rate.Limiter {
	p.mu.Lock()
	defer p.mu.Unlock()
	limiter := p.limits[action]
	if limiter == nil {
		b, listed := buckets[action]
		switch {
		case listed:
		case strings.HasPrefix(action, "Describe") || strings.HasPrefix(action, "Get"):
			b = readBucket
		default:
			b = changeBucket
		}
		limiter = rate.NewLimiter(rate.Limit(b.refill*share*p.speed), int(b.capacity))
		p.limits[action] = limiter
	}
	return limiter
}
