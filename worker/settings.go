package main

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/aineko-dev/environments/activities"
	"github.com/aineko-dev/environments/internal/compute"
	"github.com/aineko-dev/environments/internal/contract"
	"github.com/aineko-dev/environments/internal/network"
)

// settings are the worker's: those that travel with the work, and those of the
// process.
type settings struct {
	activities.Settings
	taskQueue   string
	address     string
	namespace   string
	listen      string
	pprof       string
	logFormat   string
	stopTimeout time.Duration
	activities  int
	ec2Speed    float64
}

// Kafka's pinned version, and the SHA-512 that Apache publishes beside the
// archive. An instance whose download differs does not start its broker.
const (
	kafkaVersion = "3.7.2"
	kafkaURL     = "https://archive.apache.org/dist/kafka/3.7.2/kafka_2.13-3.7.2.tgz"
	kafkaSHA512  = "65c09fbe8c78098b1efb26632a35d90ee709327a7aab13b37b2023692e1649105714ea513253a19f2cb685dc2c0c3837f32e39e9fb1d8d2367fe4650e5ad3cdc"
)

// add makes every setting a flag. Beside each stands a variable: --nat is AINEKO_NAT.
func (s *settings) add(f *pflag.FlagSet) {
	f.StringVar(&s.taskQueue, "task-queue", contract.TaskQueue, "task queue to work on")
	f.StringVar(&s.address, "address", "", "Temporal's host:port; TEMPORAL_ADDRESS where empty")
	f.StringVar(&s.namespace, "namespace", "", "Temporal namespace; TEMPORAL_NAMESPACE where empty")
	f.StringVar(&s.listen, "listen", "127.0.0.1:9090", "address of /healthz, /readyz and /metrics; empty: none")
	f.StringVar(&s.pprof, "pprof", "", "address of /debug/pprof/, such as 127.0.0.1:6060; empty: none")
	f.StringVar(&s.logFormat, "log-format", "text", "text or json")
	f.DurationVar(&s.stopTimeout, "stop-timeout", 20*time.Second, "how long activities may take to hand over when the worker stops")
	f.IntVar(&s.activities, "max-activities", 1000, "activities at once")
	f.Float64Var(&s.ec2Speed, "ec2-speed", 1, "how much faster than AWS the EC2 endpoint is, for a simulator: scales the worker's pacing; negative: no pacing")

	f.StringVar(&s.Installation, "installation", "default", "keeps two installations in one account apart; a tag on everything")
	f.StringVar(&s.CIDR, "cidr", "10.0.0.0/16", "network of every environment's VPC; the same for all, so that none can be joined")
	f.IntVar(&s.Zones, "zones", 2, "availability zones of an environment")
	f.StringVar(&s.NAT, "nat", network.NATSingle, "NAT gateways: single, or zonal for one a zone")
	f.StringVar(&s.FlowLogs, "flow-logs", "", "ARN of an S3 bucket for VPC flow logs; empty: none")
	f.StringVar(&s.Broker.Version, "kafka-version", kafkaVersion, "Kafka version of new environments")
	f.StringVar(&s.Broker.URL, "kafka-url", kafkaURL, "URL of Kafka's archive")
	f.StringVar(&s.Broker.SHA512, "kafka-sha512", kafkaSHA512, "SHA-512 of Kafka's archive, in hex; goes with --kafka-url")
	f.IntVar(&s.Broker.Machine.VCPU, "broker-vcpu", 2, "vCPU of the broker")
	f.IntVar(&s.Broker.Machine.MemGiB, "broker-mem-gib", 8, "memory of the broker, GiB")
	f.IntVar(&s.Broker.VolumeGiB, "broker-volume-gib", 100, "data volume of the broker, GiB; what it keeps is bounded by it")
	f.StringVar(&s.Broker.Image, "broker-image", "", "image of the broker; empty: --image")
	f.StringVar(&s.Image, "image", "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64", "AMI ID, or resolve:ssm:PARAMETER")
	f.StringSliceVar(&s.Families, "families", []string{"m7i", "c7i", "r7i", "m6i", "c6i", "r6i"}, "instance families, in order of preference")
	f.StringVar(&s.Repository, "repository", "https://github.com/{project}.git", "URL to fetch projects from")
	f.StringVar(&s.RepositoryToken, "repository-token", "", "SSM parameter with a private repository's token; {project} and {environment} are replaced")
	f.StringVar(&s.InstanceProfile, "instance-profile", "", "instance profile of pipelines; {project} and {environment} are replaced, / by -; needed for SSM parameters")
	f.IntVar(&s.RootVolumeGiB, "root-volume-gib", 30, "root volume of instances, GiB")
	f.StringSliceVar(&s.StopFirst, "stop-first", nil, "projects whose pipelines must not run twice: updates stop the old one first")
	f.StringVar(&s.Readiness, "readiness", compute.ReadinessConsole, "console, or status-checks for an EC2 without a console")
	f.DurationVar(&s.ReadinessTimeout, "readiness-timeout", 15*time.Minute, "how long an instance may take to become ready")
	f.IntVar(&s.Limits.VCPU, "max-vcpu", contract.DefaultLimits.VCPU, "vCPU of a pipeline at most")
	f.IntVar(&s.Limits.MemGiB, "max-mem-gib", contract.DefaultLimits.MemGiB, "memory of a pipeline at most, GiB")
	f.IntVar(&s.Limits.Pipelines, "max-pipelines", contract.DefaultLimits.Pipelines, "pipelines of an environment at most")
	f.IntVar(&s.EnvironmentLimit, "environment-limit", 4, "environments of a project at most")
	f.DurationVar(&s.InitializeTimeout, "initialize-timeout", 3*time.Hour, "how long initialising may take")
	f.DurationVar(&s.DeletionGrace, "deletion-grace", 24*time.Hour, "how long an accepted deletion can be cancelled")
	f.DurationVar(&s.ReconcileInterval, "reconcile-interval", time.Hour, "how often the account is compared with the desired state; 0: on request alone")
	f.DurationVar(&s.PollInterval, "poll-interval", 5*time.Second, "how often slow states are looked at")
	f.DurationVar(&s.SettleTime, "settle-time", 10*time.Second, "how long EC2 may show a fresh resource to one reader and not to another")
}

// variable is the environment variable beside a flag.
func variable(flag string) string {
	return "AINEKO_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// fromEnvironment sets the flags that were not given from their variables.
func fromEnvironment(f *pflag.FlagSet, lookup func(string) (string, bool)) error {
	var errs []error
	f.VisitAll(func(flag *pflag.Flag) {
		value, set := lookup(variable(flag.Name))
		if !set || flag.Changed {
			return
		}
		if err := flag.Value.Set(value); err != nil {
			errs = append(errs, fmt.Errorf("%s=%q: %w", variable(flag.Name), value, err))
		}
	})
	return errors.Join(errs...)
}

// withoutCredentials is a URL without the user that may stand before its host.
func withoutCredentials(raw string) string {
	scheme, rest, _ := strings.Cut(raw, "://")
	host, path, slash := strings.Cut(rest, "/")
	if at := strings.LastIndex(host, "@"); at >= 0 {
		host = host[at+1:]
		if slash {
			host += "/"
		}
		return scheme + "://" + host + path
	}
	return raw
}

var (
	sha512Pattern       = regexp.MustCompile(`^[0-9a-f]{128}$`)
	imagePattern        = regexp.MustCompile(`^(ami-[0-9a-z]+|resolve:ssm:\S+)$`)
	installationPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	familyPattern       = regexp.MustCompile(`^[a-z0-9-]+$`)
)

// maxTagValue is how long the value of an EC2 tag may be; the broker's program
// is frozen in some.
const maxTagValue = 256

// check names every bad setting (A11).
func (s *settings) check() error {
	s.Broker.Machine.Type = contract.MachineEC2
	var errs []error
	want := func(ok bool, flag, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf("--%s (%s): %s", flag, variable(flag), fmt.Sprintf(format, args...)))
		}
	}
	prefix, err := netip.ParsePrefix(s.CIDR)
	want(err == nil && prefix.Addr().Is4() && prefix.Masked() == prefix && prefix.Bits() >= 16 && prefix.Bits() <= 24, "cidr", "%q: want an IPv4 network of /16 to /24, such as 10.0.0.0/16", s.CIDR)
	want(installationPattern.MatchString(s.Installation), "installation", "%q: want 1 to 64 letters, digits, _ and -", s.Installation)
	want(s.Zones >= 1 && s.Zones <= 4, "zones", "%d: want 1 to 4", s.Zones)
	want(s.NAT == network.NATSingle || s.NAT == network.NATZonal, "nat", "%q: want %s or %s", s.NAT, network.NATSingle, network.NATZonal)
	want(s.FlowLogs == "" || strings.HasPrefix(s.FlowLogs, "arn:"), "flow-logs", "%q: want an ARN", s.FlowLogs)
	want(strings.HasPrefix(s.Broker.URL, "https://") && len(s.Broker.URL) <= maxTagValue, "kafka-url", "%q: want an https URL of at most %d characters", withoutCredentials(s.Broker.URL), maxTagValue)
	want(sha512Pattern.MatchString(s.Broker.SHA512), "kafka-sha512", "%q: want the 128 hex digits that stand in %s.sha512", s.Broker.SHA512, s.Broker.URL)
	want(s.Broker.VolumeGiB >= 1 && s.Broker.VolumeGiB <= 16384, "broker-volume-gib", "%d: want 1 to 16384", s.Broker.VolumeGiB)
	want(imagePattern.MatchString(s.Image), "image", "%q: want ami-… or resolve:ssm:…", s.Image)
	want(s.Broker.Image == "" || imagePattern.MatchString(s.Broker.Image), "broker-image", "%q: want ami-… or resolve:ssm:…", s.Broker.Image)
	want(len(s.Families) > 0 && !slices.ContainsFunc(s.Families, func(f string) bool { return !familyPattern.MatchString(f) }), "families", "%q: want names such as m7i,c7i", s.Families)
	want(strings.HasPrefix(s.Repository, "https://") && strings.Contains(s.Repository, "{project}"), "repository", "%q: want an https URL with {project} in it", withoutCredentials(s.Repository))
	// Settings are in every history, and this one in user data as well.
	want(withoutCredentials(s.Repository) == s.Repository, "repository", "it holds a user or a password, which everybody could read in histories and user data; put the token into an SSM parameter, and name that with --repository-token")
	want(withoutCredentials(s.Broker.URL) == s.Broker.URL, "kafka-url", "it holds a user or a password, which everybody could read in histories, tags and user data")
	want(s.RepositoryToken == "" || s.InstanceProfile != "", "repository-token", "needs --instance-profile, through which root reads the parameter")
	want(s.RootVolumeGiB >= 8, "root-volume-gib", "%d: want at least 8", s.RootVolumeGiB)
	want(s.Readiness == compute.ReadinessConsole || s.Readiness == compute.ReadinessStatusChecks, "readiness", "%q: want %s or %s", s.Readiness, compute.ReadinessConsole, compute.ReadinessStatusChecks)
	want(s.EnvironmentLimit >= len(contract.InitialEnvironments), "environment-limit", "%d: want at least 2, for every project has develop and production", s.EnvironmentLimit)
	want(s.Limits.VCPU > 0, "max-vcpu", "%d: want at least 1", s.Limits.VCPU)
	want(s.Limits.MemGiB > 0, "max-mem-gib", "%d: want at least 1", s.Limits.MemGiB)
	want(s.Limits.Pipelines > 0, "max-pipelines", "%d: want at least 1", s.Limits.Pipelines)
	for flag, d := range map[string]time.Duration{"readiness-timeout": s.ReadinessTimeout, "initialize-timeout": s.InitializeTimeout, "poll-interval": s.PollInterval, "stop-timeout": s.stopTimeout} {
		want(d > 0, flag, "%s: want more than 0", d)
	}
	for flag, d := range map[string]time.Duration{"deletion-grace": s.DeletionGrace, "reconcile-interval": s.ReconcileInterval, "settle-time": s.SettleTime} {
		want(d >= 0, flag, "%s: want 0 or more", d)
	}
	want(s.logFormat == "text" || s.logFormat == "json", "log-format", "%q: want text or json", s.logFormat)
	want(s.taskQueue != "", "task-queue", "is empty")
	want(s.activities > 0, "max-activities", "%d: want at least 1", s.activities)
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(errs...)
}
