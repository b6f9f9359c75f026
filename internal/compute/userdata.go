package compute

import (
	"embed"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"strings"

	"github.com/aineko-dev/environments/internal/contract"
)

// The user data is cloud-config that only writes files and starts units. The
// scripts are fixed; what differs between instances is in instance.env, a file
// of assignments whose values are base64, or of a form that is checked here
// and needs no quoting. So no value of deploy.yml, a commit or a setting is
// ever read by a shell as anything but data.

//go:embed files
var files embed.FS

// maxUserData is EC2's limit, in bytes before base64.
const maxUserData = 16 << 10

// file is one of those that cloud-init writes.
type file struct{ path, mode, content string }

var (
	deploymentPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9/-]{0,63}$`)
	idPattern         = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]{0,63}$`)
	versionPattern    = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z._-]{0,39}$`)
	sha512Pattern     = regexp.MustCompile(`^[0-9a-f]{128}$`)
	serversPattern    = regexp.MustCompile(`^[0-9.]{7,15}:[0-9]{1,5}$`)
)

// PipelineUserData is what a pipeline's instance does when it boots (A4, A5, A12).
func PipelineUserData(l Launch) (string, error) {
	if err := errors.Join(contract.CheckSHA(l.SHA), contract.CheckPipeline(l.Pipeline.Pipeline), contract.CheckSource(l.Pipeline.Source),
		checkName(l.Pipeline.Name), match("deployment", l.Deployment, deploymentPattern), match("environment id", l.Identity.EnvironmentID, idPattern),
		match("bootstrap servers", l.BootstrapServers, serversPattern), checkURL("repository", l.RepositoryURL)); err != nil {
		return "", err
	}
	env := assignments(
		"AINEKO_READY_LINE", `"`+ReadyLine(l.Identity.EnvironmentID, l.Deployment, l.SHA)+`"`,
		"AINEKO_SHA", l.SHA,
		"AINEKO_SOURCE", encoded(l.Pipeline.Source),
		"AINEKO_NAME", encoded(l.Pipeline.Name),
		"AINEKO_REPOSITORY", encoded(l.RepositoryURL),
		"AINEKO_TOKEN_PARAMETER", encoded(l.RepositoryTokenParameter),
		"AINEKO_SECRETS_PATH", encoded(l.SecretsPath),
	)
	return cloudConfig([]file{
		{"/etc/aineko/instance.env", "0644", env},
		{"/etc/aineko/bootstrap.env", "0644", assignments("KAFKA_CONFIG_BOOTSTRAP_SERVERS", l.BootstrapServers)},
		script("prepare", "pipeline-prepare"), script("run", "pipeline-run"),
		unit("aineko.service", "pipeline.service"),
	}, "aineko.service")
}

// BrokerUserData is what the broker's instance does when it boots (A3).
func BrokerUserData(b BrokerLaunch) (string, error) {
	_, bad := netip.ParseAddr(b.Address)
	if err := errors.Join(bad, match("environment id", b.Identity.EnvironmentID, idPattern), match("Kafka version", b.Version, versionPattern),
		match("SHA-512 of Kafka's archive", b.SHA512, sha512Pattern), match("volume id", b.VolumeID, idPattern), checkURL("Kafka's URL", b.URL)); err != nil {
		return "", err
	}
	env := assignments(
		"AINEKO_READY_LINE", `"`+ReadyLine(b.Identity.EnvironmentID, brokerRole, b.Version)+`"`,
		"AINEKO_ADDRESS", b.Address,
		"AINEKO_VOLUME_ID", b.VolumeID,
		"AINEKO_KAFKA_URL", encoded(b.URL),
		"AINEKO_KAFKA_SHA512", b.SHA512,
	)
	return cloudConfig([]file{
		{"/etc/aineko/instance.env", "0644", env},
		script("prepare", "broker-prepare"), script("retention", "broker-retention"),
		unit("aineko.service", "broker.service"),
		unit("aineko-retention.service", "broker-retention.service"), unit("aineko-retention.timer", "broker-retention.timer"),
	}, "aineko.service", "aineko-retention.timer")
}

func match(what, value string, pattern *regexp.Regexp) error {
	if !pattern.MatchString(value) {
		return fmt.Errorf("%s %q: want %s", what, contract.Clip(value, 80), pattern)
	}
	return nil
}

func checkName(name string) error {
	if name == "" {
		return nil
	}
	return contract.CheckPipeline(name)
}

func checkURL(what, value string) error {
	u, err := url.Parse(value)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.User != nil {
		return fmt.Errorf("%s %q: want an https URL without credentials", what, contract.Clip(value, 120))
	}
	return nil
}

func encoded(value string) string { return base64.StdEncoding.EncodeToString([]byte(value)) }

func assignments(pairs ...string) string {
	var b strings.Builder
	for i := 0; i+1 < len(pairs); i += 2 {
		b.WriteString(pairs[i] + "=" + pairs[i+1] + "\n")
	}
	return b.String()
}

func script(name, source string) file {
	return file{"/usr/local/lib/aineko/" + name, "0755", read(source)}
}

func unit(name, source string) file {
	return file{"/etc/systemd/system/" + name, "0644", read(source)}
}

// read returns a file that is built in.
func read(name string) string {
	data, err := files.ReadFile("files/" + name)
	if err != nil {
		panic(err) // the name is a constant of this package
	}
	return string(data)
}

// cloudConfig writes the files, with those that every instance has, and starts the units.
func cloudConfig(own []file, units ...string) (string, error) {
	all := append(own, script("report", "report"), script("failed", "failed"))
	for _, name := range []string{"aineko-prepare.service", "aineko-failed.service", "aineko-report.service", "aineko-report.timer"} {
		all = append(all, unit(name, name))
	}
	var b strings.Builder
	b.WriteString("#cloud-config\nwrite_files:\n")
	for _, f := range all {
		fmt.Fprintf(&b, "- path: %s\n  permissions: '%s'\n  content: |\n", f.path, f.mode)
		for line := range strings.Lines(f.content) {
			if line != "\n" {
				line = "    " + line
			}
			b.WriteString(line)
		}
	}
	b.WriteString("runcmd:\n- [systemctl, daemon-reload]\n- [systemctl, enable, --now, --no-block, " + strings.Join(append(units, "aineko-report.timer"), ", ") + "]\n")
	if b.Len() > maxUserData {
		return "", fmt.Errorf("the user data has %d bytes, and EC2 takes %d: shorten the source's path, or the repository's URL", b.Len(), maxUserData)
	}
	return b.String(), nil
}
