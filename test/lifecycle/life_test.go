package lifecycle_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aineko-dev/environments/internal/contract"
	"github.com/aineko-dev/environments/internal/ec2sim"
	"github.com/aineko-dev/environments/test/lifecycle"
)

// graph is an environment with one NAT gateway: each thing once.
func graph(pipelines ...string) map[string]int {
	g := map[string]int{}
	for _, what := range []string{
		"vpc vpc", "internet-gateway internet-gateway", "subnet public-a", "subnet public-b", "subnet private-a", "subnet private-b",
		"elastic-ip nat-address-a", "natgateway nat-a", "route-table public-routes", "route-table private-routes-a", "vpc-endpoint s3-endpoint",
		"security-group pipelines-group", "security-group broker-group", "network-interface broker-interface", "volume broker-volume",
		"instance broker", "volume broker",
	} {
		g[what] = 1
	}
	for _, p := range pipelines {
		g["instance of "+p], g["volume of "+p], g["network-interface of "+p] = 1, 1, 1
	}
	return g
}

// whole puts the whole life into l: initialise, deploy two pipelines, update
// one, destroy one, destroy all, delete. The account is looked at in between.
func whole(t *testing.T, l *lifecycle.Life) {
	t.Helper()
	holds := func(pipelines ...string) {
		l.Do("look", func() { assert.Equal(t, graph(pipelines...), l.Roles()) })
	}
	l.Commit("a", "one", "two")
	holds("one", "two")
	l.Commit("b", "one:conf/other.yml", "two")
	holds("one", "two")
	l.Commit("c", "two")
	holds("two")
	l.Commit("d")
	holds()
	l.Delete()
}

// ended asserts the end of a whole life: every commit came through, nothing is left.
func ended(t *testing.T, l *lifecycle.Life) {
	t.Helper()
	require.Len(t, l.Outcomes, 4)
	for _, o := range l.Outcomes {
		assert.Equal(t, contract.OutcomeDeployed, o.Outcome, "%.1s: %s", o.Commit, o.Reason)
	}
	assert.True(t, l.Freed())
	// Not even what has no tags is left.
	for _, r := range l.Account() {
		assert.Contains(t, []string{"terminated", "deleted"}, r.State, "%s %s %s is left", r.Kind, r.ID, r.Tags)
	}
}

// counted says how many calls change something, and how many read.
func counted(calls []ec2sim.Call) string {
	changing := 0
	for _, c := range calls {
		if c.Changes {
			changing++
		}
	}
	return fmt.Sprintf("%d calls, %d of them changing, %d reading", len(calls), changing, len(calls)-changing)
}

func TestA8_AWholeLife(t *testing.T) {
	begun := time.Now()
	l := lifecycle.New(t, lifecycle.Options{})
	whole(t, l)
	require.NoError(t, l.Live())
	ended(t, l)
	t.Logf("%s in %s", counted(l.Journal()), time.Since(begun))
}

// The process that works dies at every single call of a whole life, before the
// call and after it; or the answer is lost, or the call fails and may be tried
// again. Each time the life goes on to its end, with everything there once.
// Under the race detector every second call goes wrong, in one of the three
// ways in turn; `./task test` runs the whole matrix besides, without it.
func TestA8_CrashAtEveryCallOfAWholeLife(t *testing.T) {
	calm := lifecycle.New(t, lifecycle.Options{})
	whole(t, calm)
	require.NoError(t, calm.Live())
	ended(t, calm)
	calls := len(calm.Journal())
	ways := []struct {
		name    string
		options func(call int) lifecycle.Options
	}{
		{"dies before", func(call int) lifecycle.Options { return lifecycle.Options{Wire: &lifecycle.Wire{At: call}} }},
		{"dies after", func(call int) lifecycle.Options {
			return lifecycle.Options{Wire: &lifecycle.Wire{At: call, After: true}}
		}},
		{"fails", func(int) lifecycle.Options { return lifecycle.Options{} }},
	}
	cases := 0
	for call := 1; call <= calls; call++ {
		for i, way := range ways {
			if raceDetector && call%(2*len(ways)) != 2*i {
				continue
			}
			cases++
			t.Run(fmt.Sprintf("call %d %s", call, way.name), func(t *testing.T) {
				t.Parallel()
				l := lifecycle.New(t, way.options(call))
				if way.name == "fails" {
					l.SetFaults(ec2sim.Fault{Nth: call, Code: "RequestLimitExceeded", Status: 503})
				}
				whole(t, l)
				require.NoError(t, l.Live())
				ended(t, l)
			})
		}
	}
	t.Logf("%d calls, %d cases", calls, cases)
}

func TestA8_LagThrottlingAndServerErrors(t *testing.T) {
	for seed := int64(1); seed <= 25; seed++ {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			l := lifecycle.New(t, lifecycle.Options{Simulator: ec2sim.Options{Seed: seed, Lag: time.Minute, PageSize: 1 + int(seed)%3}})
			l.SetFaults(ec2sim.Fault{Rate: 0.1, Code: "RequestLimitExceeded", Status: 503}, ec2sim.Fault{Rate: 0.1, Code: "InternalError", Status: 500},
				ec2sim.Fault{Rate: 0.05, Drop: true})
			whole(t, l)
			require.NoError(t, l.Live())
			ended(t, l)
		})
	}
}

func TestA8_TwoWorkersAtOnce(t *testing.T) {
	for seed := int64(1); seed <= 15; seed++ {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			l := lifecycle.New(t, lifecycle.Options{Simulator: ec2sim.Options{Seed: seed, Lag: time.Duration(seed-1) * 4 * time.Second}, Worker: lifecycle.Twice()})
			whole(t, l)
			require.NoError(t, l.Live())
			ended(t, l)
		})
	}
}
