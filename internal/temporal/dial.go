// Package temporal is the connection to Temporal, set the way Temporal's own
// tools are: TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_API_KEY,
// TEMPORAL_TLS_*, and the profiles of the config file (T3).
package temporal

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
	"go.temporal.io/sdk/log"
)

// Overrides of what environment and config file say; empty ones do not count.
type Overrides struct {
	Address, Namespace string
	Logger             *slog.Logger
	Metrics            client.MetricsHandler
}

// Connection is a client, with the names that it was found by.
type Connection struct {
	client.Client
	Address, Namespace string
}

// dialTimeout is how long Temporal may take to answer at all.
const dialTimeout = 10 * time.Second

// Dial connects, and says what to do where it cannot.
func Dial(ctx context.Context, o Overrides) (*Connection, error) {
	options, err := envconfig.LoadDefaultClientOptions()
	if err != nil {
		return nil, fmt.Errorf("reading Temporal's settings: %w", err)
	}
	if o.Address != "" {
		options.HostPort = o.Address
	}
	if o.Namespace != "" {
		options.Namespace = o.Namespace
	}
	if o.Logger != nil {
		options.Logger = log.NewStructuredLogger(o.Logger)
	}
	options.MetricsHandler = o.Metrics
	found := Connection{Address: options.HostPort, Namespace: options.Namespace}
	if found.Address == "" {
		found.Address = client.DefaultHostPort
	}
	if found.Namespace == "" {
		found.Namespace = client.DefaultNamespace
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	found.Client, err = client.DialContext(ctx, options)
	if err != nil {
		return nil, fmt.Errorf("reaching Temporal at %s failed; set TEMPORAL_ADDRESS, or --address, and TEMPORAL_TLS_* or TEMPORAL_API_KEY where it wants them: %w", found.Address, err)
	}
	return &found, nil
}
