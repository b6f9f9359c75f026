package lifecycle_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aineko-dev/environments/activities"
	"github.com/aineko-dev/environments/internal/contract"
	"github.com/aineko-dev/environments/internal/ec2sim"
	"github.com/aineko-dev/environments/test/lifecycle"
)

// soon is a grace period that a look every five seconds outlasts.
func soon(s *activities.Settings) { s.DeletionGrace = time.Hour }

// Somebody else's interfaces hold a subnet: they are named with their owners in
// the status and waited for; nothing deletes them, not even one that is
// available. The environment's own, left over and available, goes.
func TestX4_ForeignInterfacesAreNamedInTheStatusAndNeverDeleted(t *testing.T) {
	for name, state := range map[string]string{"in use": "in-use", "available": "available"} {
		t.Run(name, func(t *testing.T) {
			l := lifecycle.New(t, lifecycle.Options{Settings: soon})
			l.Commit("a")
			l.Do("plant", func() {
				subnet := l.Resource("subnet private-b")
				in := func(more map[string]string) map[string]string {
					attr := map[string]string{"vpcId": subnet.Attr["vpcId"], "subnetId": subnet.ID, "ownerId": "000000000000", "type": "interface"}
					for k, v := range more {
						attr[k] = v
					}
					return attr
				}
				l.Plant(ec2sim.Resource{ID: "eni-foreign", Kind: "network-interface", State: state,
					Attr: in(map[string]string{"requesterId": "amazon-elasticsearch", "description": "ES search"})})
				l.Plant(ec2sim.Resource{ID: "eni-own", Kind: "network-interface", State: "available", Attr: in(nil), Tags: subnet.Tags})
			})
			l.DeleteAndLook(func(s contract.EnvironmentStatus) bool {
				return s.Deletion != nil && strings.Contains(s.Deletion.Blocked, "eni-foreign")
			})
			l.Do("look, and take it away", func() {
				s := l.Status()
				assert.Equal(t, contract.StatusDeleting, s.Status)
				assert.Contains(t, s.Deletion.Blocked, "eni-foreign, owner amazon-elasticsearch (ES search)")
				assert.Contains(t, s.Deletion.Blocked, "not the environment's own: network-interface eni-foreign")
				assert.False(t, l.Freed(), "the slot is held while anything is left")
				var ids []string
				for _, r := range l.Account() {
					ids = append(ids, r.ID)
				}
				assert.Contains(t, ids, "eni-foreign")
				assert.NotContains(t, ids, "eni-own")
				for _, c := range l.Journal() {
					assert.False(t, c.Action == "DeleteNetworkInterface" && c.Error != "" && c.Error != "InvalidParameterValue", "%+v", c)
				}
				l.Uproot("eni-foreign")
			})
			l.End()
			require.NoError(t, l.Live())
			assert.True(t, l.Freed())
			assert.Empty(t, l.Roles())
		})
	}
}
