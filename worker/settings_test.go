package main

import (
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func flags(t *testing.T, args ...string) (*settings, *pflag.FlagSet) {
	t.Helper()
	var s settings
	f := pflag.NewFlagSet("worker", pflag.ContinueOnError)
	s.add(f)
	require.NoError(t, f.Parse(args))
	return &s, f
}

func lookup(env map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) { v, set := env[name]; return v, set }
}

func TestA11_TheDefaultsAreGood(t *testing.T) {
	s, f := flags(t)
	require.NoError(t, fromEnvironment(f, lookup(nil)))
	assert.NoError(t, s.check())
}

func TestT3_AFlagWinsOverItsVariableThatOverTheDefault(t *testing.T) {
	s, f := flags(t, "--nat=zonal")
	require.NoError(t, fromEnvironment(f, lookup(map[string]string{"AINEKO_NAT": "single", "AINEKO_ZONES": "3", "AINEKO_FAMILIES": "m7i,c7i"})))
	assert.Equal(t, "zonal", s.NAT)
	assert.Equal(t, 3, s.Zones)
	assert.Equal(t, []string{"m7i", "c7i"}, s.Families)
	assert.Equal(t, "10.0.0.0/16", s.CIDR)
}

func TestT3_EverySettingIsDocumented(t *testing.T) {
	_, f := flags(t)
	f.VisitAll(func(flag *pflag.Flag) {
		assert.NotEmpty(t, flag.Usage, flag.Name)
		assert.Regexp(t, `^AINEKO_[A-Z0-9_]+$`, variable(flag.Name))
	})
}

func TestA11_EachBadSettingIsNamed(t *testing.T) {
	bad := map[string]string{
		"cidr": "10.0.0.1/16", "installation": "a b", "zones": "0", "nat": "none", "flow-logs": "bucket", "kafka-url": "http://x", "kafka-sha512": "abc",
		"broker-volume-gib": "0", "image": "ubuntu", "broker-image": "x", "families": "", "repository": "https://github.com/x.git", "repository-token": "/x",
		"root-volume-gib": "4", "readiness": "hope", "environment-limit": "1", "max-vcpu": "0", "max-mem-gib": "0", "max-pipelines": "0",
		"readiness-timeout": "0", "initialize-timeout": "-1s", "poll-interval": "0", "stop-timeout": "0", "deletion-grace": "-1h", "reconcile-interval": "-1s",
		"settle-time": "-1s", "log-format": "xml", "task-queue": "", "max-activities": "0",
	}
	var args []string
	for flag, value := range bad {
		args = append(args, "--"+flag+"="+value)
	}
	s, _ := flags(t, args...)
	err := s.check()
	require.Error(t, err)
	for flag := range bad {
		assert.Contains(t, err.Error(), "--"+flag+" ("+variable(flag)+"):")
	}
	assert.Len(t, strings.Split(err.Error(), "\n"), len(bad), "all at once, a line each")
}

func TestT3_ABadVariableIsNamed(t *testing.T) {
	_, f := flags(t)
	err := fromEnvironment(f, lookup(map[string]string{"AINEKO_ZONES": "two", "AINEKO_DELETION_GRACE": "a day"}))
	assert.ErrorContains(t, err, `AINEKO_ZONES="two"`)
	assert.ErrorContains(t, err, `AINEKO_DELETION_GRACE="a day"`)
}

// Settings travel through histories and into user data, so they may hold no
// secret; and what is refused for that is not printed either.
func TestA4_CredentialsInAURLAreRefused(t *testing.T) {
	for _, flag := range []string{"repository", "kafka-url"} {
		for _, user := range []string{"ci:hunter2", "hunter2", "a@b:hunter2"} {
			s, _ := flags(t, "--"+flag+"=https://"+user+"@example.com/{project}.git")
			err := s.check()
			assert.ErrorContains(t, err, "--"+flag+" ")
			assert.ErrorContains(t, err, "holds a user or a password")
			assert.NotContains(t, err.Error(), "hunter2")
		}
	}
}
