package workflows

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Every activity, timer and child that workflow code can ask for says what it
// does to what, and every handler what it is for: here by the source, in
// test/system by the histories of a whole story (T2).
func TestT2_NothingIsAskedForWithoutASummary(t *testing.T) {
	// Options, with the field that must be among those given.
	needed := map[string]string{
		"ActivityOptions": "Summary", "TimerOptions": "Summary", "ChildWorkflowOptions": "StaticSummary",
		"SignalChannelOptions": "Description", "QueryHandlerOptions": "Description", "UpdateHandlerOptions": "Description",
	}
	// Ways that leave no room for it, and what to use instead.
	instead := map[string]string{
		"Sleep": "NewTimerWithOptions", "NewTimer": "NewTimerWithOptions", "AwaitWithTimeout": "AwaitWithOptions",
		"GetSignalChannel": "GetSignalChannelWithOptions", "SetQueryHandler": "SetQueryHandlerWithOptions", "SetUpdateHandler": "SetUpdateHandlerWithOptions",
		"ExecuteLocalActivity": "ExecuteActivity",
	}
	seen := map[string]int{}
	files, err := os.ReadDir(".")
	require.NoError(t, err)
	set := token.NewFileSet()
	for _, entry := range files {
		if !strings.HasSuffix(entry.Name(), ".go") || strings.HasSuffix(entry.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(set, entry.Name(), nil, 0)
		require.NoError(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CompositeLit:
				field, wanted := needed[ofWorkflowPackage(n.Type)]
				if !wanted {
					break
				}
				seen[ofWorkflowPackage(n.Type)]++
				given := false
				for _, e := range n.Elts {
					if pair, ok := e.(*ast.KeyValueExpr); ok {
						name, _ := pair.Key.(*ast.Ident)
						given = given || name.Name == field
					}
				}
				assert.True(t, given, "%s: %s without %s", set.Position(n.Pos()), ofWorkflowPackage(n.Type), field)
			case *ast.CallExpr:
				if better := instead[ofWorkflowPackage(n.Fun)]; better != "" {
					t.Errorf("%s: workflow.%s says nothing in the Web UI; use workflow.%s", set.Position(n.Pos()), ofWorkflowPackage(n.Fun), better)
				}
			}
			return true
		})
	}
	for options := range needed {
		assert.NotZero(t, seen[options], "no %s was found: this test looks for the wrong thing", options)
	}
}

// ofWorkflowPackage is X of workflow.X; else empty.
func ofWorkflowPackage(e ast.Expr) string {
	selector, ok := e.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	if from, ok := selector.X.(*ast.Ident); !ok || from.Name != "workflow" {
		return ""
	}
	return selector.Sel.Name
}
