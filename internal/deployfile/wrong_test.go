package deployfile_test

import (
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aineko-dev/environments/internal/deployfile"
)

// with is a right file with one part replaced.
func with(old, new string) string {
	const right = `version: 0.1.0
pipelines:
  one:
    source: conf/one.yml
  two:
    source: conf/two.yml
environments:
  develop:
    pipelines:
      - one
      - two
`
	return strings.Replace(right, old, new, 1)
}

const removeAll = "To remove all pipelines everywhere, write:\n  version: 0.1.0\n  environments:\n    develop:\n      pipelines: []"

// Each wrong file, and every message that it gets.
var wrong = []struct {
	rule, name, file string
	messages         []string
}{
	{"D5", "empty", "", []string{"deploy.yml:1:1: the file is empty: it needs version and environments. " + removeAll}},
	{"D5", "only a comment", "# nothing\n", []string{"deploy.yml:1:1: the file is empty: it needs version and environments. " + removeAll}},
	{"D5", "not a mapping", "- a\n", []string{"deploy.yml:1:1: want a mapping with version, pipelines and environments, not a list"}},
	{"D5", "a word", "hello\n", []string{`deploy.yml:1:1: want a mapping with version, pipelines and environments, not "hello"`}},
	{"D5", "not YAML", "version: [\n", []string{"deploy.yml:1:1: not YAML: did not find expected node content"}},
	{"D5", "tab", "version: 0.1.0\n\tenvironments:\n", []string{"deploy.yml:2:1: not YAML: found a tab character that violates indentation"}},
	{"D5", "two documents", with("", "") + "---\nversion: 0.1.0\n", []string{"deploy.yml:12:1: a second document begins here: a deploy.yml has one"}},
	{"D5", "not UTF-8", "version: 0.1.0\nenvironments: \xff\n", []string{"deploy.yml:2:1: the file is not UTF-8"}},
	{"D5", "too large", with("0.1.0", "0.1.0 #"+strings.Repeat("x", 256<<10)), []string{"deploy.yml:1:1: the file has 262300 bytes: at most 262144"}},
	{"D5", "nested too deep", "version: " + strings.Repeat("[", 40) + strings.Repeat("]", 40) + "\n", []string{"deploy.yml:1:1: nested more than 30 levels deep"}},
	{"D5", "alias to itself", "version: 0.1.0\nenvironments: &a\n  develop: *a\n", []string{"deploy.yml:3:12: an alias stands for something that contains it"}},
	{"D5", "aliases beyond reason", "a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\n",
		[]string{"deploy.yml:1:14: aliases expand beyond reason"}},
	{"D5", "version missing", with("version: 0.1.0\n", ""), []string{"deploy.yml:1:1: version: missing: want a version such as 0.1.0"}},
	{"D5", "version of two parts", with("0.1.0", "0.1"), []string{`deploy.yml:1:10: version: "0.1" is no semantic version: want three numbers such as 0.1.0`}},
	{"D5", "version a word", with("0.1.0", "latest"), []string{`deploy.yml:1:10: version: "latest" is no semantic version: want three numbers such as 0.1.0`}},
	{"D5", "version with a v", with("0.1.0", "v0.1.0"), []string{`deploy.yml:1:10: version: "v0.1.0" is no semantic version: want three numbers such as 0.1.0`}},
	{"D5", "version null", with("0.1.0", ""), []string{"deploy.yml:1:9: version: nothing is no semantic version: want three numbers such as 0.1.0"}},
	{"D5", "version a list", with("0.1.0", "[0, 1, 0]"), []string{"deploy.yml:1:10: version: a list is no semantic version: want three numbers such as 0.1.0"}},
	{"D5", "environments missing", "version: 0.1.0\n", []string{"deploy.yml:1:1: environments: missing. " + removeAll}},
	{"D5", "environments null", "version: 0.1.0\nenvironments:\n", []string{"deploy.yml:2:14: environments: empty: list at least one. " + removeAll}},
	{"D5", "environments empty", "version: 0.1.0\nenvironments: {}\n", []string{"deploy.yml:2:15: environments: empty: list at least one. " + removeAll}},
	{"D5", "environments a list", "version: 0.1.0\nenvironments: [develop]\n", []string{"deploy.yml:2:15: environments: want a mapping of environment names, not a list"}},
	{"D5", "unknown key at the top", with("pipelines:", "pipeline:"), []string{
		"deploy.yml:2:1: pipeline: unknown key: did you mean pipelines?",
		`deploy.yml:10:9: environments.develop.pipelines[0]: pipeline "one" is not defined under pipelines`,
		`deploy.yml:11:9: environments.develop.pipelines[1]: pipeline "two" is not defined under pipelines`}},
	{"D5", "unknown key, no near miss", with("version", "owner: me\nversion"), []string{"deploy.yml:1:1: owner: unknown key: known here are version, defaults, pipelines, environments"}},
	{"D5", "key twice", with("environments:", "version: 0.2.0\nenvironments:"), []string{"deploy.yml:7:1: version: the key is here twice, first in line 1"}},
	{"D5", "key of two words", with("version", "? [a]\n: b\nversion"), []string{"deploy.yml:1:3: a key must be text, not a list"}},
	{"D5", "merge key", with("    source: conf/two.yml", "    <<: {source: conf/two.yml}\n    source: conf/two.yml"), []string{"deploy.yml:6:5: pipelines.two.<<: merge keys are not part of the format: write the keys out"}},
	{"D5", "near miss in a pipeline", with("source: conf/one.yml", "sorce: conf/one.yml"), []string{
		"deploy.yml:3:3: pipelines.one: source is missing: want the path of the pipeline's file in the repository",
		"deploy.yml:4:5: pipelines.one.sorce: unknown key: did you mean source?"}},
	{"D5", "near miss in an environment", with("    pipelines:", "    pipelnes:"), []string{
		"deploy.yml:8:3: environments.develop.pipelines: missing: write `pipelines: []` for none",
		"deploy.yml:9:5: environments.develop.pipelnes: unknown key: did you mean pipelines?"}},
	{"D3", "pipeline and pipelines", with("      - two", "      - two\n    pipeline: []"), []string{"deploy.yml:12:15: environments.develop.pipeline: pipeline and pipelines are both here: keep pipelines"}},
	{"D5", "environment null", with("    pipelines:\n      - one\n      - two\n", ""), []string{"deploy.yml:8:11: environments.develop: want a mapping with pipelines, not nothing"}},
	{"D5", "pipelines of an environment null", with("      - one\n      - two\n", ""), []string{"deploy.yml:9:15: environments.develop.pipelines: want a list of pipeline names, not nothing; [] means none"}},
	{"D5", "pipelines of an environment a mapping", with("      - one\n      - two\n", "      one: {}\n"), []string{"deploy.yml:10:7: environments.develop.pipelines: want a list of pipeline names, not a mapping; [] means none"}},
	{"D4", "environment name too long", with("develop", strings.Repeat("a", 25)), []string{`deploy.yml:8:3: environments.aaaaaaaaaaaaaaaaaaaaaaaaa: environment "aaaaaaaaaaaaaaaaaaaaaaaaa": want 1 to 24 letters, digits and hyphens`}},
	{"D4", "environment name with a dot", with("develop", "de.velop"), []string{`deploy.yml:8:3: environments.de.velop: environment "de.velop": want 1 to 24 letters, digits and hyphens`}},
	{"D4", "environment name not ASCII", with("develop", "dévelop"), []string{`deploy.yml:8:3: environments.dévelop: environment "dévelop": want 1 to 24 letters, digits and hyphens`}},
	{"D4", "environment name empty", with("develop", `""`), []string{`deploy.yml:8:3: environments.: environment "": want 1 to 24 letters, digits and hyphens`}},
	{"D4", "pipeline name with a hyphen in front", with("  two:\n", "  -two:\n"), []string{
		`deploy.yml:5:3: pipelines.-two: pipeline name "-two": want 1 to 63 letters, digits, '_' and '-', beginning with a letter or digit`,
		`deploy.yml:11:9: environments.develop.pipelines[1]: pipeline "two" is not defined under pipelines: did you mean -two?`}},
	{"D4", "pipeline name of a shell", with("source: conf/one.yml", "source: conf/one.yml\n    name: $(reboot)"), []string{`deploy.yml:5:11: pipelines.one.name: pipeline name "$(reboot)": want 1 to 63 letters, digits, '_' and '-', beginning with a letter or digit`}},
	{"D5", "a pipeline that is not defined", with("- two", "- three"), []string{`deploy.yml:11:9: environments.develop.pipelines[1]: pipeline "three" is not defined under pipelines`}},
	{"D5", "a pipeline of another case", with("- two", "- TWO"), []string{`deploy.yml:11:9: environments.develop.pipelines[1]: pipeline "TWO" is not defined under pipelines: did you mean two?`}},
	{"D5", "listed twice", with("- two", "- one"), []string{`deploy.yml:11:9: environments.develop.pipelines[1]: pipeline "one" is listed twice, first in line 10`}},
	{"D5", "same effective name", with("source: conf/two.yml", "source: conf/two.yml\n    name: one"), []string{`deploy.yml:12:9: environments.develop.pipelines[1]: pipelines one and two would both run as "one" and share Kafka topics: give one another name`}},
	{"D5", "item with two keys", with("- two", "- {one: {}, two: {}}"), []string{"deploy.yml:11:9: environments.develop.pipelines[1]: want one pipeline name with its overrides, not 2: begin each with a hyphen"}},
	{"D5", "item empty", with("- two", "- {}"), []string{"deploy.yml:11:9: environments.develop.pipelines[1]: want one pipeline name with its overrides, not 0: begin each with a hyphen"}},
	{"D5", "item null", with("- two", "-"), []string{"deploy.yml:11:8: environments.develop.pipelines[1]: want a pipeline name, not nothing"}},
	{"D5", "item a list", with("- two", "- [two]"), []string{"deploy.yml:11:9: environments.develop.pipelines[1]: want a pipeline name, or a mapping of one name to overrides, not a list"}},
	{"D5", "overrides a word", with("- two", "- two: big"), []string{`deploy.yml:11:14: environments.develop.pipelines[1].two: want a mapping with source, name and machine_config, not "big"`}},
	{"D5", "pipeline a word", with("    source: conf/one.yml", "    big"), []string{`deploy.yml:4:5: pipelines.one: want a mapping with source, name and machine_config, not "big"`}},
	{"D5", "source missing", with("    source: conf/one.yml", "    name: x"), []string{"deploy.yml:3:3: pipelines.one: source is missing: want the path of the pipeline's file in the repository"}},
	{"D5", "source null", with("source: conf/one.yml", "source:"), []string{"deploy.yml:4:12: pipelines.one.source: want a path inside the repository, not nothing"}},
	{"D5", "source empty", with("conf/one.yml", `""`), []string{"deploy.yml:4:13: pipelines.one.source: source is empty: want a path inside the repository"}},
	{"D5", "source absolute", with("conf/one.yml", "/etc/passwd"), []string{`deploy.yml:4:13: pipelines.one.source: source "/etc/passwd" is absolute: want a path inside the repository`}},
	{"D5", "source leaves", with("conf/one.yml", "conf/../../x.yml"), []string{`deploy.yml:4:13: pipelines.one.source: source "conf/../../x.yml" leaves the repository`}},
	{"D5", "source with a hyphen in front", with("conf/one.yml", "-rf"), []string{`deploy.yml:4:13: pipelines.one.source: source "-rf" begins with '-'`}},
	{"D5", "source with a control character", with("conf/one.yml", `"a\nb"`), []string{`deploy.yml:4:13: pipelines.one.source: source "a\nb" holds control characters`}},
	{"D5", "source not there", with("conf/one.yml", "conf/gone.yml"), []string{`deploy.yml:4:13: pipelines.one.source: there is no file "conf/gone.yml" at this commit`}},
	{"D2", "machine without vcpu", with("source: conf/one.yml", "source: conf/one.yml\n    machine_config: {type: ec2, mem_gib: 8}"), []string{"deploy.yml:5:21: pipelines.one.machine_config.vcpu: missing: type, mem_gib and vcpu are given together"}},
	{"D2", "machine of another type", with("source: conf/one.yml", "source: conf/one.yml\n    machine_config: {type: gce, mem_gib: 8, vcpu: 2}"), []string{`deploy.yml:5:28: pipelines.one.machine_config.type: "gce" is no machine type: want ec2`}},
	{"D2", "memory no power of two", with("source: conf/one.yml", "source: conf/one.yml\n    machine_config: {type: ec2, mem_gib: 12, vcpu: 2}"), []string{"deploy.yml:5:42: pipelines.one.machine_config.mem_gib: 12 is no positive power of two: want 1, 2, 4, 8, …"}},
	{"D2", "vcpu zero", with("source: conf/one.yml", "source: conf/one.yml\n    machine_config: {type: ec2, mem_gib: 8, vcpu: 0}"), []string{"deploy.yml:5:51: pipelines.one.machine_config.vcpu: 0 is no positive power of two: want 1, 2, 4, 8, …"}},
	{"D2", "vcpu negative", with("source: conf/one.yml", "source: conf/one.yml\n    machine_config: {type: ec2, mem_gib: 8, vcpu: -2}"), []string{`deploy.yml:5:51: pipelines.one.machine_config.vcpu: want a positive power of two, not "-2"`}},
	{"D2", "vcpu in quotes", with("source: conf/one.yml", "source: conf/one.yml\n    machine_config: {type: ec2, mem_gib: 8, vcpu: \"2\"}"), []string{`deploy.yml:5:51: pipelines.one.machine_config.vcpu: want a positive power of two, not "2"`}},
	{"D2", "vcpu a fraction", with("source: conf/one.yml", "source: conf/one.yml\n    machine_config: {type: ec2, mem_gib: 8, vcpu: 0.5}"), []string{`deploy.yml:5:51: pipelines.one.machine_config.vcpu: want a positive power of two, not "0.5"`}},
	{"D5", "vcpu over the limit", with("source: conf/one.yml", "source: conf/one.yml\n    machine_config: {type: ec2, mem_gib: 8, vcpu: 64}"), []string{"deploy.yml:5:51: pipelines.one.machine_config.vcpu: 64 is more than the limit of 32"}},
	{"D5", "memory over the limit", with("version: 0.1.0", "version: 0.1.0\ndefaults: {machine_config: {type: ec2, mem_gib: 512, vcpu: 2}}"), []string{"deploy.yml:2:49: defaults.machine_config.mem_gib: 512 is more than the limit of 256"}},
	{"D5", "too many pipelines", with("      - one\n      - two\n", "      - one\n      - two\n"+strings.Repeat("      - one\n", 19)), append([]string{"deploy.yml:10:7: environments.develop.pipelines: 21 pipelines: at most 20 in an environment"},
		listedTwice(19)...)},
	{"D5", "endpoint of another environment's pipeline", with("      - two", "    load_balancers:\n      api:\n        - {pipeline: two, port: 80}"), []string{`deploy.yml:13:22: environments.develop.load_balancers.api[0].pipeline: pipeline "two" is not in environment develop`}},
	{"D5", "endpoint name too long", with("      - two", "      - two\n    load_balancers:\n      thirteen-char:\n        - {pipeline: two, port: 80}"), []string{`deploy.yml:13:7: environments.develop.load_balancers.thirteen-char: endpoint "thirteen-char": want 1 to 12 letters, digits and hyphens`}},
	{"D5", "port zero", with("      - two", "      - two\n    load_balancers:\n      api:\n        - {pipeline: two, port: 0}"), []string{`deploy.yml:14:33: environments.develop.load_balancers.api[0].port: want a port from 1 to 65535, not "0"`}},
	{"D5", "port too high", with("      - two", "      - two\n    load_balancers:\n      api:\n        - {pipeline: two, port: 65536}"), []string{`deploy.yml:14:33: environments.develop.load_balancers.api[0].port: want a port from 1 to 65535, not "65536"`}},
	{"D5", "port missing", with("      - two", "      - two\n    load_balancers:\n      api:\n        - {pipeline: two}"), []string{"deploy.yml:14:11: environments.develop.load_balancers.api[0].port: missing: want a port from 1 to 65535"}},
	{"D5", "endpoint no list", with("      - two", "      - two\n    load_balancers:\n      api: two"), []string{`deploy.yml:13:12: environments.develop.load_balancers.api: want a list of {pipeline, port}, not "two"`}},
	{"D5", "all at once, in the file's order", "version: 1\nenvironments:\n  a.b:\n    pipelines: [x]\ndefault: {}\n", []string{
		`deploy.yml:1:10: version: "1" is no semantic version: want three numbers such as 0.1.0`,
		`deploy.yml:3:3: environments.a.b: environment "a.b": want 1 to 24 letters, digits and hyphens`,
		`deploy.yml:4:17: environments.a.b.pipelines[0]: pipeline "x" is not defined under pipelines`,
		"deploy.yml:5:1: default: unknown key: did you mean defaults?"}},
}

func listedTwice(n int) []string {
	var all []string
	for i := range n {
		all = append(all, "deploy.yml:"+strconv.Itoa(12+i)+":9: environments.develop.pipelines["+strconv.Itoa(2+i)+`]: pipeline "one" is listed twice, first in line 10`)
	}
	return all
}

func TestD5_EveryWrongFileGetsItsMessages(t *testing.T) {
	require.GreaterOrEqual(t, len(wrong), 60)
	for _, c := range wrong {
		t.Run(c.rule+" "+c.name, func(t *testing.T) {
			file, _, err := deployfile.Parse([]byte(c.file), deployfile.Options{
				SourceExists: func(path string) (bool, error) { return path != "conf/gone.yml", nil },
			})
			require.Error(t, err)
			assert.Nil(t, file)
			var problems deployfile.Problems
			require.True(t, errors.As(err, &problems))
			var got []string
			for _, p := range problems {
				got = append(got, p.String())
			}
			assert.Equal(t, strings.Join(c.messages, "\n"), strings.Join(got, "\n"))
		})
	}
}
