package histories_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aineko-dev/environments/test/histories"
)

// Nothing secret is in any history, although secrets lay about wherever a
// recording's programs could come upon one. What is no secret is there: the
// name of the parameter that holds one.
func TestT6_NothingSecretIsInRecordedHistories(t *testing.T) {
	named := 0
	for _, r := range recorded(t) {
		leaks, err := histories.Leaks(r.Text)
		require.NoError(t, err)
		assert.Empty(t, leaks, "%s/%s", r.Version, r.Name)
		if bytes.Contains(r.Text, []byte("/aineko/{project}/token")) {
			named++
		}
	}
	assert.NotZero(t, named, "the histories do not even name the parameter of the repository's token: was it set?")
}

// Each planted secret would be found: in plain, and where a payload is binary.
func TestT6_APlantedSecretIsFound(t *testing.T) {
	for place, secret := range histories.Secrets {
		for _, value := range []string{"x" + secret + "y", base64.StdEncoding.EncodeToString([]byte("x" + secret + "y"))} {
			text, err := json.Marshal(map[string]any{"events": []any{map[string]any{"input": value}}})
			require.NoError(t, err)
			leaks, err := histories.Leaks(text)
			require.NoError(t, err)
			assert.Equal(t, []string{place}, leaks)
		}
	}
}
