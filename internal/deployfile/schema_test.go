package deployfile_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/aineko-dev/environments/internal/deployfile"
)

// beyondSchema are the wrong files that a schema cannot tell: what is wrong
// there lies between two places of the file, in the repository, or in how YAML
// itself is read.
var beyondSchema = map[string]bool{
	"two documents": true, "key twice": true, "pipeline twice": true, "environment twice": true, "too large": true,
	"a pipeline that is not defined": true, "a pipeline of another case": true, "listed twice": true, "same effective name": true,
	"source leaves": true, "source not there": true, "endpoint of another environment's pipeline": true,
}

func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(deployfile.Schema()))
	require.NoError(t, err)
	c := jsonschema.NewCompiler()
	require.NoError(t, c.AddResource("deploy.json", document))
	schema, err := c.Compile("deploy.json")
	require.NoError(t, err)
	return schema
}

// asEditors is a file as an editor's YAML support hands it to the schema: keys
// are text; false where it is no YAML at all.
func asEditors(file []byte) (any, bool) {
	var n yaml.Node
	if yaml.Unmarshal(file, &n) != nil || len(n.Content) == 0 {
		return nil, len(file) == 0
	}
	return plain(n.Content[0], 0)
}

func plain(n *yaml.Node, depth int) (any, bool) {
	if depth > 40 {
		return nil, false
	}
	switch n.Kind {
	case yaml.AliasNode:
		return plain(n.Alias, depth+1)
	case yaml.SequenceNode:
		all := []any{}
		for _, kid := range n.Content {
			v, ok := plain(kid, depth+1)
			if !ok {
				return nil, false
			}
			all = append(all, v)
		}
		return all, true
	case yaml.MappingNode:
		all := map[string]any{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			v, ok := plain(n.Content[i+1], depth+1)
			if !ok || n.Content[i].Kind != yaml.ScalarNode {
				return nil, false
			}
			all[n.Content[i].Value] = v
		}
		return all, true
	}
	var v any
	if n.Decode(&v) != nil {
		return nil, false
	}
	switch v.(type) {
	case nil, bool, string, int, float64:
		return v, true
	}
	return n.Value, true // dates and their like are text in JSON
}

func TestD7_TheSchemaRefusesWhatTheParserDoes(t *testing.T) {
	schema := compiled(t)
	for _, c := range wrong {
		t.Run(c.name, func(t *testing.T) {
			value, isYAML := asEditors([]byte(c.file))
			if !isYAML {
				return // editors say so without a schema
			}
			if beyondSchema[c.name] {
				assert.NoError(t, schema.Validate(value), "the schema can tell after all: take it off the list")
				return
			}
			assert.Error(t, schema.Validate(value))
		})
	}
}

func TestD7_TheSchemaAcceptsWhatTheParserDoes(t *testing.T) {
	schema := compiled(t)
	files, err := filepath.Glob("../../examples/source-document/*.yml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	files = append(files, "../../examples/churn/deploy.yml")
	right := []string{
		with("", ""),
		with("0.1.0", "0.1.0-rc.1+build.5"),
		"version: 0.1.0\ndefaults:\npipelines:\nenvironments: {010: {pipelines: []}, true: {pipeline: []}, null: {pipelines: [], load_balancers: }}\n",
		"version: 0.1.0\npipelines: {1e3: {source: 1.yml, name: 12}, 7: {source: a.yml}}\nenvironments: {d: {pipelines: [1e3, 7]}}\n",
		"version: 0.1.0\npipelines: {a: {source: 1}}\nenvironments: {d: {pipelines: [a]}}\n",
		"version: 0.1.0\npipelines: {2020-01-01: {source: a.yml}}\nenvironments: {d: {pipelines: [2020-01-01: {source: b.yml}]}}\n",
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		right = append(right, string(data))
	}
	for _, file := range right {
		_, _, err := deployfile.Parse([]byte(file), deployfile.Options{})
		require.NoError(t, err, file)
		value, isYAML := asEditors([]byte(file))
		require.True(t, isYAML, file)
		assert.NoError(t, schema.Validate(value), file)
	}
}
