package deployfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"github.com/aineko-dev/environments/internal/contract"
)

const (
	// maxSize of a file (D5), in bytes.
	maxSize = 256 << 10
	// maxNodes bounds what aliases expand to: a file of maxSize without any has fewer.
	maxNodes = 100_000
	// maxDepth bounds nesting; the format has seven levels.
	maxDepth = 30
	// maxProblems bounds a report; who has more mends these first.
	maxProblems = 100
)

// Parse reads a file. err is Problems when something is wrong with it, all at
// once; the warnings come with a right one, too.
func Parse(data []byte, o Options) (file *File, warnings Problems, err error) {
	if o.Limits == (contract.Limits{}) {
		o.Limits = contract.DefaultLimits
	}
	if o.EnvironmentLimit == 0 {
		o.EnvironmentLimit = defaultEnvironmentLimit
	}
	root, problem := load(data)
	if problem != nil {
		return nil, nil, Problems{*problem}
	}
	p := &parser{options: o}
	f := p.file(root)
	p.problems.sort()
	p.warnings.sort()
	if len(p.problems) > maxProblems {
		more := len(p.problems) - maxProblems
		p.problems = append(p.problems[:maxProblems], Problem{p.problems[maxProblems].Line, p.problems[maxProblems].Column, "", fmt.Sprintf("and %d more problems", more)})
	}
	if len(p.problems) > 0 {
		return nil, p.warnings, p.problems
	}
	return f, p.warnings, nil
}

// load makes the one document of a file, with aliases within reason.
func load(data []byte) (*yaml.Node, *Problem) {
	at := func(line, column int, format string, args ...any) *Problem {
		return &Problem{line, column, "", fmt.Sprintf(format, args...)}
	}
	if len(data) > maxSize {
		return nil, at(1, 1, "the file has %d bytes: at most %d", len(data), maxSize)
	}
	if !utf8.Valid(data) {
		line := 1 + bytes.Count(data[:invalidAt(data)], []byte("\n"))
		return nil, at(line, 1, "the file is not UTF-8")
	}
	if depth, line := nesting(data); depth > maxDepth {
		return nil, at(line, 1, "nested more than %d levels deep", maxDepth)
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var document yaml.Node
	if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
		return nil, at(1, 1, "the file is empty: it needs version and environments. "+removeAll)
	} else if err != nil {
		return nil, yamlProblem(err)
	}
	var second yaml.Node
	if err := decoder.Decode(&second); err == nil {
		return nil, at(max(second.Line, 1), max(second.Column, 1), "a second document begins here: a deploy.yml has one")
	} else if !errors.Is(err, io.EOF) {
		return nil, yamlProblem(err)
	}
	count := 0
	if problem := expand(&document, 0, &count, map[*yaml.Node]bool{}); problem != nil {
		return nil, problem
	}
	if len(document.Content) == 0 {
		return nil, at(1, 1, "the file is empty: it needs version and environments. "+removeAll)
	}
	return document.Content[0], nil
}

func invalidAt(data []byte) int {
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size <= 1 {
			return i
		}
		i += size
	}
	return len(data)
}

// nesting is the depth of brackets of flow style, before a parser that recurses sees them.
func nesting(data []byte) (deepest, line int) {
	depth, at := 0, 1
	for _, b := range data {
		switch b {
		case '\n':
			at++
		case '[', '{':
			if depth++; depth > deepest {
				deepest, line = depth, at
			}
		case ']', '}':
			depth = max(depth-1, 0)
		}
	}
	return deepest, line
}

var yamlLine = regexp.MustCompile(`^(?:yaml: )?line (\d+): (.*)$`)

func yamlProblem(err error) *Problem {
	message := strings.TrimPrefix(err.Error(), "yaml: ")
	if m := yamlLine.FindStringSubmatch(message); m != nil {
		line, _ := strconv.Atoi(m[1])
		return &Problem{max(line, 1), 1, "", "not YAML: " + m[2]}
	}
	return &Problem{1, 1, "", "not YAML: " + contract.Clip(contract.Clean(message), 200)}
}

// expand puts what aliases stand for in their places, within reason.
func expand(n *yaml.Node, depth int, count *int, above map[*yaml.Node]bool) *Problem {
	if *count++; *count > maxNodes {
		return &Problem{max(n.Line, 1), max(n.Column, 1), "", "aliases expand beyond reason"}
	}
	if depth > maxDepth {
		return &Problem{n.Line, n.Column, "", fmt.Sprintf("nested more than %d levels deep", maxDepth)}
	}
	if above[n] {
		return &Problem{n.Line, n.Column, "", "an alias stands for something that contains it"}
	}
	above[n] = true
	defer delete(above, n)
	for i, kid := range n.Content {
		if kid.Kind == yaml.AliasNode {
			// Walked where it stands, at its own place in the file.
			copied := *kid.Alias
			copied.Line, copied.Column = kid.Line, kid.Column
			if above[kid.Alias] {
				return &Problem{kid.Line, kid.Column, "", "an alias stands for something that contains it"}
			}
			above[kid.Alias] = true
			problem := expand(&copied, depth+1, count, above)
			delete(above, kid.Alias)
			if problem != nil {
				return problem
			}
			n.Content[i] = &copied
			continue
		}
		if problem := expand(kid, depth+1, count, above); problem != nil {
			return problem
		}
	}
	return nil
}
