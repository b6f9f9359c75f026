package activities

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aineko-dev/environments/internal/contract"
)

// differences lists where an environment differs from what a new one would be
// by today's settings (A11). They replace nothing by themselves, so each is a
// notice. Where pipelines were fetched from is not to be seen from outside an
// instance; a changed repository applies to the next launch without a word.
func (a *Activities) differences(ctx context.Context, in VerifyInput) ([]contract.Finding, error) {
	s, l := a.Settings, in.Layout
	var found []contract.Finding
	notice := func(setting, resource, format string, args ...any) {
		found = append(found, contract.Finding{Rule: "A11 " + setting, Resource: resource, Message: fmt.Sprintf(format, args...), Notice: true})
	}
	frozen := func(setting, is, would string) {
		if is != would {
			notice(setting, in.Target.EnvironmentID, "made with %s, new environments get %s", orNone(is), orNone(would))
		}
	}
	frozen("cidr", l.CIDR, s.CIDR)
	frozen("nat", l.NAT, s.NAT)
	frozen("flow-logs", l.FlowLogs, s.FlowLogs)
	frozen("zones", fmt.Sprint(len(l.Zones)), fmt.Sprint(s.Zones))
	c := a.compute(s)
	version, volume, err := c.BrokerProgram(ctx, in.Target.Identity)
	if err != nil {
		return nil, err
	}
	if version != "" && version != s.Broker.Version {
		notice("kafka-version", volume, "the broker is Kafka %s, new environments get %s", version, s.Broker.Version)
	}
	instances, err := c.Instances(ctx, in.Target.Identity)
	if err != nil {
		return nil, err
	}
	for _, i := range instances {
		image := s.Image
		if i.Pipeline == "" && s.Broker.Image != "" {
			image = s.Broker.Image
		}
		if strings.HasPrefix(image, "ami-") && i.Image != image {
			notice("image", i.ID, "launched from %s, the next launch uses %s", i.Image, image)
		}
		if family, _, _ := strings.Cut(i.Type, "."); !slices.Contains(s.Families, family) {
			notice("families", i.ID, "runs on %s, the next launch uses %s", i.Type, strings.Join(s.Families, ", "))
		}
	}
	return found, nil
}

func orNone(value string) string {
	if value == "" {
		return "none"
	}
	return value
}
