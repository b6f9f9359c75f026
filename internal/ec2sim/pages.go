package ec2sim

import (
	"strconv"
	"strings"
)

// Limits of a page, as most describe calls have them.
const (
	minPage = 5
	maxPage = 1000
)

// page carries out a call, and ends its answer where a page ends. What follows
// is kept as it is now, under the token; whether EC2 shows later pages as of
// the first call is not documented, so this is a guess.
func (s *Simulator) page(r *request, a action) ([]node, *apiError) {
	if !strings.Contains(a.parameters, "NextToken") {
		return a.do(s, r)
	}
	size := s.options.PageSize
	if size == 0 {
		size = maxPage
	}
	if given := r.str("MaxResults"); given != "" {
		n, err := strconv.Atoi(given)
		if err != nil || n < minPage || n > maxPage {
			return nil, refuse("InvalidParameterValue", "Value ( %s ) for parameter maxResults is invalid. Expecting a value between %d and %d.", given, minPage, maxPage)
		}
		if r.str("Action") == "DescribeInstances" && r.str("InstanceId.1") != "" {
			return nil, refuse("InvalidParameterCombination", "The parameter instancesSet cannot be used with the parameter maxResults")
		}
		size = min(size, n)
	}
	token := r.str("NextToken")
	answer, kept := s.pages[token]
	if token != "" && !kept {
		return nil, refuse("InvalidParameterValue", "The token '%s' is invalid.", token)
	}
	if token == "" {
		var err *apiError
		if answer, err = a.do(s, r); err != nil {
			return nil, err
		}
	}
	delete(s.pages, token)
	set := answer[0]
	if len(set.kids) <= size {
		return answer, nil
	}
	s.Next++
	next := "page-" + strconv.Itoa(s.Next)
	s.pages[next] = []node{{name: set.name, kids: set.kids[size:]}}
	return []node{{name: set.name, kids: set.kids[:size]}, text("nextToken", next)}, nil
}
