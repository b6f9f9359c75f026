package awsec2

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/aineko-dev/environments/internal/contract"
)

// Identity says whose a resource is: one life of one environment, in one
// installation. Everything carries it as tags, and every search filters on it (A6).
type Identity struct {
	Installation  string `json:"installation"`
	Project       string `json:"project"`
	Environment   string `json:"environment"`
	EnvironmentID string `json:"environmentId"`
}

// Tags are those of a resource with the given role, its logical name; extra
// ones beside them.
func (i Identity) Tags(role string, extra map[string]string) []types.Tag {
	all := map[string]string{
		contract.InstallationTag:  i.Installation,
		contract.ProjectTag:       i.Project,
		contract.EnvironmentTag:   i.Environment,
		contract.EnvironmentIDTag: i.EnvironmentID,
		contract.RoleTag:          role,
		"Name":                    i.Project + "/" + i.Environment + " " + role,
	}
	for key, value := range extra {
		all[key] = value
	}
	tags := make([]types.Tag, 0, len(all))
	for key, value := range all {
		tags = append(tags, types.Tag{Key: aws.String(key), Value: aws.String(value)})
	}
	// Sorted, since a client token covers the parameters to the letter.
	slices.SortFunc(tags, func(a, b types.Tag) int { return strings.Compare(*a.Key, *b.Key) })
	return tags
}

// Specification is Tags for the call that creates a resource of that kind.
func (i Identity) Specification(kind types.ResourceType, role string, extra map[string]string) []types.TagSpecification {
	return []types.TagSpecification{{ResourceType: kind, Tags: i.Tags(role, extra)}}
}

// Filters find what belongs to this life of the environment, and only that.
func (i Identity) Filters(more ...types.Filter) []types.Filter {
	return append([]types.Filter{
		Filter("tag:"+contract.InstallationTag, i.Installation),
		Filter("tag:"+contract.EnvironmentIDTag, i.EnvironmentID),
	}, more...)
}

// Owns is whether tags say that a resource is this environment's.
func (i Identity) Owns(tags []types.Tag) bool {
	return Tag(tags, contract.InstallationTag) == i.Installation && Tag(tags, contract.EnvironmentIDTag) == i.EnvironmentID
}

// Role is the filter for one role.
func Role(role string) types.Filter { return Filter("tag:"+contract.RoleTag, role) }

// Filter is an EC2 filter; any of the values matches.
func Filter(name string, values ...string) types.Filter {
	return types.Filter{Name: aws.String(name), Values: values}
}

// Tag is the value of a tag, or "".
func Tag(tags []types.Tag, key string) string {
	for _, t := range tags {
		if aws.ToString(t.Key) == key {
			return aws.ToString(t.Value)
		}
	}
	return ""
}

// Token is a client token made of the parts: the same for the same parts, at
// most 64 ASCII characters, which is EC2's limit.
func Token(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:])
}
