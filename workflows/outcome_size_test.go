package workflows

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aineko-dev/environments/internal/contract"
)

// first is the number of the oldest outcome that is kept.
const first = 20

// Every outcome keeps its place among the last 256, however much each has to
// say; together they fit into a payload (T4, S3).
func TestT4_OutcomesFitIntoAPayloadHoweverMuchFails(t *testing.T) {
	for name, pipelines := range map[string]int{"one pipeline": 1, "twenty pipelines": 20} {
		t.Run(name, func(t *testing.T) {
			e := &environment{}
			e.Project, e.Environment, e.ID = strings.Repeat("p", contract.MaxProjectLength), "develop", "env-abcdefghij"
			for n := range maxOutcomes + first {
				o := e.outcome(&work{N: n, Commit: &contract.Commit{SHA: fmt.Sprintf("%040x", n), Branch: "develop"}}, contract.OutcomeFailed)
				o.Reason = strings.Repeat("because ", 2000)
				for i := range pipelines {
					long := fmt.Sprintf("%02d-%s", i, strings.Repeat("n", 60))
					o.Plan.Update = append(o.Plan.Update, long)
					o.Pipelines = append(o.Pipelines, contract.PipelineResult{
						Name: long, Action: contract.ActionUpdate, Result: contract.ResultFailed, Commit: o.Commit, InstanceID: "i-0123456789abcdef0", Error: strings.Repeat("line\n", 2000),
					})
				}
				e.record(o)
			}
			require.Len(t, e.Outcomes, maxOutcomes)
			for i, o := range e.Outcomes {
				assert.Equal(t, e.deploymentID(&work{N: first + i}), o.Deployment)
				assert.Equal(t, contract.OutcomeFailed, o.Outcome)
				assert.NotEmpty(t, o.Reason)
			}
			encoded, err := json.Marshal(e.Outcomes)
			require.NoError(t, err)
			// The newest is kept whole: a little more than the bound.
			assert.Less(t, len(encoded), maxOutcomesSize+pipelines*maxErrorSize*2)
			newest := e.Outcomes[maxOutcomes-1]
			assert.Len(t, newest.Pipelines, pipelines)
			assert.Contains(t, newest.Pipelines[0].Error, "line\nline")
		})
	}
}
