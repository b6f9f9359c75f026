package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// resident is the memory of a process, and the most that it ever had, in MiB.
func resident(pid int) (now, most float64) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0
	}
	for line := range strings.Lines(string(data)) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		kib, _ := strconv.ParseFloat(fields[1], 64)
		switch fields[0] {
		case "VmRSS:":
			now = kib / 1024
		case "VmHWM:":
			most = kib / 1024
		}
	}
	return now, most
}

// execution is one run of a program.
type execution struct {
	took time.Duration
	most float64 // MiB
}

// execute runs a program of the stack to its end.
func (r *rig) execute(ctx context.Context, program string, args ...string) (execution, error) {
	cmd := r.Tool(ctx, program, args...)
	begun := time.Now()
	out, err := cmd.CombinedOutput()
	e := execution{took: time.Since(begun)}
	if err != nil {
		return e, fmt.Errorf("%s %s: %w\n%s", program, strings.Join(args, " "), err, out)
	}
	e.most = mostOf(cmd)
	return e, nil
}

// mostOf is the most memory that a program that has ended ever had, in MiB.
func mostOf(cmd *exec.Cmd) float64 {
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		return float64(usage.Maxrss) / 1024
	}
	return 0
}

// quantile of durations, in milliseconds.
func quantile(all []execution, q float64) float64 {
	if len(all) == 0 {
		return 0
	}
	took := make([]time.Duration, len(all))
	for i, e := range all {
		took[i] = e.took
	}
	slices.Sort(took)
	return float64(took[min(int(q*float64(len(took))), len(took)-1)].Microseconds()) / 1000
}

// profile writes one of the worker's profiles into the folder for them.
func (b *bench) profile(ctx context.Context, address, what, query string) error {
	if b.profiles == "" {
		return nil
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/debug/pprof/"+what+query, nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(b.profiles, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(b.profiles, b.part+"-"+what+".pprof"), data, 0o644)
}
