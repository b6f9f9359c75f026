package awsec2_test

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aineko-dev/environments/internal/awsec2"
)

// The policy that operators give to the worker allows every call that the
// code can make, and no other: the interface is all the code has.
func TestA6_ThePolicyAllowsWhatTheCodeCallsAndNoMore(t *testing.T) {
	data, err := os.ReadFile("../../docs/iam-policy.json")
	require.NoError(t, err)
	var policy struct {
		Statement []struct {
			Sid, Effect string
			Action      any
			Condition   map[string]map[string]any
		}
	}
	require.NoError(t, json.Unmarshal(data, &policy))
	allowed := map[string]bool{}
	bound := map[string]bool{} // by a tag of the installation, wherever it is allowed
	for _, s := range policy.Statement {
		require.Equal(t, "Allow", s.Effect)
		actions, ok := s.Action.([]any)
		if !ok {
			actions = []any{s.Action}
		}
		for _, a := range actions {
			name, isEC2 := strings.CutPrefix(a.(string), "ec2:")
			if !isEC2 {
				continue
			}
			require.NotContains(t, name, "*")
			allowed[name] = true
			for key := range s.Condition["StringEquals"] {
				if strings.HasSuffix(key, "Tag/aineko:installation") {
					bound[name] = true
				}
			}
		}
	}
	api := reflect.TypeFor[awsec2.API]()
	called := map[string]bool{"CreateTags": true} // comes with tags in the creating call
	for i := range api.NumMethod() {
		called[api.Method(i).Name] = true
	}
	assert.Equal(t, called, allowed)
	for name := range called {
		free := strings.HasPrefix(name, "Describe") || name == "CreateTags" || strings.HasPrefix(name, "RevokeSecurityGroup")
		assert.Equal(t, !free, bound[name], "%s: whether the tag aineko:installation binds it", name)
	}
}
