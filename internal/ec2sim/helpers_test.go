package ec2sim_test

import (
	"encoding/xml"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aineko-dev/environments/internal/ec2sim"
)

// fast is how much faster than AWS the tests' simulators run: a NAT gateway in
// 50 ms.
const fast = 2000

// How long a test waits for what must come, and how often it looks.
const (
	eventually = 30 * time.Second
	look       = time.Millisecond
)

// account is a simulator and the real SDK on it, which tries nothing twice.
type account struct {
	*ec2sim.Simulator
	*ec2.Client
	t   testing.TB
	url string
}

func newAccount(t testing.TB, o ec2sim.Options) *account {
	t.Helper()
	if o.Speed == 0 {
		o.Speed = fast
	}
	sim, err := ec2sim.New(o)
	require.NoError(t, err)
	if o.StateFile == "" { // with one, the test says when it closes
		t.Cleanup(sim.Close)
	}
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	return &account{Simulator: sim, Client: client(server.URL), t: t, url: server.URL}
}

func client(url string) *ec2.Client {
	return ec2.NewFromConfig(aws.Config{Region: "us-east-1", BaseEndpoint: &url, Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""),
		Retryer: func() aws.Retryer { return aws.NopRetryer{} }})
}

// refused asserts that EC2 refuses a call with a code.
func refused(t testing.TB, code string, err error) {
	t.Helper()
	var api smithy.APIError
	if assert.ErrorAs(t, err, &api, "want %s", code) {
		assert.Equal(t, code, api.ErrorCode(), api.ErrorMessage())
	}
}

// must returns the answer of a call that works.
func must[T any](answer T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		require.NoError(t, err)
		return answer
	}
}

func (a *account) vpc() string {
	a.t.Helper()
	return *must(a.CreateVpc(a.t.Context(), &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")}))(a.t).Vpc.VpcId
}

func (a *account) subnet(vpc, cidr string) string {
	a.t.Helper()
	return *must(a.CreateSubnet(a.t.Context(), &ec2.CreateSubnetInput{VpcId: &vpc, CidrBlock: &cidr, AvailabilityZone: aws.String("us-east-1a")}))(a.t).Subnet.SubnetId
}

func (a *account) gateway(vpc string) string {
	a.t.Helper()
	id := *must(a.CreateInternetGateway(a.t.Context(), &ec2.CreateInternetGatewayInput{}))(a.t).InternetGateway.InternetGatewayId
	must(a.AttachInternetGateway(a.t.Context(), &ec2.AttachInternetGatewayInput{InternetGatewayId: &id, VpcId: &vpc}))(a.t)
	return id
}

func (a *account) address() string {
	a.t.Helper()
	return *must(a.AllocateAddress(a.t.Context(), &ec2.AllocateAddressInput{}))(a.t).AllocationId
}

func (a *account) nat(subnet, address string) string {
	a.t.Helper()
	return *must(a.CreateNatGateway(a.t.Context(), &ec2.CreateNatGatewayInput{SubnetId: &subnet, AllocationId: &address}))(a.t).NatGateway.NatGatewayId
}

func (a *account) group(vpc, name string) string {
	a.t.Helper()
	return *must(a.CreateSecurityGroup(a.t.Context(), &ec2.CreateSecurityGroupInput{VpcId: &vpc, GroupName: &name, Description: &name}))(a.t).GroupId
}

func (a *account) table(vpc string) string {
	a.t.Helper()
	return *must(a.CreateRouteTable(a.t.Context(), &ec2.CreateRouteTableInput{VpcId: &vpc}))(a.t).RouteTable.RouteTableId
}

func launchInput(subnet, token string) *ec2.RunInstancesInput {
	return &ec2.RunInstancesInput{ImageId: aws.String("ami-1"), InstanceType: types.InstanceTypeM7iLarge, MinCount: aws.Int32(1), MaxCount: aws.Int32(1),
		SubnetId: &subnet, ClientToken: aws.String(token)}
}

func (a *account) launch(subnet, token string) string {
	a.t.Helper()
	return *must(a.RunInstances(a.t.Context(), launchInput(subnet, token)))(a.t).Instances[0].InstanceId
}

// state of a resource in the account; "" where there is none.
func (a *account) state(id string) string {
	for _, r := range a.Account() {
		if r.ID == id {
			return r.State
		}
	}
	return ""
}

func (a *account) becomes(id, state string) {
	a.t.Helper()
	require.Eventually(a.t, func() bool { return a.state(id) == state }, eventually, look, "%s is %s, not %s", id, a.state(id), state)
}

// raw makes a call with a parameter that the SDK would not send, and returns
// the code of the error, or "".
func (a *account) raw(action, parameter, value string) string {
	a.t.Helper()
	response, err := http.PostForm(a.url, url.Values{"Action": {action}, "Version": {"2016-11-15"}, parameter: {value}})
	require.NoError(a.t, err)
	defer func() { _ = response.Body.Close() }()
	var answer struct {
		Code string `xml:"Errors>Error>Code"`
	}
	require.NoError(a.t, xml.NewDecoder(response.Body).Decode(&answer))
	return answer.Code
}

// lost asserts that the answer of a call never came.
func lost(t testing.TB, err error) {
	t.Helper()
	var api smithy.APIError
	require.Error(t, err)
	assert.False(t, errors.As(err, &api), "EC2 answered: %v", err)
}
