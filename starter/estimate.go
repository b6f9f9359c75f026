package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aineko-dev/environments/internal/contract"
)

// What steps take on AWS, as seen there; only those that others wait for. A
// guess about the rest is scaled by what the finished ones took in this very
// run, so that it holds on a simulator with a faster clock, and on a slow day.
const (
	vpcTypically     = 15 * time.Second
	natTypically     = 2 * time.Minute // 90 to 126 s
	brokerTypically  = 5 * time.Minute // status checks alone take 2 to 3
	settleTypically  = 10 * time.Second
	readyTypically   = 5 * time.Minute // launch, status checks, a minute of running
	stoppedTypically = time.Minute
)

// longestWay is what initialising waits for, one after the other: everything
// else fits beside it.
var longestWay = []struct {
	role string
	d    time.Duration
}{
	{"vpc", vpcTypically},
	{"nat-a", natTypically},
	{"broker", brokerTypically},
	{"sweep-duplicates", settleTypically},
	{"verify-isolation", settleTypically},
}

// estimate is how long the work under way will still take, as far as anybody
// can say; longer is whether a step takes longer than such steps do. It is
// made of the steps' states, and where the environment has done such work
// before, of how long that took. pace, where not 0, is that of an
// initialisation seen before.
func estimate(s contract.EnvironmentStatus, now time.Time, pace float64) (left time.Duration, longer, known bool) {
	if len(s.Progress.Steps) == 0 {
		return 0, false, false
	}
	steps := map[string]contract.Step{}
	for _, step := range s.Progress.Steps {
		steps[step.Name] = step
	}
	if here := paceOf(s.Progress.Steps); here > 0 {
		pace = here
	} else if pace == 0 {
		pace = 1
	}
	remains := func(step contract.Step, begun bool, typical time.Duration) time.Duration {
		typical = time.Duration(float64(typical) * pace)
		switch {
		case !begun:
			return typical
		case step.State != contract.StepRunning:
			return 0
		}
		spent := now.Sub(step.Started)
		longer = longer || spent > typical
		return max(typical-spent, 0)
	}
	pipelines := slices.ContainsFunc(s.Progress.Steps, func(step contract.Step) bool { return step.Pipeline != "" })
	if !pipelines {
		if _, initializing := steps["vpc"]; !initializing {
			return 0, false, false // a deletion: it lasts as long as AWS wants
		}
		for _, way := range longestWay {
			step, begun := steps[way.role]
			left += remains(step, begun, way.d)
		}
		if s.UnderWay != nil && s.UnderWay.Commit != "" {
			left += time.Duration(float64(readyTypically) * pace) // its pipelines come afterwards
		}
		return left, longer, true
	}
	if took := lastTook(s); took > 0 && s.UnderWay != nil {
		spent := now.Sub(s.UnderWay.Since)
		return max(took-spent, 0), spent > took, true
	}
	for _, step := range s.Progress.Steps {
		if step.Pipeline == "" {
			continue
		}
		typical := readyTypically
		if step.Phase == contract.PhaseSwitching || step.Phase == contract.PhaseStopping {
			typical = stoppedTypically
		}
		left = max(left, remains(step, true, typical))
	}
	return left, longer, true
}

// paceOf is how the finished steps of the longest way compare with what they
// typically take; 0 where none tells.
func paceOf(steps []contract.Step) float64 {
	var took, typical time.Duration
	for _, step := range steps {
		for _, way := range longestWay {
			if way.role == step.Name && step.State == contract.StepDone {
				took += step.Ended.Sub(step.Started)
				typical += way.d
			}
		}
	}
	if typical < natTypically || took <= 0 {
		return 0
	}
	return took.Seconds() / typical.Seconds()
}

// lastTook is the middle of what the last deployments here took that started
// pipelines; 0 where there were none.
func lastTook(s contract.EnvironmentStatus) time.Duration {
	const enough = 5
	var took []time.Duration
	for _, o := range slices.Backward(s.Outcomes) {
		if o.Outcome == contract.OutcomeDeployed && len(o.Plan.Deploy)+len(o.Plan.Update) > 0 &&
			!strings.HasSuffix(o.Deployment, "/1") && !o.Began.IsZero() && o.Ended.After(o.Began) { // the first initialised as well

			took = append(took, o.Ended.Sub(o.Began))
		}
		if len(took) == enough {
			break
		}
	}
	if len(took) == 0 {
		return 0
	}
	slices.Sort(took)
	return took[len(took)/2]
}

// remaining is the estimate in words, always as one: "about 3 min left".
func remaining(s contract.EnvironmentStatus, now time.Time, pace float64) string {
	left, longer, known := estimate(s, now, pace)
	switch {
	case !known:
		return ""
	case longer && left == 0:
		return "taking longer than usual"
	case left < 15*time.Second:
		return "nearly done"
	case left < 90*time.Second:
		return fmt.Sprintf("about %d s left", int(left.Round(10*time.Second).Seconds()))
	}
	return fmt.Sprintf("about %d min left", int(left.Round(time.Minute).Minutes()))
}
