package main

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/aineko-dev/environments/internal/deployfile"
)

// fileSize is that of a deploy.yml far larger than any that people write.
const fileSize = 100 << 10

// largeFile is a correct deploy.yml of at least so many bytes.
func largeFile(size int) string {
	var b strings.Builder
	b.WriteString("version: 0.1.0\npipelines:\n")
	n := 0
	for ; b.Len() < size*9/10; n++ {
		fmt.Fprintf(&b, "  pipeline_%04d:\n    source: conf/pipeline_%04d.yml\n    machine_config: {type: ec2, mem_gib: 8, vcpu: 2}\n", n, n)
	}
	b.WriteString("environments:\n")
	for e := 0; b.Len() < size; e++ {
		fmt.Fprintf(&b, "  environment-%d:\n    pipelines:\n", e)
		for p := range 20 {
			fmt.Fprintf(&b, "      - pipeline_%04d\n", (e*20+p)%n)
		}
	}
	return b.String()
}

// parse measures reading and resolving deploy.yml against yaml.v3 alone.
func parse(_ context.Context, b *bench) error {
	data := []byte(largeFile(fileSize))
	options := deployfile.Options{EnvironmentLimit: 1000}
	if _, _, err := deployfile.Parse(data, options); err != nil {
		return fmt.Errorf("the benchmark's file is wrong: %w", err)
	}
	ours := testing.Benchmark(func(t *testing.B) {
		t.ReportAllocs()
		for t.Loop() {
			if _, _, err := deployfile.Parse(data, options); err != nil {
				t.Fatal(err)
			}
		}
	})
	alone := testing.Benchmark(func(t *testing.B) {
		t.ReportAllocs()
		for t.Loop() {
			var node yaml.Node
			if err := yaml.Unmarshal(data, &node); err != nil {
				t.Fatal(err)
			}
		}
	})
	what := fmt.Sprintf("deploy.yml of %d KiB", len(data)>>10)
	b.add(figure{what: what + ": time", value: float64(ours.NsPerOp()) / 1e6, unit: "ms", against: "yaml.v3 alone", againstValue: float64(alone.NsPerOp()) / 1e6})
	b.add(figure{what: what + ": memory", value: float64(ours.AllocedBytesPerOp()) / (1 << 20), unit: "MiB", against: "yaml.v3 alone", againstValue: float64(alone.AllocedBytesPerOp()) / (1 << 20)})
	return nil
}
