package network

import (
	"context"
	"fmt"
	"slices"

	"github.com/aineko-dev/environments/internal/awsec2"
)

// Sweep removes what was made twice: resources of this environment that no
// step settled on, whose role another has, and that nothing uses. It returns
// what it removed. Instances are not its business.
func (n Network) Sweep(ctx context.Context, id awsec2.Identity, ids map[string]string, beat awsec2.Beat) ([]string, error) {
	found, err := n.findOwn(ctx, id)
	if err != nil {
		return nil, err
	}
	kept := map[string]bool{}
	for _, resource := range ids {
		kept[resource] = true
	}
	found = slices.DeleteFunc(found, func(r Resource) bool {
		twin := ids[r.Role] != "" && !kept[r.ID]
		return !r.Own || !twin || r.Kind == kindInstance || r.Attached && r.Kind != kindInternetGateway
	})
	steps := TearDown(found)
	var removed []string
	for _, step := range steps {
		if err := n.Delete(ctx, id, step, beat); err != nil {
			return removed, fmt.Errorf("removing what was made twice: %w", err)
		}
		removed = append(removed, step.ResourceID)
	}
	return removed, nil
}
