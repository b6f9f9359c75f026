package awsec2_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aineko-dev/environments/internal/awsec2"
)

// counting answers for every ID but those that are missing, and notes what it
// was asked.
type counting struct {
	awsec2.API
	mu      sync.Mutex
	asked   [][]string
	missing string
	types   int
}

func (c *counting) DescribeInstanceStatus(_ context.Context, in *ec2.DescribeInstanceStatusInput, _ ...func(*ec2.Options)) (*ec2.DescribeInstanceStatusOutput, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked = append(c.asked, in.InstanceIds)
	if slices.Contains(in.InstanceIds, c.missing) {
		return nil, &smithy.GenericAPIError{Code: "InvalidInstanceID.NotFound"}
	}
	var out ec2.DescribeInstanceStatusOutput
	for _, id := range in.InstanceIds {
		out.InstanceStatuses = append(out.InstanceStatuses, types.InstanceStatus{InstanceId: aws.String(id)})
	}
	return &out, nil
}

func (c *counting) DescribeInstanceTypes(context.Context, *ec2.DescribeInstanceTypesInput, ...func(*ec2.Options)) (*ec2.DescribeInstanceTypesOutput, error) {
	c.types++
	return &ec2.DescribeInstanceTypesOutput{}, nil
}

// ask asks for the status of each instance at once, and returns who was answered.
func ask(t *testing.T, api awsec2.API, ids []string) (answered, refused []string) {
	var mu sync.Mutex
	var all sync.WaitGroup
	for _, id := range ids {
		all.Go(func() {
			found, err := awsec2.InstanceStates(t.Context(), api, []string{id})
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				assert.True(t, awsec2.IsNotFound(err), "%s: %v", id, err)
				refused = append(refused, id)
				return
			}
			if assert.Len(t, found, 1) && assert.Equal(t, id, aws.ToString(found[0].InstanceId)) {
				answered = append(answered, id)
			}
		})
	}
	all.Wait()
	return answered, refused
}

func names(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = string(rune('a'+i/26)) + string(rune('a'+i%26))
	}
	return ids
}

func TestLooksOfAWindowShareOneCall(t *testing.T) {
	c := &counting{}
	answered, _ := ask(t, awsec2.Share(c, 100*time.Millisecond), names(40))
	assert.Len(t, answered, 40)
	assert.Less(t, len(c.asked), 20)
}

func TestASharedCallNamesAtMostAHundred(t *testing.T) {
	c := &counting{}
	answered, _ := ask(t, awsec2.Share(c, 100*time.Millisecond), names(250))
	assert.Len(t, answered, 250)
	for _, ids := range c.asked {
		assert.LessOrEqual(t, len(ids), 100)
	}
	assert.Less(t, len(c.asked), 125)
}

func TestOneThatIsMissingDoesNotHideTheOthers(t *testing.T) {
	c := &counting{missing: "ac"}
	answered, refused := ask(t, awsec2.Share(c, 100*time.Millisecond), names(5))
	assert.ElementsMatch(t, []string{"aa", "ab", "ad", "ae"}, answered)
	assert.Equal(t, []string{"ac"}, refused)
}

func TestOneWhoStopsDoesNotStopTheOthers(t *testing.T) {
	c := &counting{}
	api := awsec2.Share(c, 100*time.Millisecond)
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan error)
	go func() {
		_, err := awsec2.InstanceStates(ctx, api, []string{"aa"})
		stopped <- err
	}()
	time.Sleep(10 * time.Millisecond)
	cancel()
	require.ErrorIs(t, <-stopped, context.Canceled)
	answered, _ := ask(t, api, []string{"ab"})
	assert.Equal(t, []string{"ab"}, answered)
}

func TestALookThatNobodyWaitsWithIsAnsweredAtOnce(t *testing.T) {
	// In the time that a shared look takes to set out, the test would have failed.
	found, err := awsec2.InstanceStatuses(t.Context(), awsec2.Share(&counting{}, time.Hour), []string{"aa"})
	require.NoError(t, err)
	assert.Len(t, found, 1)
}

func TestWhatEC2OffersIsAskedForOnce(t *testing.T) {
	c := &counting{}
	api := awsec2.Share(c, 0)
	for _, family := range []string{"m7i.*", "m7i.*", "c7i.*"} {
		_, err := awsec2.InstanceTypes(t.Context(), api, []types.Filter{awsec2.Filter("instance-type", family)})
		require.NoError(t, err)
	}
	assert.Equal(t, 2, c.types)
}
