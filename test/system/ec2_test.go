package system_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/stretchr/testify/require"

	"github.com/aineko-dev/environments/test/stack"
)

// terminate ends instances behind the product's back.
func terminate(t *testing.T, s *stack.Stack, ids ...string) {
	t.Helper()
	client := ec2.New(ec2.Options{Region: "us-east-1", BaseEndpoint: aws.String("http://" + s.Simulator), Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")})
	_, err := client.TerminateInstances(t.Context(), &ec2.TerminateInstancesInput{InstanceIds: ids})
	require.NoError(t, err)
}
