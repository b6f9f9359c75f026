package activities

import (
	"context"
	"fmt"

	"github.com/aineko-dev/environments/internal/awsec2"
	"github.com/aineko-dev/environments/internal/compute"
)

// FindDrift reads what exists and says what differs from what initialising and
// deploying left (C14). It changes nothing.
func (a *Activities) FindDrift(ctx context.Context, in DriftInput) (Drift, error) {
	return on(ctx, a, in.Target, func(ctx context.Context, beat awsec2.Beat) (Drift, error) {
		n, c := a.network(a.Settings), a.compute(a.Settings)
		drift := Drift{Failed: map[string]string{}}
		drift.Frame = Frame{Settings: a.Settings, Account: a.Account}
		var err error
		if drift.Instances, err = c.Instances(ctx, in.Target.Identity); err != nil {
			return drift, err
		}
		drift.BrokerDown = compute.BrokerDown(drift.Instances)
		lacking, foreign, err := n.Drift(ctx, in.Target.Identity, in.Layout)
		if err != nil {
			return drift, err
		}
		drift.Lacking = lacking
		for _, r := range foreign {
			drift.Foreign = append(drift.Foreign, fmt.Sprintf("%s %s, owner %s (%s)", r.Kind, r.ID, r.Owner, r.Description))
		}
		if drift.Findings, err = n.Verify(ctx, in.Target.Identity); err != nil {
			return drift, err
		}
		for _, i := range drift.Instances {
			if i.Pipeline == "" {
				continue
			}
			beat("looking at " + i.ID)
			if reason := c.Failure(ctx, i); reason != "" {
				drift.Failed[i.ID] = reason
			}
		}
		return drift, nil
	})
}
