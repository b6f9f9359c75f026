package contract

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/bits"
	"path"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Commit is what the starter sends with the update "commit": what a commit's
// deploy.yml says of the environment that is named like the commit's branch.
// The starter has checked it all; Check checks it again, for the worker trusts
// no starter.
type Commit struct {
	Project     string    `json:"project"`
	Branch      string    `json:"branch"`
	SHA         string    `json:"sha"`
	CommittedAt time.Time `json:"committedAt,omitzero"`
	// FileDigest is the SHA-256 of deploy.yml, in hex.
	FileDigest string `json:"fileDigest"`
	// Code identifies the code apart from deploy.yml (C11): "tree:<hex>" where
	// the starter had the checkout, else "commit:<sha>".
	Code    string  `json:"code"`
	Desired Desired `json:"desired"`

	AllowRollback bool `json:"allowRollback,omitempty"`
	AllowDestroy  bool `json:"allowDestroy,omitempty"`

	// Evidence says how this commit stands to the newest accepted one (C8).
	Evidence Evidence `json:"evidence"`
	// Warnings of deploy.yml (D6), to be shown with the outcome.
	Warnings []string `json:"warnings,omitempty"`
}

// Desired is the desired state of one environment.
type Desired struct {
	// Listed is whether the branch is a key under environments.
	Listed bool `json:"listed"`
	// Environments are the keys under environments, in the file's order.
	Environments []string   `json:"environments"`
	Pipelines    []Pipeline `json:"pipelines,omitempty"`
}

// Pipeline is one pipeline of an environment, resolved (D1).
type Pipeline struct {
	// Pipeline is its key under the top-level pipelines.
	Pipeline string `json:"pipeline"`
	// Name overrides the pipeline's own name; empty where nothing does.
	Name    string  `json:"name,omitempty"`
	Source  string  `json:"source"`
	Machine Machine `json:"machine"`
}

// Machine is a resolved machine_config: what the instance has at least.
type Machine struct {
	Type   string `json:"type"`
	MemGiB int    `json:"memGib"`
	VCPU   int    `json:"vcpu"`
}

func (m Machine) String() string { return fmt.Sprintf("%d vCPU, %d GiB", m.VCPU, m.MemGiB) }

// MachineEC2 is the one machine type there is.
const MachineEC2 = "ec2"

// DefaultMachine is the platform's default (D1).
var DefaultMachine = Machine{Type: MachineEC2, MemGiB: 8, VCPU: 2}

// Limits of deploy.yml (D5); settings, checked by starter and worker.
type Limits struct {
	VCPU      int `json:"vcpu"`
	MemGiB    int `json:"memGib"`
	Pipelines int `json:"pipelines"`
}

// DefaultLimits are the limits where no setting says otherwise.
var DefaultLimits = Limits{VCPU: 32, MemGiB: 256, Pipelines: 20}

// Evidence is what a starter found out about the order of two commits (C8).
type Evidence struct {
	// ComparedWith is the newest accepted SHA that the starter saw; empty when
	// there was none. If another was accepted meanwhile, the answer is
	// ErrCompareAgain.
	ComparedWith string `json:"comparedWith,omitempty"`
	Kind         string `json:"kind,omitempty"`  // EvidenceOrigin, EvidenceDescent, or empty: commit time decides
	Newer        bool   `json:"newer,omitempty"` // with a Kind: whether this commit is the newer one
}

// Kinds of evidence, the first available decides (C8). The last two are found
// by the environment itself.
const (
	EvidenceOrigin  = "origin"
	EvidenceDescent = "descent"
	EvidenceTime    = "commit time"
	EvidenceArrival = "arrival"
)

// What a commit may hold at most, beyond Limits: so that a message always fits
// into a history many times over.
const (
	maxEnvironmentsListed = 1000
	maxWarnings           = 50
	maxWarningLength      = 1000
	maxSourceLength       = 1024
	maxCommitSize         = 256 << 10
)

// Check returns everything that is wrong with a commit's values (all problems
// joined), or nil. It needs no settings: Limits are checked by CheckLimits.
func (c Commit) Check() error {
	var errs []error
	add := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
	}
	add(CheckProject(c.Project))
	add(CheckEnvironment(c.Branch))
	add(CheckSHA(c.SHA))
	if len(c.FileDigest) != sha256.Size*2 || !isHex(c.FileDigest) {
		add(fmt.Errorf("fileDigest %q: want a SHA-256 in hex", Clip(c.FileDigest, 80)))
	}
	kind, value, _ := strings.Cut(c.Code, ":")
	if (kind != CodeTree && kind != CodeCommit) || !isHex(value) || len(value) < 40 || len(value) > 64 {
		add(fmt.Errorf("code %q: want tree:<hex> or commit:<hex>", Clip(c.Code, 80)))
	}
	if c.Evidence.ComparedWith != "" {
		add(CheckSHA(c.Evidence.ComparedWith))
	}
	switch c.Evidence.Kind {
	case "", EvidenceOrigin, EvidenceDescent:
	default:
		add(fmt.Errorf("evidence %q: want %s or %s", Clip(c.Evidence.Kind, 40), EvidenceOrigin, EvidenceDescent))
	}
	add(c.Desired.check(c.Branch))
	if len(c.Warnings) > maxWarnings {
		add(fmt.Errorf("%d warnings: at most %d", len(c.Warnings), maxWarnings))
	}
	for _, w := range c.Warnings {
		if len(w) > maxWarningLength {
			add(fmt.Errorf("a warning of %d bytes: at most %d", len(w), maxWarningLength))
		}
	}
	if encoded, err := json.Marshal(c); err != nil || len(encoded) > maxCommitSize {
		// Said alone: each of the values may be wrong a thousand times.
		return fmt.Errorf("a commit of %d bytes: at most %d", len(encoded), maxCommitSize)
	}
	return errors.Join(errs...)
}

func (d Desired) check(branch string) error {
	var errs []error
	if len(d.Environments) == 0 || len(d.Environments) > maxEnvironmentsListed {
		errs = append(errs, fmt.Errorf("%d environments listed: want 1 to %d", len(d.Environments), maxEnvironmentsListed))
	}
	listed := false
	for _, name := range d.Environments {
		if err := CheckEnvironment(name); err != nil {
			errs = append(errs, err)
		}
		listed = listed || name == branch
	}
	if listed != d.Listed {
		errs = append(errs, fmt.Errorf("listed is %t, but the environments listed say otherwise of %q", d.Listed, Clip(branch, 40)))
	}
	if !d.Listed && len(d.Pipelines) > 0 {
		errs = append(errs, fmt.Errorf("%d pipelines for an environment that is not listed", len(d.Pipelines)))
	}
	keys, names := map[string]bool{}, map[string]string{}
	for _, p := range d.Pipelines {
		errs = append(errs, p.check())
		if keys[p.Pipeline] {
			errs = append(errs, fmt.Errorf("pipeline %s is listed twice", p.Pipeline))
		}
		keys[p.Pipeline] = true
		if other, taken := names[p.EffectiveName()]; taken && other != p.Pipeline {
			errs = append(errs, fmt.Errorf("pipelines %s and %s have the same name %s: they would share Kafka topics", other, p.Pipeline, p.EffectiveName()))
		}
		names[p.EffectiveName()] = p.Pipeline
	}
	return errors.Join(errs...)
}

// EffectiveName is the name that the pipeline runs under, as far as deploy.yml tells.
func (p Pipeline) EffectiveName() string {
	if p.Name != "" {
		return p.Name
	}
	return p.Pipeline
}

func (p Pipeline) check() error {
	errs := []error{CheckPipeline(p.Pipeline), CheckSource(p.Source)}
	if p.Name != "" {
		errs = append(errs, CheckPipeline(p.Name))
	}
	if p.Machine.Type != MachineEC2 || !powerOfTwo(p.Machine.VCPU) || !powerOfTwo(p.Machine.MemGiB) {
		errs = append(errs, fmt.Errorf("pipeline %q: machine %q %d vCPU %d GiB: want ec2 and powers of two", Clip(p.Pipeline, 63), Clip(p.Machine.Type, 20), p.Machine.VCPU, p.Machine.MemGiB))
	}
	return errors.Join(errs...)
}

// CheckSource returns an error unless source is a path inside the repository
// that is safe to hand to a program (D5).
func CheckSource(source string) error {
	switch {
	case source == "":
		return errors.New("source is empty: want a path inside the repository")
	case len(source) > maxSourceLength:
		return fmt.Errorf("source of %d bytes: at most %d", len(source), maxSourceLength)
	case !utf8.ValidString(source) || strings.IndexFunc(source, unicode.IsControl) >= 0:
		return fmt.Errorf("source %q holds control characters", Clip(source, 120))
	case strings.HasPrefix(source, "-"):
		return fmt.Errorf("source %q begins with '-'", Clip(source, 120))
	case path.IsAbs(source):
		return fmt.Errorf("source %q is absolute: want a path inside the repository", Clip(source, 120))
	}
	if clean := path.Clean(source); clean == ".." || clean == "." || strings.HasPrefix(clean, "../") || strings.HasPrefix(clean, "-") {
		return fmt.Errorf("source %q leaves the repository", Clip(source, 120))
	}
	return nil
}

// CheckLimits returns everything in which the desired state exceeds the limits, or nil.
func (d Desired) CheckLimits(l Limits) error {
	var errs []error
	if len(d.Pipelines) > l.Pipelines {
		errs = append(errs, fmt.Errorf("%d pipelines: at most %d in an environment", len(d.Pipelines), l.Pipelines))
	}
	for _, p := range d.Pipelines {
		if p.Machine.VCPU > l.VCPU || p.Machine.MemGiB > l.MemGiB {
			errs = append(errs, fmt.Errorf("pipeline %s wants %s: at most %d vCPU and %d GiB", p.Pipeline, p.Machine, l.VCPU, l.MemGiB))
		}
	}
	return errors.Join(errs...)
}

// Kinds of Code.
const (
	CodeTree   = "tree"
	CodeCommit = "commit"
)

// Digest identifies what runs (C11): code, source, name and machine of a
// pipeline. Equal digests mean that nothing has to be done. It begins with the
// kind of code, so that digests of different kinds never agree.
func Digest(code string, p Pipeline) string {
	kind, _, _ := strings.Cut(code, ":")
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q %q %d %d", code, p.Source, p.Name, p.Machine.Type, p.Machine.VCPU, p.Machine.MemGiB))
	return kind + "-" + hex.EncodeToString(sum[:16])
}

func powerOfTwo(n int) bool { return n > 0 && bits.OnesCount(uint(n)) == 1 }

func isHex(s string) bool {
	return s != "" && strings.Trim(s, "0123456789abcdef") == ""
}
