package deployfile

import (
	"fmt"
	"math/bits"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/Masterminds/semver/v3"
	"gopkg.in/yaml.v3"

	"github.com/aineko-dev/environments/internal/contract"
)

// removeAll is the documented form that removes every pipeline.
const removeAll = "To remove all pipelines everywhere, write:\n  version: 0.1.0\n  environments:\n    develop:\n      pipelines: []"

// parser reads one file and collects what is wrong.
type parser struct {
	options  Options
	problems Problems
	warnings Problems
	// own is what each defined pipeline says of itself.
	own      map[string]definition
	names    []string // of the defined pipelines, in order
	used     map[string]bool
	defaults *contract.Machine
}

// definition is a pipeline's own keys, or an environment's overrides of them.
type definition struct {
	source, name string
	machine      *contract.Machine
	sourceNode   *yaml.Node
	path         string
	hasSource    bool
}

func (p *parser) fail(n *yaml.Node, path, format string, args ...any) {
	p.problems = append(p.problems, Problem{max(n.Line, 1), max(n.Column, 1), path, fmt.Sprintf(format, args...)})
}

func (p *parser) warn(n *yaml.Node, path, format string, args ...any) {
	p.warnings = append(p.warnings, Problem{max(n.Line, 1), max(n.Column, 1), path, fmt.Sprintf(format, args...)})
}

// quoted shows a value of the file in a message.
func quoted(value string) string { return strconv.Quote(contract.Clip(value, 60)) }

func kindOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	if n.Tag == "!!null" {
		return "nothing"
	}
	return quoted(n.Value)
}

func under(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + contract.Clip(contract.Clean(key), 60)
}

// field is a key and its value.
type field struct{ key, value *yaml.Node }

// mapping reads the fields of a mapping; keys twice are an error, and unless
// known is nil, unknown ones, too.
func (p *parser) mapping(n *yaml.Node, path, what string, known []string) ([]field, bool) {
	if n.Kind != yaml.MappingNode {
		p.fail(n, path, "want %s, not %s", what, kindOf(n))
		return nil, false
	}
	var fields []field
	seen := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind != yaml.ScalarNode {
			p.fail(key, path, "a key must be text, not %s", kindOf(key))
			continue
		}
		if first, twice := seen[key.Value]; twice {
			p.fail(key, under(path, key.Value), "the key is here twice, first in line %d", first.Line)
			continue
		}
		seen[key.Value] = key
		if known != nil && !slices.Contains(known, key.Value) {
			p.unknownKey(key, path, known)
			continue
		}
		fields = append(fields, field{key, value})
	}
	return fields, true
}

func (p *parser) unknownKey(key *yaml.Node, path string, known []string) {
	if key.Value == "<<" {
		p.fail(key, under(path, "<<"), "merge keys are not part of the format: write the keys out")
		return
	}
	message := "unknown key"
	if meant := contract.NearMiss(key.Value, known); meant != "" {
		message += fmt.Sprintf(": did you mean %s?", meant)
	} else {
		message += ": known here are " + strings.Join(known, ", ")
	}
	p.fail(key, under(path, key.Value), "%s", message)
}

func get(fields []field, key string) *yaml.Node {
	for _, f := range fields {
		if f.key.Value == key {
			return f.value
		}
	}
	return nil
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// file reads the whole.
func (p *parser) file(root *yaml.Node) *File {
	fields, ok := p.mapping(root, "", "a mapping with version, pipelines and environments", []string{"version", "defaults", "pipelines", "environments"})
	if !ok {
		return nil
	}
	if version := get(fields, "version"); version == nil {
		p.fail(root, "version", "missing: want a version such as 0.1.0")
	} else {
		p.version(version)
	}
	if defaults := get(fields, "defaults"); defaults != nil && !isNull(defaults) {
		if inside, ok := p.mapping(defaults, "defaults", "a mapping with machine_config", []string{"machine_config"}); ok {
			if machine := get(inside, "machine_config"); machine != nil {
				p.defaults = p.machine(machine, "defaults.machine_config")
			}
		}
	}
	p.own, p.used = map[string]definition{}, map[string]bool{}
	var defined []field
	if pipelines := get(fields, "pipelines"); pipelines != nil && !isNull(pipelines) {
		defined, _ = p.mapping(pipelines, "pipelines", "a mapping of pipeline names", nil)
		for _, f := range defined {
			p.define(f)
		}
	}
	f := &File{}
	environments := get(fields, "environments")
	switch {
	case environments == nil:
		p.fail(root, "environments", "missing. %s", removeAll)
	case isNull(environments) || environments.Kind == yaml.MappingNode && len(environments.Content) == 0:
		p.fail(environments, "environments", "empty: list at least one. %s", removeAll)
	default:
		listed, _ := p.mapping(environments, "environments", "a mapping of environment names", nil)
		for _, e := range listed {
			f.environments = append(f.environments, p.environment(e))
		}
		if len(listed) > p.options.EnvironmentLimit {
			p.warn(environments, "environments", "%d environments are listed, and a project may have %d", len(listed), p.options.EnvironmentLimit)
		}
	}
	for _, d := range defined {
		if !p.used[d.key.Value] {
			p.warn(d.key, under("pipelines", d.key.Value), "no environment uses this pipeline")
		}
	}
	return f
}

func (p *parser) version(n *yaml.Node) {
	if n.Kind == yaml.ScalarNode {
		if _, err := semver.StrictNewVersion(n.Value); err == nil {
			return
		}
	}
	p.fail(n, "version", "%s is no semantic version: want three numbers such as 0.1.0", kindOf(n))
}

// text reads a scalar as the text that stands there, even where YAML reads a
// number; null is no text.
func (p *parser) text(n *yaml.Node, path, what string) (string, bool) {
	if n.Kind != yaml.ScalarNode || isNull(n) {
		p.fail(n, path, "want %s, not %s", what, kindOf(n))
		return "", false
	}
	return n.Value, true
}

func (p *parser) define(f field) {
	path := under("pipelines", f.key.Value)
	if err := contract.CheckPipeline(f.key.Value); err != nil {
		p.fail(f.key, path, "%s", err)
	}
	d := p.definition(f.value, path)
	if !d.hasSource && f.value.Kind == yaml.MappingNode {
		p.fail(f.key, path, "source is missing: want the path of the pipeline's file in the repository")
	}
	p.own[f.key.Value] = d
	p.names = append(p.names, f.key.Value)
}

// definition reads source, name and machine_config.
func (p *parser) definition(n *yaml.Node, path string) definition {
	d := definition{path: path}
	fields, _ := p.mapping(n, path, "a mapping with source, name and machine_config", []string{"source", "name", "machine_config"})
	for _, f := range fields {
		at := under(path, f.key.Value)
		switch f.key.Value {
		case "source":
			d.hasSource = true
			if source, ok := p.text(f.value, at, "a path inside the repository"); ok {
				d.source, d.sourceNode = source, f.value
				p.source(f.value, at)
			}
		case "name":
			if name, ok := p.text(f.value, at, "a pipeline name"); ok {
				d.name = name
				if err := contract.CheckPipeline(name); err != nil {
					p.fail(f.value, at, "%s", err)
				}
			}
		case "machine_config":
			d.machine = p.machine(f.value, at)
		}
	}
	return d
}

func (p *parser) source(n *yaml.Node, path string) {
	if err := contract.CheckSource(n.Value); err != nil {
		p.fail(n, path, "%s", err)
		return
	}
	if p.options.SourceExists == nil {
		return
	}
	exists, err := p.options.SourceExists(n.Value)
	switch {
	case err != nil:
		p.fail(n, path, "cannot be looked for in the repository: %s", err)
	case !exists:
		p.fail(n, path, "there is no file %s at this commit", quoted(n.Value))
	}
}

var (
	wholeNumber     = regexp.MustCompile(`^[0-9]{1,9}$`)
	endpointPattern = regexp.MustCompile(`^[A-Za-z0-9-]{1,12}$`)
)

func (p *parser) machine(n *yaml.Node, path string) *contract.Machine {
	before := len(p.problems)
	fields, ok := p.mapping(n, path, "a mapping with type, mem_gib and vcpu", []string{"type", "mem_gib", "vcpu"})
	if !ok {
		return nil
	}
	var m contract.Machine
	for _, key := range []string{"type", "mem_gib", "vcpu"} {
		at, value := under(path, key), get(fields, key)
		switch {
		case value == nil:
			p.fail(n, at, "missing: type, mem_gib and vcpu are given together")
		case key == "type":
			if m.Type, ok = p.text(value, at, "ec2"); ok && m.Type != contract.MachineEC2 {
				p.fail(value, at, "%s is no machine type: want ec2", quoted(m.Type))
			}
		default:
			limit, to := p.options.Limits.MemGiB, &m.MemGiB
			if key == "vcpu" {
				limit, to = p.options.Limits.VCPU, &m.VCPU
			}
			*to = p.power(value, at, limit)
		}
	}
	if len(p.problems) > before {
		return nil
	}
	return &m
}

func (p *parser) power(n *yaml.Node, path string, limit int) int {
	if n.Kind != yaml.ScalarNode || n.Tag != "!!int" || !wholeNumber.MatchString(n.Value) {
		p.fail(n, path, "want a positive power of two, not %s", kindOf(n))
		return 0
	}
	value, _ := strconv.Atoi(n.Value)
	switch {
	case value < 1 || bits.OnesCount(uint(value)) != 1:
		p.fail(n, path, "%d is no positive power of two: want 1, 2, 4, 8, …", value)
	case value > limit:
		p.fail(n, path, "%d is more than the limit of %d", value, limit)
	}
	return value
}
