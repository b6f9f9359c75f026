package compute_test

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/aineko-dev/environments/internal/awsec2"
	"github.com/aineko-dev/environments/internal/compute"
	"github.com/aineko-dev/environments/internal/contract"
)

var update = flag.Bool("update", false, "write the golden files anew")

func launch() compute.Launch {
	return compute.Launch{
		Identity: awsec2.Identity{Installation: "test", Project: "acme/churn", Environment: "develop", EnvironmentID: "env-abc"},
		Pipeline: contract.Pipeline{Pipeline: "one", Name: "override", Source: "conf/one.yml", Machine: contract.DefaultMachine},
		SHA:      strings.Repeat("a", 40), Deployment: "env-abc/3", Digest: "commit-x", Generation: 1,
		RepositoryURL: "https://github.com/acme/churn.git", RepositoryTokenParameter: "/tokens/acme/churn", SecretsPath: "/aineko/acme/churn/develop/",
		BootstrapServers: "10.0.128.10:9092", RootVolumeGiB: 30, Image: "ami-1", SecurityGroupID: "sg-1",
	}
}

func broker() compute.BrokerLaunch {
	return compute.BrokerLaunch{
		Identity: launch().Identity, InterfaceID: "eni-1", VolumeID: "vol-0123456789abcdef0", Address: "10.0.128.10",
		URL: "https://archive.apache.org/dist/kafka/3.7.2/kafka_2.13-3.7.2.tgz", SHA512: strings.Repeat("0", 128), Version: "3.7.2",
	}
}

func TestA4_UserDataIsWhatItWas(t *testing.T) {
	pipeline, err := compute.PipelineUserData(launch())
	require.NoError(t, err)
	kafka, err := compute.BrokerUserData(broker())
	require.NoError(t, err)
	for name, got := range map[string]string{"pipeline": pipeline, "broker": kafka} {
		path := filepath.Join("testdata", name+".golden")
		if *update {
			require.NoError(t, os.MkdirAll("testdata", 0o755))
			require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
		}
		want, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, string(want), got, "run the test with -update after looking at the difference")
		assert.LessOrEqual(t, len(got), 16<<10)
	}
}

// written are the files that cloud-init would write.
func written(t *testing.T, userData string) map[string]string {
	t.Helper()
	var config struct {
		WriteFiles []struct{ Path, Permissions, Content string } `yaml:"write_files"`
		RunCmd     [][]string                                    `yaml:"runcmd"`
	}
	require.NoError(t, yaml.Unmarshal([]byte(userData), &config))
	files := map[string]string{}
	for _, f := range config.WriteFiles {
		files[f.Path] = f.Content
	}
	return files
}

func TestA4_ScriptsAreFixedAndCheckClean(t *testing.T) {
	for name, render := range map[string]func() (string, error){
		"pipeline": func() (string, error) { return compute.PipelineUserData(launch()) },
		"broker":   func() (string, error) { return compute.BrokerUserData(broker()) },
	} {
		userData, err := render()
		require.NoError(t, err)
		for path, content := range written(t, userData) {
			if !strings.HasPrefix(path, "/usr/local/lib/aineko/") {
				continue
			}
			file := filepath.Join(t.TempDir(), "script")
			require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
			out, err := exec.Command("bash", "-n", file).CombinedOutput()
			assert.NoError(t, err, "%s %s: %s", name, path, out)
			if shellcheck, err := exec.LookPath("shellcheck"); err == nil {
				out, err := exec.Command(shellcheck, "--severity=warning", "--exclude=SC1091,SC2154", file).CombinedOutput()
				assert.NoError(t, err, "%s %s: %s", name, path, out)
			} else {
				t.Log("shellcheck is not installed: only bash -n looked at " + path)
			}
		}
	}
}

// hostile are values that would like to be more than data.
var hostile = []string{"$(reboot)", "`reboot`", "a; reboot", `a" b`, "a' b", "a\nb", "a\x00b", "../x", "-rf", "::x", "${IFS}", strings.Repeat("😀", 1024), "a\\b", "%n", "#x", "{a: b}", "&a *a"}

// Values that would like to be more than data: each is refused, or arrives as
// the very same bytes, in every field that reaches the user data.
func TestA4_HostileValuesAreRefusedOrInert(t *testing.T) {
	fields := map[string]func(l *compute.Launch, v string){
		"AINEKO_SOURCE":          func(l *compute.Launch, v string) { l.Pipeline.Source = v },
		"AINEKO_NAME":            func(l *compute.Launch, v string) { l.Pipeline.Name = v },
		"AINEKO_TOKEN_PARAMETER": func(l *compute.Launch, v string) { l.RepositoryTokenParameter = v },
		"AINEKO_SECRETS_PATH":    func(l *compute.Launch, v string) { l.SecretsPath = v },
		"AINEKO_REPOSITORY":      func(l *compute.Launch, v string) { l.RepositoryURL = "https://example.com/" + v },
		"sha":                    func(l *compute.Launch, v string) { l.SHA = v },
		"deployment":             func(l *compute.Launch, v string) { l.Deployment = v },
		"pipeline":               func(l *compute.Launch, v string) { l.Pipeline.Pipeline = v },
		"environment id":         func(l *compute.Launch, v string) { l.Identity.EnvironmentID = v },
		"bootstrap servers":      func(l *compute.Launch, v string) { l.BootstrapServers = v },
	}
	inert := 0
	for field, set := range fields {
		for _, value := range hostile {
			l := launch()
			set(&l, value)
			userData, err := compute.PipelineUserData(l)
			if err != nil {
				continue // refused
			}
			inert++
			assert.Equal(t, strings.TrimPrefix(value, "https://example.com/"), strings.TrimPrefix(sourced(t, userData, field), "https://example.com/"), field)
		}
	}
	assert.Positive(t, inert)
}

// The broker's values come from settings and from EC2: the same holds for them.
func TestA4_HostileValuesOfTheBrokerAreRefusedOrInert(t *testing.T) {
	inert := 0
	for field, set := range map[string]func(b *compute.BrokerLaunch, v string){
		"AINEKO_KAFKA_URL": func(b *compute.BrokerLaunch, v string) { b.URL = "https://example.com/" + v },
		"sha512":           func(b *compute.BrokerLaunch, v string) { b.SHA512 = v },
		"version":          func(b *compute.BrokerLaunch, v string) { b.Version = v },
		"address":          func(b *compute.BrokerLaunch, v string) { b.Address = v },
		"volume":           func(b *compute.BrokerLaunch, v string) { b.VolumeID = v },
		"environment id":   func(b *compute.BrokerLaunch, v string) { b.Identity.EnvironmentID = v },
	} {
		for _, value := range hostile {
			b := broker()
			set(&b, value)
			userData, err := compute.BrokerUserData(b)
			if field != "AINEKO_KAFKA_URL" {
				assert.Error(t, err, "%s %q", field, value)
				continue
			}
			if err != nil {
				continue // refused
			}
			inert++
			assert.Equal(t, "https://example.com/"+value, sourced(t, userData, field))
		}
	}
	assert.Positive(t, inert)
}

// sourced is a value as the scripts read it: instance.env sourced by bash, the
// value decoded, in quotes. It fails where that leaves anything behind.
func sourced(t *testing.T, userData, name string) string {
	t.Helper()
	dir := t.TempDir()
	env := filepath.Join(dir, "instance.env")
	require.NoError(t, os.WriteFile(env, []byte(written(t, userData)["/etc/aineko/instance.env"]), 0o600))
	cmd := exec.Command("bash", "-euc", `. "$1"; printf '%s' "${!2}" | base64 -d`, "-", env, name)
	cmd.Env, cmd.Dir = []string{"PATH=/usr/bin:/bin"}, dir
	out, err := cmd.Output()
	require.NoError(t, err, name)
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, left, 1, "%s left something behind", name)
	return string(out)
}

func TestA4_TooLongForUserDataIsSaid(t *testing.T) {
	l := launch()
	l.SecretsPath = strings.Repeat("x", 16<<10)
	_, err := compute.PipelineUserData(l)
	assert.ErrorContains(t, err, "and EC2 takes 16384")
}

func TestA4_CloudInitTakesIt(t *testing.T) {
	cloudInit, err := exec.LookPath("cloud-init")
	if err != nil {
		t.Log("cloud-init is not installed: the schema is not looked at")
		return
	}
	for name, render := range map[string]func() (string, error){
		"pipeline": func() (string, error) { return compute.PipelineUserData(launch()) },
		"broker":   func() (string, error) { return compute.BrokerUserData(broker()) },
	} {
		userData, err := render()
		require.NoError(t, err)
		file := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.WriteFile(file, []byte(userData), 0o600))
		out, err := exec.Command(cloudInit, "schema", "--config-file", file).CombinedOutput()
		assert.NoError(t, err, "%s: %s", name, out)
	}
}
