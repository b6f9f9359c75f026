package awsec2

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// Share is an API whose reading calls are shared by those who ask for the like
// at about the same time. A worker waits for hundreds of instances and NAT
// gateways at once, each by its ID, and EC2's buckets hold 20 calls a second:
// so the looks of a window become one call. What EC2 offers at all, instance
// types and where they are offered, is asked for once an hour.
func Share(api API, window time.Duration) API {
	s := &sharing{API: api}
	s.statuses = &round[types.InstanceStatus]{window: window, look: s.lookStatuses,
		idOf: func(s types.InstanceStatus) string { return aws.ToString(s.InstanceId) }}
	s.nats = &round[types.NatGateway]{window: window, look: s.lookNATs,
		idOf: func(g types.NatGateway) string { return aws.ToString(g.NatGatewayId) }}
	return s
}

type sharing struct {
	API
	statuses  *round[types.InstanceStatus]
	nats      *round[types.NatGateway]
	types     offered[ec2.DescribeInstanceTypesOutput]
	offerings offered[ec2.DescribeInstanceTypeOfferingsOutput]
}

// DescribeInstanceStatus of one instance, whatever its state, shares its call.
// Any other is one that somebody wants answered now.
func (s *sharing) DescribeInstanceStatus(ctx context.Context, in *ec2.DescribeInstanceStatusInput, options ...func(*ec2.Options)) (*ec2.DescribeInstanceStatusOutput, error) {
	if len(in.InstanceIds) != 1 || !aws.ToBool(in.IncludeAllInstances) || len(in.Filters) > 0 {
		return s.API.DescribeInstanceStatus(ctx, in, options...)
	}
	found, err := s.statuses.ask(ctx, in.InstanceIds[0])
	if err != nil {
		return nil, err
	}
	return &ec2.DescribeInstanceStatusOutput{InstanceStatuses: found}, nil
}

func (s *sharing) lookStatuses(ctx context.Context, ids []string) ([]types.InstanceStatus, error) {
	return InstanceStates(ctx, s.API, ids)
}

// DescribeNatGateways of one NAT gateway shares its call.
func (s *sharing) DescribeNatGateways(ctx context.Context, in *ec2.DescribeNatGatewaysInput, options ...func(*ec2.Options)) (*ec2.DescribeNatGatewaysOutput, error) {
	if len(in.NatGatewayIds) != 1 || len(in.Filter) > 0 {
		return s.API.DescribeNatGateways(ctx, in, options...)
	}
	found, err := s.nats.ask(ctx, in.NatGatewayIds[0])
	if err != nil {
		return nil, err
	}
	return &ec2.DescribeNatGatewaysOutput{NatGateways: found}, nil
}

func (s *sharing) lookNATs(ctx context.Context, ids []string) ([]types.NatGateway, error) {
	return all(ctx, ec2.NewDescribeNatGatewaysPaginator(s.API, &ec2.DescribeNatGatewaysInput{NatGatewayIds: ids}),
		func(o *ec2.DescribeNatGatewaysOutput) []types.NatGateway { return o.NatGateways })
}

// DescribeInstanceTypes asks EC2 where the last answer is old.
func (s *sharing) DescribeInstanceTypes(ctx context.Context, in *ec2.DescribeInstanceTypesInput, options ...func(*ec2.Options)) (*ec2.DescribeInstanceTypesOutput, error) {
	return s.types.answer(in, func() (*ec2.DescribeInstanceTypesOutput, error) {
		return s.API.DescribeInstanceTypes(ctx, in, options...)
	})
}

// DescribeInstanceTypeOfferings asks EC2 where the last answer is old.
func (s *sharing) DescribeInstanceTypeOfferings(ctx context.Context, in *ec2.DescribeInstanceTypeOfferingsInput, options ...func(*ec2.Options)) (*ec2.DescribeInstanceTypeOfferingsOutput, error) {
	return s.offerings.answer(in, func() (*ec2.DescribeInstanceTypeOfferingsOutput, error) {
		return s.API.DescribeInstanceTypeOfferings(ctx, in, options...)
	})
}

// mostIDs is how many instances EC2 takes by their IDs in one
// DescribeInstanceStatus ("Maximum 100 explicitly specified instance IDs").
const mostIDs = 100

// lookTimeout bounds a shared look, which belongs to no caller: pacing included.
const lookTimeout = 5 * time.Minute

// round gathers who asks within a window, and asks once for them all.
type round[T any] struct {
	window time.Duration
	look   func(ctx context.Context, ids []string) ([]T, error)
	idOf   func(T) string

	mu   sync.Mutex
	open *asked[T]
}

// asked is one call, before and after it.
type asked[T any] struct {
	ids   []string
	done  chan struct{}
	found []T
	err   error
}

// ask returns what exists of one ID. A call for many fails for all when one of
// them does not exist; each then asks for itself.
func (r *round[T]) ask(ctx context.Context, id string) ([]T, error) {
	a := r.join(ctx, id)
	select {
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-a.done:
	}
	if a.err != nil {
		if IsNotFound(a.err) && len(a.ids) > 1 {
			return r.look(ctx, []string{id})
		}
		return nil, a.err
	}
	return slices.DeleteFunc(slices.Clone(a.found), func(one T) bool { return r.idOf(one) != id }), nil
}

func (r *round[T]) join(ctx context.Context, id string) *asked[T] {
	r.mu.Lock()
	defer r.mu.Unlock()
	a := r.open
	if a == nil {
		a = &asked[T]{done: make(chan struct{})}
		r.open = a
		// The call goes on when the one who asked first is told to stop.
		go r.carryOut(context.WithoutCancel(ctx), a)
	}
	if !slices.Contains(a.ids, id) {
		a.ids = append(a.ids, id)
	}
	if len(a.ids) == mostIDs {
		r.open = nil
	}
	return a
}

func (r *round[T]) carryOut(ctx context.Context, a *asked[T]) {
	time.Sleep(r.window)
	r.mu.Lock()
	if r.open == a {
		r.open = nil
	}
	r.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	a.found, a.err = r.look(ctx, a.ids)
	close(a.done)
}

// offeredFor is how long an answer about what EC2 offers counts.
const offeredFor = time.Hour

// offered keeps answers about what EC2 offers, by what was asked.
type offered[Out any] struct {
	mu      sync.Mutex
	answers map[string]answered[Out]
}

type answered[Out any] struct {
	out *Out
	at  time.Time
}

func (o *offered[Out]) answer(in any, ask func() (*Out, error)) (*Out, error) {
	key, err := json.Marshal(in)
	if err != nil {
		return ask()
	}
	o.mu.Lock()
	have := o.answers[string(key)]
	o.mu.Unlock()
	if have.out != nil && time.Since(have.at) < offeredFor {
		return have.out, nil
	}
	out, err := ask()
	if err != nil {
		return nil, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.answers == nil {
		o.answers = map[string]answered[Out]{}
	}
	o.answers[string(key)] = answered[Out]{out, time.Now()}
	return out, nil
}
