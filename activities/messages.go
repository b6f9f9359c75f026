package activities

import (
	"fmt"
	"time"

	"github.com/aineko-dev/environments/internal/awsec2"
	"github.com/aineko-dev/environments/internal/compute"
	"github.com/aineko-dev/environments/internal/contract"
	"github.com/aineko-dev/environments/internal/network"
)

// Target is the environment that an activity works on, and where: an activity
// on a worker with other credentials or another region does nothing (A10).
type Target struct {
	awsec2.Identity
	Account Account `json:"account"`
}

// Account is where a worker's EC2 calls go.
type Account struct {
	ID     string `json:"id"`
	Region string `json:"region"`
	// Endpoint of EC2, where it is not AWS's own.
	Endpoint string `json:"endpoint,omitempty"`
}

// AccountOf is where the environment of a slot is.
func AccountOf(s contract.Slot) Account {
	return Account{ID: s.Account, Region: s.Region, Endpoint: s.Endpoint}
}

func (a Account) String() string {
	where := fmt.Sprintf("account %s, region %s", a.ID, a.Region)
	if a.Endpoint != "" {
		where += ", at " + a.Endpoint
	}
	return where
}

// Frame is what a piece of work starts with (A11, A10).
type Frame struct {
	Settings Settings `json:"settings"`
	Account  Account  `json:"account"`
}

// BeginWorkInput asks for the frame of a piece of work in an environment that
// is initialised.
type BeginWorkInput struct {
	Target Target `json:"target"`
}

// Work is the frame of a piece of work, and what runs when it begins.
type Work struct {
	Frame
	Instances []compute.Instance `json:"instances"`
	// BrokerDown is why the broker cannot serve; empty when it does (A3).
	BrokerDown string `json:"brokerDown,omitempty"`
}

// TakeSlotInput asks a project for an environment's slot.
type TakeSlotInput struct {
	Project   string `json:"project"`
	TaskQueue string `json:"taskQueue"`
	contract.TakeSlotRequest
}

// FreeSlotInput gives a slot back.
type FreeSlotInput struct {
	Project string `json:"project"`
	contract.FreeSlotRequest
}

// StartEnvironmentInput starts the workflow of an environment that has none running.
type StartEnvironmentInput struct {
	Project     string `json:"project"`
	Environment string `json:"environment"`
	TaskQueue   string `json:"taskQueue"`
}

// InspectSlotInput asks whether anything stands behind a slot.
type InspectSlotInput struct {
	Project      string        `json:"project"`
	Installation string        `json:"installation"`
	Slot         contract.Slot `json:"slot"`
}

// SlotInspection says what stands behind a slot.
type SlotInspection struct {
	// Empty is whether there is neither a workflow nor a resource.
	Empty bool   `json:"empty"`
	Why   string `json:"why"`
}

// RecoverSlotsInput asks for the environments of a project that lost its workflow.
type RecoverSlotsInput struct {
	Project      string `json:"project"`
	Installation string `json:"installation"`
}

// Discovery is what the tags say of an environment whose workflow is gone (C6).
type Discovery struct {
	VPCID     string                    `json:"vpcId,omitempty"`
	Pipelines []contract.PipelineStatus `json:"pipelines,omitempty"`
	// LastDeployment is the highest number that any resource carries.
	LastDeployment int `json:"lastDeployment"`
}

// PlanResourcesInput asks for an environment's resource graph.
type PlanResourcesInput struct {
	Target   Target   `json:"target"`
	Settings Settings `json:"settings"`
	// Resumed is whether an earlier piece of work may have made the VPC already.
	Resumed bool `json:"resumed,omitempty"`
}

// Resources is the resource graph of an environment: what is frozen (A11), and
// the steps that make it exist, with what each must wait for.
type Resources struct {
	Layout network.Layout `json:"layout"`
	Steps  []Step         `json:"steps"`
}

// Step makes one resource exist, or deletes one. Its Kind gives the activity,
// After names the steps (by Role) that must be done before it.
type Step = network.Step

// EnsureInput makes the resource of one step exist.
type EnsureInput struct {
	Target   Target         `json:"target"`
	Settings Settings       `json:"settings"`
	Layout   network.Layout `json:"layout"`
	Step     Step           `json:"step"`
	// IDs of the resources of the steps before it, by role.
	IDs map[string]string `json:"ids,omitempty"`
	// Resumed is whether an earlier piece of work may have made it already.
	Resumed     bool `json:"resumed,omitempty"`
	Incarnation int  `json:"incarnation,omitempty"`
	// Work is the number of the piece of work, within the incarnation.
	Work int `json:"work,omitempty"`
}

// Ensured is the resource that exists now.
type Ensured struct {
	ID string `json:"id"`
	// Also lists further facts, "address" of the broker for instance.
	Also map[string]string `json:"also,omitempty"`
}

// SweepInput names the resources that initialising settled on; twins are removed.
type SweepInput struct {
	Target   Target            `json:"target"`
	Settings Settings          `json:"settings"`
	IDs      map[string]string `json:"ids"`
}

// VerifyInput asks for the isolation to be checked (A7).
type VerifyInput struct {
	Target Target         `json:"target"`
	Layout network.Layout `json:"layout"`
}

// DriftInput asks what differs from what initialising and deploying left (C14).
type DriftInput struct {
	Target Target         `json:"target"`
	Layout network.Layout `json:"layout"`
}

// Drift is what a reconcile found. It changed nothing.
type Drift struct {
	Work
	// Lacking says, by role, what is missing of the network, or there twice.
	Lacking  []string           `json:"lacking,omitempty"`
	Foreign  []string           `json:"foreign,omitempty"` // not the environment's own: reported and left
	Findings []contract.Finding `json:"findings,omitempty"`
	// Failed pipelines, by instance ID, with the reason.
	Failed map[string]string `json:"failed,omitempty"`
}

// Ground is the network that pipelines stand on, as initialising left it.
type Ground struct {
	Layout network.Layout    `json:"layout"`
	IDs    map[string]string `json:"ids"` // resource IDs by role
}

// PlacementsInput asks for the types and zones to try for a machine, in order (A4).
type PlacementsInput struct {
	Target   Target           `json:"target"`
	Settings Settings         `json:"settings"`
	Ground   Ground           `json:"ground"`
	Machine  contract.Machine `json:"machine"`
}

// LaunchInput launches one instance of a pipeline at one placement.
type LaunchInput struct {
	Target      Target            `json:"target"`
	Settings    Settings          `json:"settings"`
	Ground      Ground            `json:"ground"`
	Pipeline    contract.Pipeline `json:"pipeline"`
	Commit      string            `json:"commit"`
	Digest      string            `json:"digest"`
	Deployment  string            `json:"deployment"`
	Incarnation int               `json:"incarnation"`
	Try         int               `json:"try"`
	Placement   compute.Placement `json:"placement"`
}

// CheckInput waits until a pipeline's instance is ready, or says why it is not (A5).
type CheckInput struct {
	Target     Target    `json:"target"`
	Settings   Settings  `json:"settings"`
	InstanceID string    `json:"instanceId"`
	Commit     string    `json:"commit"`
	Deployment string    `json:"deployment"`
	Since      time.Time `json:"since"`
}

// StopInput terminates instances of a pipeline.
type StopInput struct {
	Target      Target   `json:"target"`
	Settings    Settings `json:"settings"`
	Pipeline    string   `json:"pipeline"`
	InstanceIDs []string `json:"instanceIds"`
}

// TearDown is what is left of an environment, as steps that delete it.
type TearDown struct {
	Steps []Step `json:"steps"`
	// Foreign names what is in the environment's VPC and not its own.
	Foreign []string `json:"foreign,omitempty"`
}

// FindInput asks for everything that an environment owns.
type FindInput struct {
	Target   Target   `json:"target"`
	Settings Settings `json:"settings"`
	VPCID    string   `json:"vpcId,omitempty"`
}

// DeleteInput deletes the resource of one step of a TearDown.
type DeleteInput struct {
	Target   Target   `json:"target"`
	Settings Settings `json:"settings"`
	Step     Step     `json:"step"`
}
