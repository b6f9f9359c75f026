package activities

import (
	"time"

	"github.com/aineko-dev/environments/internal/contract"
)

// Settings are the worker's, as a piece of work finds them when it starts
// (A11). They travel through histories, so they hold no secret: where one is
// needed they name the SSM parameter that holds it.
type Settings struct {
	// Installation keeps two installations in one account apart (A6).
	Installation string `json:"installation"`

	// What is frozen when initialising begins.

	CIDR     string `json:"cidr"`               // of every environment's VPC (A1)
	Zones    int    `json:"zones"`              // availability zones (A1)
	NAT      string `json:"nat"`                // "single" or "zonal" (A2)
	FlowLogs string `json:"flowLogs,omitempty"` // ARN of an S3 bucket; empty: none (A2)
	Broker   Broker `json:"broker"`

	// What applies to the next launch.

	Image    string   `json:"image"`    // AMI ID or resolve:ssm:… (A11)
	Families []string `json:"families"` // of instance types, in order of preference (A4)
	// Repository is the URL to fetch from; {project} stands for the project (A4).
	Repository string `json:"repository"`
	// RepositoryToken names the SSM parameter with a private repository's
	// token; {project} and {environment} are replaced; empty: public (A4).
	RepositoryToken string `json:"repositoryToken,omitempty"`
	// InstanceProfile of pipelines; {project} and {environment} are replaced
	// ('/' by '-'); empty: none, and with it no SSM parameters (A4, A12).
	InstanceProfile string `json:"instanceProfile,omitempty"`
	RootVolumeGiB   int    `json:"rootVolumeGib"`
	// StopFirst lists the projects whose pipelines must not run twice (C9).
	StopFirst []string `json:"stopFirst,omitempty"`
	// Readiness is "console" or "status-checks" (A5).
	Readiness        string        `json:"readiness"`
	ReadinessTimeout time.Duration `json:"readinessTimeout"`

	Limits           contract.Limits `json:"limits"`
	EnvironmentLimit int             `json:"environmentLimit"` // per project (C6)

	InitializeTimeout time.Duration `json:"initializeTimeout"` // C7
	DeletionGrace     time.Duration `json:"deletionGrace"`     // X3
	ReconcileInterval time.Duration `json:"reconcileInterval"` // C14; 0: only on request
	// PollInterval is how often a slow state is looked at.
	PollInterval time.Duration `json:"pollInterval"`
	// SettleTime is how long EC2 may show a fresh resource to one reader and
	// not to another; absence counts only after it.
	SettleTime time.Duration `json:"settleTime"`
}

// Broker is the message broker that initialising provides (A3).
type Broker struct {
	Version   string           `json:"version"`
	URL       string           `json:"url"`
	SHA512    string           `json:"sha512"`
	Machine   contract.Machine `json:"machine"`
	VolumeGiB int              `json:"volumeGib"`
	Image     string           `json:"image,omitempty"` // empty: Settings.Image
}
