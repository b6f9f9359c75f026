package lifecycle_test

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aineko-dev/environments/activities"
	"github.com/aineko-dev/environments/internal/contract"
	"github.com/aineko-dev/environments/internal/ec2sim"
	"github.com/aineko-dev/environments/test/lifecycle"
)

// secretLike is what a secret in user data would look like: AWS's and GitHub's
// own forms, private keys, and assignments of something that says what it is.
var secretLike = regexp.MustCompile(`AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{20,}|-----BEGIN|(?i)(password|passwd|secret_key|api_key|access_key|bearer) *[=:] *["']?[A-Za-z0-9/+]{6,}|https?://[^/\s]*:[^/\s]*@`)

func TestA4_TheReadingKnowsASecret(t *testing.T) {
	for _, secret := range []string{"AKIAIOSFODNN7EXAMPLE", "ghp_0123456789abcdefghij0123", "password=hunter22", "https://user:word@example.com/x.git", "-----BEGIN RSA PRIVATE KEY-----"} {
		assert.Regexp(t, secretLike, secret)
	}
}

// A whole account is read after a full deploy, resource by resource, as a
// baseline scanner would (A1-A6): every kind that is there has its rule, and a
// kind without one fails.
func TestA4_ASecurityReadingOfTheAccountAfterAFullDeploy(t *testing.T) {
	for _, nat := range []string{"single", "zonal"} {
		t.Run(nat, func(t *testing.T) {
			l := lifecycle.New(t, lifecycle.Options{Settings: func(s *activities.Settings) {
				s.NAT, s.FlowLogs = nat, "arn:aws:s3:::logs"
				s.InstanceProfile, s.RepositoryToken = "aineko-{project}", "/tokens/{project}"
			}})
			l.Commit("a", "one", "two")
			l.Do("read", func() { read(t, l) })
			require.NoError(t, ignoreCancel(l.Live()))
		})
	}
}

func read(t *testing.T, l *lifecycle.Life) {
	account := l.Account()
	named := map[string]ec2sim.Resource{}
	for _, r := range account {
		named[r.ID] = r
	}
	vpc := l.Resource("vpc vpc")
	counted := map[string]int{}
	for _, r := range account {
		what := fmt.Sprintf("%s %s %s", r.Kind, r.ID, r.Tags[contract.RoleTag])
		counted[r.Kind]++
		// What comes with a VPC or a NAT gateway has no tags; everything else has them all (A6).
		own := r.Attr["main"] != "true" && r.Attr["name"] != "default" && r.Attr["managed"] != "true"
		if own {
			for _, key := range []string{contract.InstallationTag, contract.ProjectTag, contract.EnvironmentTag, contract.EnvironmentIDTag, contract.RoleTag, "Name"} {
				assert.NotEmpty(t, r.Tags[key], "%s: %s", what, key)
			}
			for key, value := range r.Tags {
				assert.NotRegexp(t, secretLike, value, "%s: tag %s", what, key)
			}
		}
		switch r.Kind {
		case "vpc":
			assert.Equal(t, "10.0.0.0/16", r.Attr["cidr"], what)
			assert.Equal(t, []string{"true", "true"}, []string{r.Attr["enableDnsSupport"], r.Attr["enableDnsHostnames"]}, what)
		case "subnet":
			assert.Equal(t, "false", r.Attr["mapPublic"], what)
		case "security-group":
			for _, rule := range r.Rules {
				if rule.Egress {
					assert.NotEqual(t, "default", r.Attr["name"], what)
					continue
				}
				assert.Equal(t, "broker-group", r.Tags[contract.RoleTag], "%s lets %+v in", what, rule)
				assert.Equal(t, ec2sim.Rule{Protocol: "tcp", From: 9092, To: 9092, GroupID: l.Resource("security-group pipelines-group").ID}, rule, what)
			}
			if r.Attr["name"] == "default" {
				assert.Empty(t, r.Rules, what)
			}
		case "instance":
			assert.Equal(t, "required", r.Attr["httpTokens"], "%s: IMDSv2", what)
			assert.Equal(t, "1", r.Attr["hopLimit"], what)
			assert.Empty(t, r.Attr["publicIp"], what)
			assert.True(t, strings.HasPrefix(named[r.Attr["subnetId"]].Tags[contract.RoleTag], "private-"), "%s is in a private subnet", what)
			assert.Len(t, r.List["groups"], 1, what)
			if r.Tags[contract.PipelineTag] == "" {
				assert.Empty(t, r.Attr["profile"], "%s: the broker needs no rights", what)
			}
			userData := r.Attr["userData"]
			assert.NotEmpty(t, userData, what)
			assert.NotRegexp(t, secretLike, userData, what)
			for _, word := range regexp.MustCompile(`[A-Za-z0-9+/]{16,}={0,2}`).FindAllString(userData, -1) {
				if plain, err := base64.StdEncoding.DecodeString(word); err == nil {
					assert.NotRegexp(t, secretLike, string(plain), "%s, in base64", what)
				}
			}
		case "volume":
			assert.Equal(t, "true", r.Attr["encrypted"], what)
			assert.Equal(t, "gp3", r.Attr["type"], what)
			if r.Tags[contract.RoleTag] != "broker-volume" {
				assert.Equal(t, "true", r.Attr["deleteOnTermination"], what)
			}
		case "network-interface":
			if r.Attr["publicIp"] != "" {
				assert.NotEmpty(t, r.Attr["natGatewayId"], "%s has a public address", what)
			}
		case "elastic-ip":
			assert.NotEmpty(t, r.Attr["natGatewayId"], "%s is used", what)
		case "natgateway":
			assert.True(t, strings.HasPrefix(named[r.Attr["subnetId"]].Tags[contract.RoleTag], "public-"), what)
		case "route-table":
			for _, route := range r.Routes {
				to := named[route.Target]
				assert.True(t, route.Target == "local" || to.Attr["vpcId"] == vpc.ID, "%s: %+v", what, route)
				if strings.HasPrefix(r.Tags[contract.RoleTag], "private-") {
					assert.NotEqual(t, "internet-gateway", to.Kind, "%s: private subnets have no way in", what)
				}
			}
		case "internet-gateway", "vpc-endpoint", "vpc-flow-log":
			assert.Equal(t, vpc.ID, r.Attr["vpcId"], what)
		default:
			t.Errorf("%s: this reading has no rule for the kind", what)
		}
	}
	assert.Equal(t, 3, counted["instance"])
	assert.Equal(t, 4, counted["volume"])
	assert.Equal(t, 1, counted["vpc-flow-log"])
}
