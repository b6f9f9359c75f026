package deployfile

import (
	"fmt"
	"strconv"

	"gopkg.in/yaml.v3"

	"github.com/aineko-dev/environments/internal/contract"
)

// environment reads one environment, and resolves its pipelines (D1).
func (p *parser) environment(f field) environment {
	path := under("environments", f.key.Value)
	e := environment{name: f.key.Value, pipelines: []contract.Pipeline{}}
	if err := contract.CheckEnvironment(e.name); err != nil {
		p.fail(f.key, path, "%s", err)
	}
	fields, ok := p.mapping(f.value, path, "a mapping with pipelines", []string{"pipelines", "pipeline", "load_balancers"})
	if !ok {
		return e
	}
	list, single := get(fields, "pipelines"), get(fields, "pipeline")
	listPath := under(path, "pipelines")
	switch {
	case list != nil && single != nil:
		p.fail(single, under(path, "pipeline"), "pipeline and pipelines are both here: keep pipelines")
	case single != nil:
		list, listPath = single, under(path, "pipeline")
		p.warn(single, listPath, "read as pipelines: write it so")
	case list == nil:
		p.fail(f.key, listPath, "missing: write `pipelines: []` for none")
		return e
	}
	e.pipelines = p.pipelines(list, listPath)
	if balancers := get(fields, "load_balancers"); balancers != nil {
		p.loadBalancers(balancers, under(path, "load_balancers"), e)
	}
	return e
}

func (p *parser) pipelines(n *yaml.Node, path string) []contract.Pipeline {
	resolved := []contract.Pipeline{}
	if n.Kind != yaml.SequenceNode {
		p.fail(n, path, "want a list of pipeline names, not %s; [] means none", kindOf(n))
		return resolved
	}
	if len(n.Content) > p.options.Limits.Pipelines {
		p.fail(n, path, "%d pipelines: at most %d in an environment", len(n.Content), p.options.Limits.Pipelines)
	}
	listed, names := map[string]int{}, map[string]string{}
	for i, item := range n.Content {
		at := path + "[" + strconv.Itoa(i) + "]"
		name, overrides, ok := p.item(item, at)
		if !ok {
			continue
		}
		if first, twice := listed[name]; twice {
			p.fail(item, at, "pipeline %s is listed twice, first in line %d", quoted(name), first)
			continue
		}
		listed[name] = item.Line
		own, defined := p.own[name]
		if !defined {
			message := fmt.Sprintf("pipeline %s is not defined under pipelines", quoted(name))
			if meant := contract.NearMiss(name, p.names); meant != "" {
				message += fmt.Sprintf(": did you mean %s?", meant)
			}
			p.fail(item, at, "%s", message)
			continue
		}
		p.used[name] = true
		pipeline := p.resolve(name, own, overrides)
		if other, taken := names[pipeline.EffectiveName()]; taken {
			p.fail(item, at, "pipelines %s and %s would both run as %s and share Kafka topics: give one another name", other, name, quoted(pipeline.EffectiveName()))
			continue
		}
		names[pipeline.EffectiveName()] = name
		resolved = append(resolved, pipeline)
	}
	return resolved
}

// item is a name, or a mapping of one name to overrides.
func (p *parser) item(n *yaml.Node, path string) (name string, overrides definition, ok bool) {
	if n.Kind == yaml.ScalarNode {
		name, ok = p.text(n, path, "a pipeline name")
		return name, definition{}, ok
	}
	fields, ok := p.mapping(n, path, "a pipeline name, or a mapping of one name to overrides", nil)
	if !ok {
		return "", definition{}, false
	}
	if len(fields) != 1 {
		p.fail(n, path, "want one pipeline name with its overrides, not %d: begin each with a hyphen", len(fields))
		return "", definition{}, false
	}
	name = fields[0].key.Value
	if isNull(fields[0].value) {
		return name, definition{}, true
	}
	return name, p.definition(fields[0].value, under(path, name)), true
}

// resolve is D1: environment over pipeline over defaults over the platform's
// default, key by key; machine_config as a whole.
func (p *parser) resolve(name string, own, overrides definition) contract.Pipeline {
	pipeline := contract.Pipeline{Pipeline: name, Source: own.source, Name: own.name, Machine: contract.DefaultMachine}
	if overrides.hasSource {
		pipeline.Source = overrides.source
	}
	if overrides.name != "" {
		pipeline.Name = overrides.name
	}
	for _, machine := range []*contract.Machine{p.defaults, own.machine, overrides.machine} {
		if machine != nil {
			pipeline.Machine = *machine
		}
	}
	return pipeline
}

// maxPort is the highest TCP port.
const maxPort = 65535

// loadBalancers are checked, and not provisioned yet (D6).
func (p *parser) loadBalancers(n *yaml.Node, path string, e environment) {
	if isNull(n) {
		return
	}
	endpoints, ok := p.mapping(n, path, "a mapping of endpoints", nil)
	if !ok {
		return
	}
	here := map[string]bool{}
	var names []string
	for _, pipeline := range e.pipelines {
		here[pipeline.Pipeline] = true
		names = append(names, pipeline.Pipeline)
	}
	for _, endpoint := range endpoints {
		at := under(path, endpoint.key.Value)
		if !endpointPattern.MatchString(endpoint.key.Value) {
			p.fail(endpoint.key, at, "endpoint %s: want 1 to 12 letters, digits and hyphens", quoted(endpoint.key.Value))
		}
		if endpoint.value.Kind != yaml.SequenceNode {
			p.fail(endpoint.value, at, "want a list of {pipeline, port}, not %s", kindOf(endpoint.value))
			continue
		}
		for i, target := range endpoint.value.Content {
			p.balancerTarget(target, at+"["+strconv.Itoa(i)+"]", here, names, e.name)
		}
	}
	if len(endpoints) > 0 {
		p.warn(n, path, "checked, but not provisioned yet: no load balancer is made")
	}
}

func (p *parser) balancerTarget(n *yaml.Node, path string, here map[string]bool, names []string, environment string) {
	fields, ok := p.mapping(n, path, "a mapping with pipeline and port", []string{"pipeline", "port"})
	if !ok {
		return
	}
	if pipeline := get(fields, "pipeline"); pipeline == nil {
		p.fail(n, under(path, "pipeline"), "missing: want a pipeline of this environment")
	} else if name, ok := p.text(pipeline, under(path, "pipeline"), "a pipeline name"); ok && !here[name] {
		message := fmt.Sprintf("pipeline %s is not in environment %s", quoted(name), contract.Clip(environment, 30))
		if meant := contract.NearMiss(name, names); meant != "" {
			message += fmt.Sprintf(": did you mean %s?", meant)
		}
		p.fail(pipeline, under(path, "pipeline"), "%s", message)
	}
	port := get(fields, "port")
	if port == nil {
		p.fail(n, under(path, "port"), "missing: want a port from 1 to %d", maxPort)
		return
	}
	value := 0
	if port.Kind == yaml.ScalarNode && port.Tag == "!!int" && wholeNumber.MatchString(port.Value) {
		value, _ = strconv.Atoi(port.Value)
	}
	if value < 1 || value > maxPort {
		p.fail(port, under(path, "port"), "want a port from 1 to %d, not %s", maxPort, kindOf(port))
	}
}
