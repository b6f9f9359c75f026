// Package histories keeps what workflows of earlier builds have recorded, and
// the workflows that recorded it, one folder a version. The tests replay every
// history with the workflows of today, so that a change which would break what
// is in flight is found before it lands (T5).
package histories

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/temporalproto"
	"go.temporal.io/sdk/client"
)

// Names inside a version's folder.
const (
	extension = ".json.gz"
	sources   = "workflows.zip"
)

// Recorded is one history: of one workflow, up to one moment.
type Recorded struct {
	Version string
	// Name is the moment and the workflow's type: "20-deploying/deploy-pipelines".
	Name    string
	History *historypb.History
	// Text is the same as JSON, payloads in plain.
	Text []byte
}

// Type is the workflow's type.
func (r Recorded) Type() string {
	return r.History.GetEvents()[0].GetWorkflowExecutionStartedEventAttributes().GetWorkflowType().GetName()
}

// Versions are the folders under dir, the oldest first.
func Versions(dir string) ([]string, error) {
	found, err := filepath.Glob(filepath.Join(dir, "*", sources))
	for i, f := range found {
		found[i] = filepath.Base(filepath.Dir(f))
	}
	slices.Sort(found)
	return found, err
}

// Load reads every history of a version.
func Load(dir, version string) ([]Recorded, error) {
	paths, err := filepath.Glob(filepath.Join(dir, version, "*", "*"+extension))
	if err != nil {
		return nil, err
	}
	all := make([]Recorded, 0, len(paths))
	for _, path := range paths {
		r := Recorded{Version: version, Name: filepath.Base(filepath.Dir(path)) + "/" + strings.TrimSuffix(filepath.Base(path), extension)}
		if r.Text, err = uncompressed(path); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		r.History = &historypb.History{}
		if err = (temporalproto.CustomJSONUnmarshalOptions{DiscardUnknown: true, Metadata: shorthand}).Unmarshal(r.Text, r.History); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		all = append(all, r)
	}
	return all, nil
}

// shorthand writes payloads that are JSON in plain.
var shorthand = map[string]any{commonpb.EnablePayloadShorthandMetadataKey: true}

func uncompressed(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}

// JSON is a history as `temporal workflow show --output json` has it: payloads
// that are JSON stand in it in plain, so that people and tests can read them.
func JSON(h *historypb.History) ([]byte, error) {
	return temporalproto.CustomJSONMarshalOptions{Metadata: shorthand}.Marshal(h)
}

// Read is one workflow's history, of the run or the last one.
func Read(ctx context.Context, c client.Client, workflow, run string) (*historypb.History, error) {
	h := &historypb.History{}
	events := c.GetWorkflowHistory(ctx, workflow, run, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		e, err := events.Next()
		if err != nil {
			return nil, fmt.Errorf("the history of %s: %w", workflow, err)
		}
		h.Events = append(h.Events, e)
	}
	return h, nil
}

// Save writes a history into a version's folder.
func Save(dir, version, name string, h *historypb.History) error {
	text, err := JSON(h)
	if err != nil {
		return err
	}
	var compressed bytes.Buffer
	z, _ := gzip.NewWriterLevel(&compressed, gzip.BestCompression)
	if _, err := z.Write(text); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	path := filepath.Join(dir, version, filepath.FromSlash(name)+extension)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, compressed.Bytes(), 0o644)
}

// SaveSources keeps the workflows that record a version, so that a worker of
// that build can be built again.
func SaveSources(dir, version, workflows string) error {
	paths, err := filepath.Glob(filepath.Join(workflows, "*.go"))
	if err != nil {
		return err
	}
	var packed bytes.Buffer
	z := zip.NewWriter(&packed)
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		w, err := z.Create(filepath.Base(path))
		if err != nil {
			return err
		}
		if _, err := w.Write(text); err != nil {
			return err
		}
	}
	if err := z.Close(); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(dir, version), 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, version, sources), packed.Bytes(), 0o644)
}

// Sources unpacks the workflows that recorded a version into a folder.
func Sources(dir, version, into string) error {
	z, err := zip.OpenReader(filepath.Join(dir, version, sources))
	if err != nil {
		return err
	}
	defer func() { _ = z.Close() }()
	return os.CopyFS(into, z)
}
