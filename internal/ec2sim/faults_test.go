package ec2sim_test

import (
	"context"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aineko-dev/environments/internal/awsec2"
	"github.com/aineko-dev/environments/internal/ec2sim"
)

func (a *account) allocate() error {
	_, err := a.AllocateAddress(a.t.Context(), &ec2.AllocateAddressInput{})
	return err
}

// Faults are set over HTTP, as a test in another process would.
func TestFaults_EachKindStrikesWhereItShould(t *testing.T) {
	ctx := t.Context()
	for name, c := range map[string]struct {
		fault ec2sim.Fault
		check func(t *testing.T, a *account)
		left  int // addresses in the account
	}{
		"fails before": {ec2sim.Fault{Action: "AllocateAddress", Nth: 2, Code: "UnauthorizedOperation", Status: 403}, func(t *testing.T, a *account) {
			require.NoError(t, a.allocate())
			refused(t, "UnauthorizedOperation", a.allocate())
			require.NoError(t, a.allocate(), "once")
		}, 2},
		"works, and the answer is lost": {ec2sim.Fault{Action: "AllocateAddress", Nth: 1, Drop: true}, func(t *testing.T, a *account) {
			lost(t, a.allocate())
			require.NoError(t, a.allocate())
		}, 2},
		"a number of times": {ec2sim.Fault{Action: "AllocateAddress", Times: 2, Code: "InternalError", Status: 500, Message: "two times"}, func(t *testing.T, a *account) {
			refused(t, "InternalError", a.allocate())
			refused(t, "InternalError", a.allocate())
			require.NoError(t, a.allocate())
		}, 1},
		"throttles changes alone": {ec2sim.Fault{ChangesOnly: true, Code: "RequestLimitExceeded", Status: 503}, func(t *testing.T, a *account) {
			refused(t, "RequestLimitExceeded", a.allocate())
			must(a.DescribeAddresses(ctx, &ec2.DescribeAddressesInput{}))(t)
		}, 0},
		"takes long": {ec2sim.Fault{Action: "AllocateAddress", DelayMillis: 200}, func(t *testing.T, a *account) {
			short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
			defer cancel()
			_, err := a.AllocateAddress(short, &ec2.AllocateAddressInput{})
			require.ErrorIs(t, err, context.DeadlineExceeded, "and has its effect")
		}, 1},
		"the n-th of all calls": {ec2sim.Fault{Nth: 2, Code: "Unavailable", Status: 503}, func(t *testing.T, a *account) {
			must(a.DescribeAddresses(ctx, &ec2.DescribeAddressesInput{}))(t)
			refused(t, "Unavailable", a.allocate())
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAccount(t, ec2sim.Options{})
			require.NoError(t, ec2sim.Control{URL: a.url}.SetFaults(ctx, c.fault))
			c.check(t, a)
			held, err := ec2sim.Control{URL: a.url}.Account(ctx)
			require.NoError(t, err)
			assert.Len(t, held, c.left)
		})
	}
}

func TestFaults_AtARateAreTheSameForASeed(t *testing.T) {
	strikes := func(seed int64) (pattern string) {
		a := newAccount(t, ec2sim.Options{Seed: seed, Quotas: map[string]int{}})
		a.SetFaults(ec2sim.Fault{Rate: 0.2, Code: "InternalError", Status: 500})
		for range 200 {
			if a.allocate() == nil {
				pattern += "."
			} else {
				pattern += "x"
			}
		}
		return pattern
	}
	one, other := strikes(1), strikes(2)
	assert.Equal(t, one, strikes(1))
	assert.NotEqual(t, one, other)
	n := 0
	for _, c := range one {
		if c == 'x' {
			n++
		}
	}
	assert.InDelta(t, 40, n, 20, "about a fifth of 200")
}

func TestJournal_SaysWhatEachCallDid(t *testing.T) {
	a := newAccount(t, ec2sim.Options{})
	control := ec2sim.Control{URL: a.url}
	vpc := a.vpc()
	_, _ = a.DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{VpcIds: []string{"vpc-none"}})
	a.SetFaults(ec2sim.Fault{Drop: true})
	subnet := "10.0.0.0/24"
	_, err := a.CreateSubnet(t.Context(), &ec2.CreateSubnetInput{VpcId: &vpc, CidrBlock: &subnet, AvailabilityZone: aws.String("us-east-1a")})
	lost(t, err)
	journal, err := control.Journal(t.Context())
	require.NoError(t, err)
	require.Len(t, journal, 3)
	assert.Equal(t, "CreateVpc", journal[0].Action)
	assert.True(t, journal[0].Changes)
	assert.Equal(t, []string{vpc}, journal[0].IDs)
	assert.Equal(t, "InvalidVpcID.NotFound", journal[1].Error)
	assert.False(t, journal[1].Changes)
	assert.True(t, journal[2].Dropped)
	assert.Len(t, journal[2].IDs, 1, "it was made")
	require.NoError(t, control.SetBoots(t.Context(), ec2sim.BootRule{Commit: "x"}))
	require.NoError(t, control.SetShortages(t.Context(), ec2sim.Shortage{Zone: "us-east-1a"}))
	assert.Error(t, ec2sim.Control{URL: a.url + "/nowhere"}.SetFaults(t.Context()))
}

// The account outlives the simulator: resources, tokens, journal, faults,
// states under way, and time.
func TestStateFile_KeepsTheAccount(t *testing.T) {
	o := ec2sim.Options{Speed: 50, StateFile: filepath.Join(t.TempDir(), "state.json")}
	a := newAccount(t, o)
	vpc := a.vpc()
	subnet := a.subnet(vpc, "10.0.0.0/24")
	id := a.launch(subnet, "token")
	a.SetFaults(ec2sim.Fault{Action: "AllocateAddress", Code: "InternalError", Status: 500})
	before, calls := a.Now(), len(a.Journal())
	a.Close()

	again, err := ec2sim.New(o)
	require.NoError(t, err)
	server := httptest.NewServer(again)
	t.Cleanup(server.Close)
	t.Cleanup(again.Close)
	b := &account{Simulator: again, Client: client(server.URL), t: t, url: server.URL}
	assert.False(t, b.Now().Before(before), "time does not run backwards")
	assert.Len(t, b.Journal(), calls)
	assert.Equal(t, id, b.launch(subnet, "token"), "the token is known")
	b.becomes(id, "running")
	refused(t, "InternalError", b.allocate())
	assert.NotEqual(t, vpc, b.vpc(), "no ID comes twice")
}

func TestSTS_AnswersOnTheSamePort(t *testing.T) {
	a := newAccount(t, ec2sim.Options{Account: "123456789012"})
	cfg, err := config.LoadDefaultConfig(t.Context(), config.WithRegion("us-east-1"), config.WithBaseEndpoint(a.url),
		config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider("a", "b", "")))
	require.NoError(t, err)
	who := must(sts.NewFromConfig(cfg).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}))(t)
	assert.Equal(t, "123456789012", *who.Account)
	assert.NotEmpty(t, awsec2.StandIn(ec2.NewFromConfig(cfg)), "and the product sees that it is not AWS")
}
