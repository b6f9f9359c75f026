package ec2sim

import (
	"container/heap"
	"fmt"
	"hash/fnv"
	"path"
	"slices"
	"sort"
	"strings"
	"time"
)

// Resource is anything in the account. Attr holds its plain facts by the names
// of EC2's filters; List those with several values.
type Resource struct {
	ID     string
	Kind   string // as in a TagSpecification: "vpc", "subnet", "natgateway", …
	State  string
	Tags   map[string]string   `json:",omitempty"`
	Attr   map[string]string   `json:",omitempty"`
	List   map[string][]string `json:",omitempty"`
	Rules  []Rule              `json:",omitempty"` // of a security group
	Routes []Route             `json:",omitempty"` // of a route table
	Born   time.Time
	// Becomes is the state that it takes at Then.
	Becomes string    `json:",omitempty"`
	Then    time.Time `json:",omitzero"`
	// Running since, of an instance.
	Running time.Time `json:",omitzero"`
}

// Rule is one rule of a security group.
type Rule struct {
	Egress        bool `json:",omitempty"`
	Protocol      string
	From, To      int
	CIDR, GroupID string `json:",omitempty"`
}

// Route is one route of a route table.
type Route struct{ Destination, Target string }

// How long states take on AWS, by the simulator's clock. The figures are those
// seen on AWS for NAT gateways, instances and status checks; the others are
// guesses within seconds.
const (
	VPCPending         = 2 * time.Second
	NatGatewayPending  = 100 * time.Second
	NatGatewayDeleting = 60 * time.Second
	InstancePending    = 15 * time.Second
	StatusChecks       = 150 * time.Second
	InstanceStopping   = 30 * time.Second
	BootTime           = 30 * time.Second // from running to the unit's start
	ReadyAfter         = 60 * time.Second // of the unit's running
	VolumeCreating     = 2 * time.Second
	InterfaceLingers   = 10 * time.Second // after its NAT gateway is deleted
	TerminatedLingers  = time.Hour
)

func (s *Simulator) newID(prefix string) string {
	s.Next++
	h := fnv.New64a()
	fmt.Fprintf(h, "%d %d", s.options.Seed, s.Next)
	return fmt.Sprintf("%s-%04x%013x", prefix, s.Next, h.Sum64()>>12)
}

// create puts a new resource into the account, or refuses it by quota or tags.
func (s *Simulator) create(r *request, kind, prefix, state string, attr map[string]string) (*Resource, *apiError) {
	tags, err := r.tags(kind)
	if err != nil {
		return nil, err
	}
	if err := s.overQuota(kind, attr); err != nil {
		return nil, err
	}
	if attr == nil {
		attr = map[string]string{}
	}
	res := &Resource{ID: s.newID(prefix), Kind: kind, State: state, Tags: tags, Attr: attr, List: map[string][]string{}, Born: s.Now()}
	s.put(res)
	r.call.IDs = append(r.call.IDs, res.ID)
	return res, nil
}

// becomes sets a state that follows by itself.
func (s *Simulator) becomes(r *Resource, state string, after time.Duration) {
	r.Becomes, r.Then = state, s.Now().Add(after)
	heap.Push(&s.due, transition{r.Then, r.ID})
}

// gone is the state of what EC2 shows no longer.
const gone = "gone"

// advance lets everything that time has brought about happen.
func (s *Simulator) advance() {
	for now := s.Now(); len(s.due) > 0 && !now.Before(s.due[0].at); {
		next := heap.Pop(&s.due).(transition)
		r := s.Resources[next.id]
		if r == nil || r.Becomes == "" || !r.Then.Equal(next.at) {
			continue // overtaken by another change
		}
		r.State, r.Becomes = r.Becomes, ""
		if r.State == gone {
			s.remove(r.ID)
			continue
		}
		s.entered(r, next.at)
		if r.State == "terminated" || r.State == "deleted" {
			s.becomes(r, gone, TerminatedLingers)
		}
	}
}

// transition is when a resource takes its next state; transitions are a heap.
type transition struct {
	at time.Time
	id string
}

type transitions []transition

func (t transitions) Len() int           { return len(t) }
func (t transitions) Less(i, j int) bool { return t[i].at.Before(t[j].at) }
func (t transitions) Swap(i, j int)      { t[i], t[j] = t[j], t[i] }
func (t *transitions) Push(v any)        { *t = append(*t, v.(transition)) }
func (t *transitions) Pop() any {
	last := (*t)[len(*t)-1]
	*t = (*t)[:len(*t)-1]
	return last
}

// put and remove keep the resources, and their index by kind.
func (s *Simulator) put(r *Resource) {
	s.Resources[r.ID] = r
	s.kinds[r.Kind] = append(s.kinds[r.Kind], r)
}

func (s *Simulator) remove(id string) {
	r := s.Resources[id]
	if r == nil {
		return
	}
	delete(s.Resources, id)
	s.kinds[r.Kind] = slices.DeleteFunc(s.kinds[r.Kind], func(one *Resource) bool { return one == r })
}

// index makes what is not kept in the state file.
func (s *Simulator) index() {
	s.kinds, s.due = map[string][]*Resource{}, nil
	for _, id := range s.sortedIDs() {
		r := s.Resources[id]
		s.kinds[r.Kind] = append(s.kinds[r.Kind], r)
		if r.Becomes != "" {
			heap.Push(&s.due, transition{r.Then, id})
		}
	}
}

func (s *Simulator) sortedIDs() []string {
	ids := make([]string, 0, len(s.Resources))
	for id := range s.Resources {
		ids = append(ids, id)
	}
	sort.Strings(ids)
	return ids
}

// of lists the resources of a kind, the oldest first.
func (s *Simulator) of(kind string) []*Resource { return slices.Clone(s.kinds[kind]) }

// get finds a resource by its ID, as EC2 shows it now.
func (s *Simulator) get(kind, id, notFound string) (*Resource, *apiError) {
	r := s.Resources[id]
	if r == nil || r.Kind != kind || s.lags(r) {
		return nil, refuse(notFound, "The %s ID '%s' does not exist", kind, id)
	}
	return r, nil
}

// lags is whether this reader does not see a fresh resource yet: each call is
// another reader, so that two may disagree.
func (s *Simulator) lags(r *Resource) bool {
	if s.options.Lag == 0 {
		return false
	}
	h := fnv.New32a()
	fmt.Fprintf(h, "%d %s %d", s.options.Seed, r.ID, len(s.Calls))
	share := float64(h.Sum32()%1000) / 1000
	return s.Now().Sub(r.Born) < time.Duration(share*float64(s.options.Lag))
}

// find lists the resources of a kind that the IDs and filters of a describe
// call select. An ID that does not exist is an error, as in EC2.
func (s *Simulator) find(r *request, kind, idParameter, notFound string, filters map[string]func(*Resource) []string) ([]*Resource, *apiError) {
	wanted := r.list(idParameter)
	for _, id := range wanted {
		if _, err := s.get(kind, id, notFound); err != nil {
			return nil, err
		}
	}
	type filter struct {
		values []string
		of     func(*Resource) []string
	}
	var all []filter
	var failed *apiError
	r.each("Filter", func(prefix string) {
		name := r.str(prefix + ".Name")
		of := filters[name]
		if key, isTag := strings.CutPrefix(name, "tag:"); isTag {
			of = func(res *Resource) []string {
				if value, has := res.Tags[key]; has {
					return []string{value}
				}
				return nil
			}
		}
		if name == "tag-key" {
			of = func(res *Resource) []string {
				var keys []string
				for key := range res.Tags {
					keys = append(keys, key)
				}
				return keys
			}
		}
		if of == nil {
			failed = refuse("InvalidParameterValue", "The filter '%s' is invalid", name)
			return
		}
		all = append(all, filter{r.list(prefix + ".Value"), of})
	})
	if failed != nil {
		return nil, failed
	}
	var found []*Resource
	for _, res := range s.of(kind) {
		if len(wanted) > 0 && !slices.Contains(wanted, res.ID) || s.lags(res) {
			continue
		}
		if !slices.ContainsFunc(all, func(f filter) bool { return !matches(f.values, f.of(res)) }) {
			found = append(found, res)
		}
	}
	return found, nil
}

// matches is whether any value of a resource matches any of a filter's, with
// EC2's wildcards.
func matches(patterns, values []string) bool {
	for _, p := range patterns {
		for _, v := range values {
			if p == v {
				return true
			}
			if strings.ContainsAny(p, "*?") {
				if ok, _ := path.Match(p, v); ok {
					return true
				}
			}
		}
	}
	return false
}

// attr makes a filter on a plain fact.
func attr(name string) func(*Resource) []string {
	return func(r *Resource) []string { return []string{r.Attr[name]} }
}

func listed(name string) func(*Resource) []string {
	return func(r *Resource) []string { return r.List[name] }
}

func stateOf(r *Resource) []string { return []string{r.State} }

// tags reads the tags for a kind, and refuses what EC2 refuses.
func (r *request) tags(kind string) (map[string]string, *apiError) {
	tags := map[string]string{}
	var failed *apiError
	r.each("TagSpecification", func(spec string) {
		if r.str(spec+".ResourceType") != kind {
			return
		}
		failed = r.readTags(spec+".Tag", tags)
	})
	return tags, failed
}

func (r *request) readTags(name string, into map[string]string) *apiError {
	var failed *apiError
	r.each(name, func(prefix string) {
		key, value := r.str(prefix+".Key"), r.str(prefix+".Value")
		switch {
		case key == "" || len([]rune(key)) > 128 || len([]rune(value)) > 256:
			failed = refuse("InvalidParameterValue", "Tag keys have 1 to 128 characters, values at most 256")
		case strings.HasPrefix(key, "aws:"):
			failed = refuse("InvalidParameterValue", "Tag keys starting with 'aws:' are reserved")
		}
		into[key] = value
	})
	if len(into) > 50 {
		failed = refuse("TagLimitExceeded", "More than 50 tags")
	}
	return failed
}

func tagSet(r *Resource) node {
	keys := make([]string, 0, len(r.Tags))
	for key := range r.Tags {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return items("tagSet", keys, func(key string) []node { return []node{text("key", key), text("value", r.Tags[key])} })
}
