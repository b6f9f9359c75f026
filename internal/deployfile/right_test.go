package deployfile_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aineko-dev/environments/internal/contract"
	"github.com/aineko-dev/environments/internal/deployfile"
)

func parse(t *testing.T, file string) (*deployfile.File, []string) {
	t.Helper()
	f, warnings, err := deployfile.Parse([]byte(file), deployfile.Options{})
	require.NoError(t, err)
	var shown []string
	for _, w := range warnings {
		shown = append(shown, w.String())
	}
	return f, shown
}

func TestD1_Precedence(t *testing.T) {
	const file = `version: 0.1.0-rc.1+build.5
defaults:
  machine_config: {type: ec2, mem_gib: 16, vcpu: 4}
pipelines:
  plain: {source: conf/plain.yml}
  own: {source: conf/own.yml, name: mine, machine_config: {type: ec2, mem_gib: 32, vcpu: 8}}
environments:
  develop:
    pipelines:
      - plain
      - own
  production:
    pipelines:
      - own: {source: conf/production.yml, name: theirs, machine_config: {type: ec2, mem_gib: 64, vcpu: 16}}
      - plain:
`
	f, warnings := parse(t, file)
	assert.Empty(t, warnings)
	assert.Equal(t, []contract.Pipeline{
		{Pipeline: "plain", Source: "conf/plain.yml", Machine: contract.Machine{Type: "ec2", MemGiB: 16, VCPU: 4}},
		{Pipeline: "own", Name: "mine", Source: "conf/own.yml", Machine: contract.Machine{Type: "ec2", MemGiB: 32, VCPU: 8}},
	}, f.Resolve("develop").Pipelines)
	assert.Equal(t, []contract.Pipeline{
		{Pipeline: "own", Name: "theirs", Source: "conf/production.yml", Machine: contract.Machine{Type: "ec2", MemGiB: 64, VCPU: 16}},
		{Pipeline: "plain", Source: "conf/plain.yml", Machine: contract.Machine{Type: "ec2", MemGiB: 16, VCPU: 4}},
	}, f.Resolve("production").Pipelines)
}

func TestD1_ThePlatformsDefault(t *testing.T) {
	f, _ := parse(t, "version: 0.1.0\npipelines: {a: {source: a.yml}}\nenvironments: {develop: {pipelines: [a]}}\n")
	assert.Equal(t, contract.Machine{Type: "ec2", VCPU: 2, MemGiB: 8}, f.Resolve("develop").Pipelines[0].Machine)
}

func TestD4_NamesByTheirText(t *testing.T) {
	f, _ := parse(t, "version: 0.1.0\npipelines: {1e3: {source: a.yml}}\nenvironments: {010: {pipelines: [1e3]}, true: {pipelines: []}, null: {pipelines: []}}\n")
	assert.Equal(t, []string{"010", "true", "null"}, f.Environments())
	assert.Equal(t, "1e3", f.Resolve("010").Pipelines[0].Pipeline)
	assert.False(t, f.Resolve("8").Listed)
}

func TestD3_SingularIsReadAsPlural(t *testing.T) {
	f, warnings := parse(t, "version: 0.1.0\npipelines: {a: {source: a.yml}}\nenvironments:\n  staging:\n    pipeline:\n      - a\n")
	assert.Len(t, f.Resolve("staging").Pipelines, 1)
	assert.Equal(t, []string{"deploy.yml:6:7: environments.staging.pipeline: read as pipelines: write it so"}, warnings)
}

func TestD6_Warnings(t *testing.T) {
	_, warnings := parse(t, `version: 0.1.0
pipelines: {a: {source: a.yml}, unused: {source: b.yml}}
environments:
  one: {pipelines: [a], load_balancers: {api: [{pipeline: a, port: 8000}]}}
  two: {pipelines: []}
  three: {pipelines: []}
  four: {pipelines: []}
  five: {pipelines: []}
`)
	assert.Equal(t, []string{
		"deploy.yml:2:33: pipelines.unused: no environment uses this pipeline",
		"deploy.yml:4:3: environments: 5 environments are listed, and a project may have 4",
		"deploy.yml:4:41: environments.one.load_balancers: checked, but not provisioned yet: no load balancer is made",
	}, warnings)
}

func TestC2_ABranchThatIsNoKey(t *testing.T) {
	f, _ := parse(t, "version: 0.1.0\nenvironments: {develop: {pipelines: []}}\n")
	d := f.Resolve("staging")
	assert.False(t, d.Listed)
	assert.Equal(t, []string{"develop"}, d.Environments)
}

func TestD5_AnchorsWithinReason(t *testing.T) {
	f, _ := parse(t, "version: 0.1.0\ndefaults:\n  machine_config: &big {type: ec2, mem_gib: 32, vcpu: 8}\npipelines: {a: {source: a.yml, machine_config: *big}}\nenvironments: {develop: {pipelines: [a]}}\n")
	assert.Equal(t, 8, f.Resolve("develop").Pipelines[0].Machine.VCPU)
}

// Whatever the bytes, a parse ends, its problems have places in the file, and
// what it accepts the worker accepts, too.
func FuzzParse(f *testing.F) {
	for _, c := range wrong {
		f.Add([]byte(c.file))
	}
	f.Add([]byte(with("", "")))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, warnings, err := deployfile.Parse(data, deployfile.Options{})
		// Line breaks as YAML 1.1 has them.
		lines := 1 + strings.Count(string(data), "\n") + strings.Count(string(data), "\r") + strings.Count(string(data), "\u0085") +
			strings.Count(string(data), "\u2028") + strings.Count(string(data), "\u2029")
		check := func(p deployfile.Problem) {
			if p.Line < 1 || p.Line > lines+1 || p.Column < 1 || p.Message == "" {
				t.Errorf("a problem at %d:%d of %d lines: %q", p.Line, p.Column, lines, p.Message)
			}
		}
		for _, w := range warnings {
			check(w)
		}
		if err != nil {
			for _, p := range err.(deployfile.Problems) {
				check(p)
			}
			return
		}
		for _, name := range file.Environments() {
			c := contract.Commit{
				Project: "a/b", Branch: name, SHA: strings.Repeat("a", 40), FileDigest: deployfile.Digest(data),
				Code: "commit:" + strings.Repeat("a", 40), Desired: file.Resolve(name),
			}
			if err := c.Check(); err != nil {
				t.Errorf("environment %s is accepted here, and not by the worker: %v", name, err)
			}
		}
	})
}
