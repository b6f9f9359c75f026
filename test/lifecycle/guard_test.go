package lifecycle_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aineko-dev/environments/activities"
	"github.com/aineko-dev/environments/internal/contract"
	"github.com/aineko-dev/environments/test/lifecycle"
)

// A worker with other credentials, in another region or at a stray endpoint
// makes no EC2 call for the environment, whatever is asked of it: neither a
// commit nor a deletion goes on, both places are named, the slot is kept. With
// the right worker everything goes on where it was.
func TestA10_AWorkerElsewhereTouchesNothingAndFreesNothing(t *testing.T) {
	right := activities.Account{ID: "000000000000", Region: "us-east-1"}
	for name, wrong := range map[string]activities.Account{
		"another account":  {ID: "999999999999", Region: "us-east-1"},
		"another region":   {ID: "000000000000", Region: "eu-central-1"},
		"a stray endpoint": {ID: "000000000000", Region: "us-east-1", Endpoint: "localhost:4566"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := lifecycle.New(t, lifecycle.Options{Settings: soon})
			var calls int
			untouched := func(why string) {
				assert.Len(t, l.Journal(), calls, "no EC2 call at all")
				assert.Contains(t, why, "this worker works in "+wrong.String())
				assert.Contains(t, why, "is in "+right.String())
				assert.False(t, l.Freed())
			}
			l.Commit("a")
			l.Do("the worker goes elsewhere", func() {
				calls = len(l.Journal())
				l.Worker.Account = wrong
			})
			l.Commit("b", "one")
			l.Do("look", func() {
				assert.Equal(t, contract.OutcomeFailed, l.Outcomes[1].Outcome)
				untouched(l.Outcomes[1].Reason)
			})
			l.DeleteAndLook(func(s contract.EnvironmentStatus) bool {
				return s.Deletion != nil && strings.Contains(s.Deletion.Blocked, "this worker works in")
			})
			l.Do("look, and come back", func() {
				untouched(l.Status().Deletion.Blocked)
				l.Worker.Account = right
			})
			l.End()
			require.NoError(t, l.Live())
			assert.True(t, l.Freed())
			assert.Empty(t, l.Roles())
		})
	}
}
