package awsec2_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aineko-dev/environments/internal/awsec2"
)

// answers is a client whose every call is answered with an error, as EC2 sends it.
func answers(t *testing.T, status int, code string) *ec2.Client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, `<?xml version="1.0"?><Response><Errors><Error><Code>%s</Code><Message>said by EC2</Message></Error></Errors><RequestID>1</RequestID></Response>`, code)
	}))
	t.Cleanup(server.Close)
	return awsec2.New(aws.Config{Region: "us-east-1", BaseEndpoint: aws.String(server.URL), Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")},
		awsec2.Options{Speed: -1})
}

// What EC2 says, through the real SDK, and what it means for whoever called.
func TestErrors_EachCodeHasItsClass(t *testing.T) {
	const release, run, create = "ReleaseAddress", "RunInstances", "CreateVpc"
	calls := map[string]func(*ec2.Client) error{
		release: func(c *ec2.Client) error {
			_, err := c.ReleaseAddress(t.Context(), &ec2.ReleaseAddressInput{AllocationId: aws.String("eipalloc-1")})
			return err
		},
		run: func(c *ec2.Client) error {
			_, err := c.RunInstances(t.Context(), &ec2.RunInstancesInput{MinCount: aws.Int32(1), MaxCount: aws.Int32(1)})
			return err
		},
		create: func(c *ec2.Client) error {
			_, err := c.CreateVpc(t.Context(), &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")})
			return err
		},
	}
	for _, c := range []struct {
		call   string
		status int
		code   string
		class  awsec2.Class
		says   string // for people, beside the code and EC2's words
	}{
		{create, 503, "RequestLimitExceeded", awsec2.Retry, ""},
		{create, 500, "InternalError", awsec2.Retry, ""},
		{create, 503, "Unavailable", awsec2.Retry, ""},
		{create, 502, "SomethingNew", awsec2.Retry, ""},
		{run, 400, "IncorrectState", awsec2.Retry, ""},
		{run, 400, "InvalidSubnetID.NotFound", awsec2.Retry, ""},
		{run, 400, "NatGatewayNotFound", awsec2.Retry, ""},
		{run, 400, "InvalidNatGatewayID.NotFound", awsec2.Retry, ""},

		{run, 400, "DependencyViolation", awsec2.Wait, ""},
		{run, 400, "InvalidGroup.InUse", awsec2.Wait, ""},
		{release, 400, "InvalidIPAddress.InUse", awsec2.Wait, ""},
		{release, 400, "AuthFailure", awsec2.Wait, ""}, // a NAT gateway holds it

		{run, 500, "InsufficientInstanceCapacity", awsec2.Elsewhere, ""},
		{run, 400, "Unsupported", awsec2.Elsewhere, ""},
		{run, 400, "VcpuLimitExceeded", awsec2.Elsewhere, "vCPU"},
		{run, 400, "InsufficientFreeAddressesInSubnet", awsec2.Elsewhere, ""},

		{create, 400, "RouteAlreadyExists", awsec2.Done, ""},
		{create, 400, "InvalidPermission.Duplicate", awsec2.Done, ""},
		{create, 400, "InvalidGroup.Duplicate", awsec2.Done, ""},
		{create, 400, "Resource.AlreadyAssociated", awsec2.Done, ""},
		{create, 400, "Gateway.NotAttached", awsec2.Done, ""},

		{create, 400, "VpcLimitExceeded", awsec2.Terminal, `quota "VPCs per Region (5 by default)" is used up: raise it`},
		{create, 400, "AddressLimitExceeded", awsec2.Terminal, `quota "EC2-VPC Elastic IPs (5 by default)" is used up: raise it`},
		{create, 400, "NatGatewayLimitExceeded", awsec2.Terminal, "NAT gateways per Availability Zone"},
		{create, 403, "UnauthorizedOperation", awsec2.Terminal, "credentials may not do this: compare its policy"},
		{create, 401, "AuthFailure", awsec2.Terminal, "credentials may not do this"},
		{create, 400, "OptInRequired", awsec2.Terminal, "credentials may not do this"},
		{create, 400, "InvalidParameterValue", awsec2.Terminal, "one of the worker's settings: mend it"},
		{create, 400, "InvalidVpc.Range", awsec2.Terminal, "one of the worker's settings: mend it"},
		{run, 400, "InvalidAMIID.NotFound", awsec2.Terminal, "the image that the worker's settings name"},
		{run, 400, "InvalidAMIID.Malformed", awsec2.Terminal, "the image that the worker's settings name"},
		{run, 400, "IdempotentParameterMismatch", awsec2.Terminal, ""},
		{run, 400, "OperationNotPermitted", awsec2.Terminal, ""},
		{create, 400, "SomethingNew", awsec2.Terminal, ""},
	} {
		t.Run(c.call+" "+c.code, func(t *testing.T) {
			err := calls[c.call](answers(t, c.status, c.code))
			require.Error(t, err)
			assert.Equal(t, c.code, awsec2.Code(err))
			assert.Equal(t, c.class, awsec2.ClassOf(fmt.Errorf("doing it: %w", err)))
			said := awsec2.Explain(fmt.Errorf("doing it: %w", err))
			assert.Contains(t, said, "doing it: "+c.code)
			assert.Contains(t, said, "said by EC2")
			assert.Contains(t, said, c.says)
			if c.says != "" && c.class == awsec2.Terminal {
				assert.Contains(t, said, "push again, or `starter retry`", "what to do")
			}
			assert.NotContains(t, said, "operation error", "the SDK's own words")
		})
	}
}

func TestErrors_WhatIsNotOfEC2IsTriedAgain(t *testing.T) {
	assert.Equal(t, awsec2.Retry, awsec2.ClassOf(errors.New("connection refused")))
	assert.Equal(t, awsec2.Retry, awsec2.ClassOf(context.DeadlineExceeded))
	assert.Equal(t, awsec2.Class(""), awsec2.ClassOf(nil))
}

// The calls that take no client token are sent once: a retry of the SDK's own
// after a lost answer would make a second thing.
func TestA8_WhatTakesNoTokenIsSentOnce(t *testing.T) {
	var mu sync.Mutex
	sent := map[string]int{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.NoError(t, r.ParseForm())
		mu.Lock()
		sent[r.Form.Get("Action")]++
		mu.Unlock()
		panic(http.ErrAbortHandler)
	}))
	t.Cleanup(server.Close)
	c := awsec2.New(aws.Config{Region: "us-east-1", BaseEndpoint: aws.String(server.URL), Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")},
		awsec2.Options{Speed: -1})
	for _, call := range []func() error{
		func() error { _, err := c.CreateVpc(t.Context(), &ec2.CreateVpcInput{}); return err },
		func() error {
			_, err := c.CreateInternetGateway(t.Context(), &ec2.CreateInternetGatewayInput{})
			return err
		},
		func() error { _, err := c.AllocateAddress(t.Context(), &ec2.AllocateAddressInput{}); return err },
		func() error { _, err := c.DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{}); return err },
	} {
		require.Error(t, call())
	}
	mu.Lock()
	defer mu.Unlock()
	assert.Equal(t, map[string]int{"CreateVpc": 1, "CreateInternetGateway": 1, "AllocateAddress": 1, "DescribeVpcs": 4}, sent)
}
