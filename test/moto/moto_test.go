//go:build moto

// Package moto_test lets an environment live its life on moto's server: a
// stand-in for EC2 that was not written here. `./task test:moto` runs it.
package moto_test

import (
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aineko-dev/environments/activities"
	"github.com/aineko-dev/environments/internal/compute"
	"github.com/aineko-dev/environments/internal/contract"
	"github.com/aineko-dev/environments/test/lifecycle"
	"github.com/aineko-dev/environments/test/stack"
)

// server starts moto's server, whose program MOTO_SERVER names.
func server(t *testing.T) string {
	t.Helper()
	program := os.Getenv("MOTO_SERVER")
	require.NotEmpty(t, program, "MOTO_SERVER names no program: ./task test:moto makes one")
	address, err := stack.FreeAddress()
	require.NoError(t, err)
	host, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	cmd := exec.Command(program, "--host", host, "--port", port)
	log, err := os.Create(t.TempDir() + "/moto.log")
	require.NoError(t, err)
	cmd.Stdout, cmd.Stderr = log, log
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		said, _ := os.ReadFile(log.Name())
		for line := range strings.Lines(string(said)) {
			if t.Failed() && !strings.Contains(line, `" 200 -`) {
				t.Log("moto: " + strings.TrimSpace(line))
			}
		}
	})
	url := "http://" + address
	require.Eventually(t, func() bool {
		response, err := http.Get(url + "/moto-api/")
		if err != nil {
			return false
		}
		_ = response.Body.Close()
		return true
	}, time.Minute, 100*time.Millisecond, "moto's server does not answer")
	return url
}

// The main path: initialise, deploy two pipelines, update one, destroy one,
// destroy all, delete; with the real workflows, activities and SDK.
func TestMainPathOnMoto(t *testing.T) {
	l := lifecycle.New(t, lifecycle.Options{EC2: server(t), Through: bridge{}, Settings: func(s *activities.Settings) {
		s.Readiness, s.Image, s.DeletionGrace = compute.ReadinessStatusChecks, image, time.Hour
	}})
	running := func(want ...string) {
		l.Do("look", func() {
			var have []string
			out, err := l.EC2.DescribeInstances(t.Context(), &ec2.DescribeInstancesInput{Filters: []types.Filter{
				{Name: aws.String("tag:" + contract.EnvironmentIDTag), Values: []string{lifecycle.EnvironmentID}},
				{Name: aws.String("instance-state-name"), Values: []string{"running"}},
			}})
			require.NoError(t, err)
			for _, r := range out.Reservations {
				for _, i := range r.Instances {
					for _, tag := range i.Tags {
						if *tag.Key == "Name" {
							have = append(have, *tag.Value)
						}
					}
				}
			}
			assert.ElementsMatch(t, append(want, "acme/churn/develop broker"), have)
		})
	}
	l.Commit("a", "one", "two")
	running("acme/churn/develop one", "acme/churn/develop two")
	l.Do("verified", func() {
		require.NotNil(t, l.Status().Verified, "%s: %s", l.Outcomes[0].Outcome, l.Outcomes[0].Reason)
		leaks := 0
		for _, f := range l.Status().Verified.Findings {
			if f.Rule == leak {
				leaks++ // of the one NAT gateway
				continue
			}
			assert.True(t, f.Notice, "%+v", f)
		}
		assert.Equal(t, 1, leaks)
	})
	l.Commit("b", "one:conf/other.yml", "two")
	running("acme/churn/develop one", "acme/churn/develop two")
	l.Commit("c", "two")
	running("acme/churn/develop two")
	l.Commit("d")
	running()
	l.Delete()
	require.NoError(t, l.Live())
	for _, o := range l.Outcomes {
		assert.Equal(t, contract.OutcomeDeployed, o.Outcome, "%.1s: %s", o.Commit, o.Reason)
	}
	assert.True(t, l.Freed())
	vpcs, err := l.EC2.DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{Filters: []types.Filter{{Name: aws.String("is-default"), Values: []string{"false"}}}})
	require.NoError(t, err)
	assert.Empty(t, vpcs.Vpcs)
}
