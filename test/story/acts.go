package story

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aineko-dev/environments/internal/contract"
	"github.com/aineko-dev/environments/internal/ec2sim"
)

// initialised is how long a new environment may take at the story's speed.
const initialised = time.Minute

func (s *Story) create(ctx context.Context) error {
	s.say("$ starter create-project --project %s", Project)
	if err := s.starter(ctx, "create-project", "--project", Project); err != nil {
		return err
	}
	shown := map[string]string{}
	err := eventually(ctx, initialised, func() error {
		status, err := s.status(ctx)
		if err != nil {
			return err
		}
		if len(status.Environments) != 2 {
			return fmt.Errorf("%d environments, want develop and production", len(status.Environments))
		}
		for _, e := range status.Environments {
			line := fmt.Sprintf("%s, step %d of %d", e.Status, e.Progress.Done, e.Progress.Total)
			if shown[e.Name] != line {
				shown[e.Name] = line
				s.say("   %-10s %s  %s", e.Name, line, e.Progress.Step)
			}
			if e.Status != contract.StatusReady {
				err = fmt.Errorf("%s is %s: %s", e.Name, e.Status, e.Reason)
			}
		}
		return err
	})
	return err
}

func (s *Story) deploy(ctx context.Context) error {
	before, err := s.fingerprint(ctx, "production")
	if err != nil {
		return err
	}
	sha, err := s.commit("develop", deployYML(both, production), "first", "Two pipelines for develop")
	if err != nil {
		return err
	}
	o, err := s.push(ctx, "develop", sha, contract.OutcomeDeployed)
	if err != nil {
		return err
	}
	after, err := s.fingerprint(ctx, "production")
	return errors.Join(err,
		want(slices.Equal(o.Plan.Deploy, []string{"example_pipeline_1", "example_pipeline_2"}), "deployed %v", o.Plan.Deploy),
		s.runs(ctx, "develop", "example_pipeline_1", "example_pipeline_2"),
		want(before == after, "something of production changed:\n%s\nwas:\n%s", after, before))
}

func (s *Story) again(ctx context.Context) error {
	sha, err := s.git("rev-parse", "develop")
	if err != nil {
		return err
	}
	before, err := s.changes(ctx)
	if err != nil {
		return err
	}
	if _, err := s.push(ctx, "develop", sha, contract.OutcomeUnchanged); err != nil {
		return err
	}
	after, err := s.changes(ctx)
	return errors.Join(err, want(before == after, "%d changing EC2 calls were made", after-before))
}

func (s *Story) destroyOne(ctx context.Context) error {
	kept, err := s.instance(ctx, "develop", "example_pipeline_2")
	if err != nil {
		return err
	}
	sha, err := s.commit("develop", deployYML(second, production), "", "Without example_pipeline_1")
	if err != nil {
		return err
	}
	o, err := s.push(ctx, "develop", sha, contract.OutcomeDeployed)
	if err != nil {
		return err
	}
	still, err := s.instance(ctx, "develop", "example_pipeline_2")
	return errors.Join(err,
		want(slices.Equal(o.Plan.Destroy, []string{"example_pipeline_1"}), "destroyed %v", o.Plan.Destroy),
		want(kept == still, "example_pipeline_2 has another instance now"),
		s.runs(ctx, "develop", "example_pipeline_2"))
}

func (s *Story) staging(ctx context.Context) error {
	sha, err := s.commit("staging", deployYML(second, staging, production), "", "A staging environment")
	if err != nil {
		return err
	}
	if _, err := s.push(ctx, "staging", sha, contract.OutcomeDeployed); err != nil {
		return err
	}
	return s.runs(ctx, "staging", "example_pipeline_2")
}

func (s *Story) failure(ctx context.Context) error {
	old, err := s.instance(ctx, "develop", "example_pipeline_2")
	if err != nil {
		return err
	}
	sha, err := s.commit("develop", deployYML(second, production), "broken", "Broken code")
	if err != nil {
		return err
	}
	if err := s.Stack.Control().SetBoots(ctx, ec2sim.BootRule{Commit: sha}); err != nil {
		return err
	}
	o, err := s.push(ctx, "develop", sha, contract.OutcomeFailed)
	if err != nil {
		return err
	}
	still, err := s.instance(ctx, "develop", "example_pipeline_2")
	if err != nil {
		return err
	}
	status, err := s.environment(ctx, "develop")
	return errors.Join(err,
		want(old == still, "the old instance %s was replaced by %s", old, still),
		want(status.Status == contract.StatusDegraded, "develop is %s, want degraded", status.Status),
		want(len(o.Pipelines) == 1 && strings.Contains(o.Pipelines[0].Error, "ModuleNotFoundError"), "the journal is not shown: %+v", o.Pipelines),
		s.runs(ctx, "develop", "example_pipeline_2"))
}

func (s *Story) fix(ctx context.Context) error {
	sha, err := s.commit("develop", deployYML(second, production), "fixed", "Fixed code")
	if err != nil {
		return err
	}
	old, err := s.instance(ctx, "develop", "example_pipeline_2")
	if err != nil {
		return err
	}
	if _, err := s.push(ctx, "develop", sha, contract.OutcomeDeployed); err != nil {
		return err
	}
	replaced, err := s.instance(ctx, "develop", "example_pipeline_2")
	return errors.Join(err, want(old != replaced, "it was not replaced"), s.runs(ctx, "develop", "example_pipeline_2"))
}

func (s *Story) limit(ctx context.Context) error {
	qa := "  qa:\n    pipelines: []\n"
	sha, err := s.commit("qa", deployYML(second, production, qa), "", "A fourth environment")
	if err != nil {
		return err
	}
	if _, err := s.push(ctx, "qa", sha, contract.OutcomeUnchanged); err != nil {
		return err
	}
	if sha, err = s.commit("demo", deployYML(second, production, "  demo:\n    pipelines: []\n"), "", "A fifth environment"); err != nil {
		return err
	}
	o, err := s.push(ctx, "demo", sha, contract.OutcomeRefused)
	return errors.Join(err, want(strings.Contains(o.Reason, "develop, production, qa, staging"), "the holders are not named: %s", o.Reason))
}

// signal sends an operator's signal by Temporal's own command line (T1).
func (s *Story) signal(ctx context.Context, environment, name string) error {
	args := []string{"workflow", "signal", "--workflow-id", contract.EnvironmentWorkflowID(Project, environment), "--name", name, "--input", `{"requestedBy":"ops","reason":"the demo"}`}
	s.say("$ temporal %s", strings.Join(args, " "))
	out, err := s.Stack.Tool(ctx, "temporal", args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

func (s *Story) refusedDeletion(ctx context.Context) error {
	if err := s.signal(ctx, "staging", contract.DeleteEnvironmentSignal); err != nil {
		return err
	}
	return eventually(ctx, initialised, func() error {
		e, err := s.environment(ctx, "staging")
		if err != nil {
			return err
		}
		if e.Deletion == nil || !strings.Contains(e.Deletion.Refusal, "example_pipeline_2") {
			return fmt.Errorf("the refusal is not to be seen: %+v", e.Deletion)
		}
		s.say("   refused: %s", e.Deletion.Refusal)
		return want(e.Status == contract.StatusReady, "staging is %s", e.Status)
	})
}

func (s *Story) empty(ctx context.Context) error {
	sha, err := s.commit("staging", deployYML(second, production, "  staging:\n    pipelines: []\n"), "", "Nothing in staging")
	if err != nil {
		return err
	}
	if _, err := s.push(ctx, "staging", sha, contract.OutcomeDeployed); err != nil {
		return err
	}
	e, err := s.environment(ctx, "staging")
	return errors.Join(err,
		want(e.Status == contract.StatusReady && len(e.Pipelines) == 0, "staging is %s with %d pipelines", e.Status, len(e.Pipelines)),
		want(len(e.Services) == 1 && e.Services[0].Status == contract.PipelineRunning, "its broker does not run"))
}

func (s *Story) delete(ctx context.Context) error {
	e, err := s.environment(ctx, "staging")
	if err != nil {
		return err
	}
	if err := s.signal(ctx, "staging", contract.DeleteEnvironmentSignal); err != nil {
		return err
	}
	shown := ""
	err = eventually(ctx, 2*initialised, func() error {
		status, err := s.status(ctx)
		if err != nil {
			return err
		}
		for _, now := range status.Environments {
			if now.Name == "staging" {
				if now.Status != shown {
					shown = now.Status
					s.say("   staging is %s", shown)
				}
				return fmt.Errorf("staging is %s: %+v", now.Status, now.Deletion)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	left, err := s.alive(ctx, e.EnvironmentID)
	return errors.Join(err, want(len(left) == 0, "left in the account: %v", left))
}

func (s *Story) freed(ctx context.Context) error {
	sha, err := s.git("rev-parse", "demo")
	if err != nil {
		return err
	}
	_, err = s.push(ctx, "demo", sha, contract.OutcomeUnchanged)
	return err
}

// runs wants exactly these pipelines to run: by the status, and by what the account holds.
func (s *Story) runs(ctx context.Context, environment string, pipelines ...string) error {
	e, err := s.environment(ctx, environment)
	if err != nil {
		return err
	}
	var running []string
	for _, p := range e.Pipelines {
		if p.Status == contract.PipelineRunning {
			running = append(running, p.Name)
		}
	}
	account, err := s.Stack.Control().Account(ctx)
	if err != nil {
		return err
	}
	var instances []string
	for _, r := range account {
		if r.Kind == "instance" && r.State == "running" && r.Tags[contract.EnvironmentIDTag] == e.EnvironmentID && r.Tags[contract.PipelineTag] != "" {
			instances = append(instances, r.Tags[contract.PipelineTag])
		}
	}
	slices.Sort(instances)
	return errors.Join(
		want(slices.Equal(running, pipelines), "%s says that %v run, want %v", environment, running, pipelines),
		want(slices.Equal(instances, pipelines), "the account runs %v in %s, want %v", instances, environment, pipelines))
}

func (s *Story) instance(ctx context.Context, environment, pipeline string) (string, error) {
	e, err := s.environment(ctx, environment)
	if err != nil {
		return "", err
	}
	for _, p := range e.Pipelines {
		if p.Name == pipeline && p.InstanceID != "" {
			return p.InstanceID, nil
		}
	}
	return "", fmt.Errorf("pipeline %s has no instance in %s", pipeline, environment)
}

func (s *Story) fingerprint(ctx context.Context, environment string) (string, error) {
	e, err := s.environment(ctx, environment)
	if err != nil {
		return "", err
	}
	return Fingerprint(ctx, s.Stack.Control(), e.EnvironmentID)
}

// changes counts the changing EC2 calls so far.
func (s *Story) changes(ctx context.Context) (int, error) {
	calls, err := s.Stack.Control().Journal(ctx)
	n := 0
	for _, c := range calls {
		if c.Changes {
			n++
		}
	}
	return n, err
}

// alive lists what the account holds of an environment, terminated instances
// and deleted NAT gateways aside, which EC2 shows for a while.
func (s *Story) alive(ctx context.Context, environmentID string) ([]string, error) {
	account, err := s.Stack.Control().Account(ctx)
	var left []string
	for _, r := range account {
		tags, _ := json.Marshal(r.Tags)
		if r.State != "terminated" && r.State != "deleted" && strings.Contains(string(tags), environmentID) {
			left = append(left, r.Kind+" "+r.ID)
		}
	}
	return left, err
}
