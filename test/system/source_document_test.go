package system_test

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aineko-dev/environments/internal/contract"
	"github.com/aineko-dev/environments/test/drive"
	"github.com/aineko-dev/environments/test/stack"
	"github.com/aineko-dev/environments/test/story"
)

// example is one of the source document's four files, word for word.
func example(name string) string {
	return filepath.Join(stack.Root(), "examples", "source-document", name+".yml")
}

func TestSourceDocument_ItsExamplesAreValid(t *testing.T) {
	starter := filepath.Join(stack.Root(), "bin", "starter")
	for _, name := range []string{"1-initial", "2-staging", "3-destroy-one", "4-remove-all"} {
		out, err := exec.Command(starter, "validate", "--deploy-file", example(name)).CombinedOutput()
		assert.NoError(t, err, "%s: %s", name, out)
		assert.Equal(t, name == "2-staging" || name == "3-destroy-one", strings.Contains(string(out), "read as pipelines: write it so"), "%s", out)
	}
}

// The four files, pushed to the branches that the document names, have the
// effects that it describes (C1-C4).
func TestSourceDocument_ItsExamplesDoWhatItSays(t *testing.T) {
	const project = "acme/source"
	s := drive.Start(t, nil)
	fingerprint := func(environment string) string {
		f, err := story.Fingerprint(t.Context(), s.Control(), drive.Status(t, s, project, environment).EnvironmentID)
		require.NoError(t, err)
		return f
	}
	running := func(environment string) []string {
		var names []string
		for role, n := range drive.Roles(t, s, drive.Status(t, s, project, environment).EnvironmentID) {
			if pipeline, is := strings.CutPrefix(role, "instance pipeline"); is {
				assert.Equal(t, 1, n)
				names = append(names, pipeline)
			}
		}
		slices.Sort(names)
		return names
	}
	n := 0
	pushed := func(branch, file, outcome string) contract.Outcome {
		n++
		o, code, errs := drive.Push(t.Context(), s, project, branch, file, n)
		require.Equal(t, 0, code, "%+v %s", o, errs)
		require.Equal(t, outcome, o.Outcome, o.Reason)
		return o
	}
	one, two := "example_pipeline_1", "example_pipeline_2"

	pushed("develop", example("1-initial"), contract.OutcomeDeployed)
	assert.Equal(t, []string{one, two}, running("develop"))
	develop := fingerprint("develop")

	// Committed to production: develop remains untouched.
	pushed("production", example("1-initial"), contract.OutcomeDeployed)
	assert.Equal(t, []string{two}, running("production"))
	assert.Equal(t, develop, fingerprint("develop"))

	// Committed to any other branch: both remain untouched.
	production := fingerprint("production")
	o := pushed("feature", example("1-initial"), contract.OutcomeIgnored)
	assert.Contains(t, o.Reason, "develop, production")
	assert.Equal(t, develop+production, fingerprint("develop")+fingerprint("production"))

	// staging is created by the file that lists it, on the branch of its name.
	pushed("staging", example("2-staging"), contract.OutcomeDeployed)
	assert.Equal(t, []string{two}, running("staging"))
	assert.Equal(t, develop+production, fingerprint("develop")+fingerprint("production"))

	// A name removed from the key: that pipeline is destroyed.
	o = pushed("develop", example("3-destroy-one"), contract.OutcomeDeployed)
	assert.Equal(t, []string{one}, o.Plan.Destroy)
	assert.Equal(t, []string{two}, running("develop"))

	// The key removed: all pipelines are destroyed, the background services stay.
	o = pushed("staging", example("1-initial"), contract.OutcomeDeployed)
	assert.Equal(t, []string{two}, o.Plan.Destroy)
	assert.Empty(t, running("staging"))
	assert.Contains(t, drive.Roles(t, s, drive.Status(t, s, project, "staging").EnvironmentID), "instance broker")

	// The documented form that removes all pipelines, on each branch.
	for _, branch := range []string{"develop", "production"} {
		pushed(branch, example("4-remove-all"), contract.OutcomeDeployed)
		assert.Empty(t, running(branch), branch)
	}
	out, err := s.Tool(t.Context(), "starter", "status", "--project", project).Output()
	require.NoError(t, err)
	assert.Contains(t, string(out), fmt.Sprintf("%s: 3 of 4 environments", project), "inactive environments count")
}
