// Package stack starts what the product runs on in development: Temporal's
// development server with its Web UI, the EC2 simulator and workers, as
// processes of their own, so that any of them can be killed and started again.
package stack

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/aineko-dev/environments/internal/contract"
	"github.com/aineko-dev/environments/internal/ec2sim"
)

// Options of a stack.
type Options struct {
	// Dir holds databases, states and logs; it must exist.
	Dir string
	// Speed is how much faster than AWS the simulator is.
	Speed float64
	// Fixed uses the ports that people know (7233, 8233, 4577, 9090), else free ones.
	Fixed bool
	// WorkerSettings are further settings, by flag name without hyphens in front.
	WorkerSettings map[string]string
	// SimulatorFlags are further ones.
	SimulatorFlags []string
	// Env are further variables of every program; they win.
	Env []string
}

// Stack is what runs.
type Stack struct {
	options                                   Options
	bin                                       string
	Temporal, WebUI, Simulator, WorkerAddress string // host:port
	// WorkerProgram is the worker that StartWorker starts: one of another build,
	// by its path, or bin/worker.
	WorkerProgram string
	processes     map[string]*process
}

type process struct {
	cmd  *exec.Cmd
	done chan struct{}
	log  string
}

// The ports that people know.
const (
	temporalPort  = 7233
	webUIPort     = 8233
	simulatorPort = 4577
	workerPort    = 9090
)

// startTimeout is how long a part may take to answer; the database is made first.
const startTimeout = time.Minute

// Root is the root of the checkout that this runs in.
func Root() string {
	here, err := os.Getwd()
	if err != nil {
		return "."
	}
	for dir := here; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "Taskfile.yml")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			return here
		}
	}
}

// New prepares a stack, and looks that its programs are built and its ports free.
func New(o Options) (*Stack, error) {
	s := &Stack{options: o, bin: filepath.Join(Root(), "bin"), WorkerProgram: filepath.Join(Root(), "bin", "worker"), processes: map[string]*process{}}
	for _, program := range []string{"temporal", "ec2sim", "worker", "starter"} {
		if _, err := os.Stat(filepath.Join(s.bin, program)); err != nil {
			return nil, fmt.Errorf("bin/%s is not built: run ./task build", program)
		}
	}
	for _, part := range []struct {
		address *string
		port    int
		what    string
	}{{&s.Temporal, temporalPort, "Temporal"}, {&s.WebUI, webUIPort, "the Web UI"}, {&s.Simulator, simulatorPort, "the EC2 simulator"}, {&s.WorkerAddress, workerPort, "the worker"}} {
		listener, err := listen(o.Fixed, part.port)
		if err != nil {
			return nil, fmt.Errorf("port %d, for %s, is in use: stop what listens there (`ss -ltnp 'sport = :%d'` names it)", part.port, part.what, part.port)
		}
		*part.address = listener.Addr().String()
		_ = listener.Close()
	}
	return s, nil
}

// listen takes the port that people know, or some free one below those that
// systems give to connections: a port of theirs may be gone again before the
// part that is to have it listens.
func listen(fixed bool, port int) (net.Listener, error) {
	const first, many, tries = 10_000, 22_000, 100
	for try := 1; ; try++ {
		if !fixed {
			port = first + rand.N(many)
		}
		listener, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port))
		if err == nil || fixed || try == tries {
			return listener, err
		}
	}
}

// FreeAddress is one that nothing listens on, for a further port of a part.
func FreeAddress() (string, error) {
	listener, err := listen(false, 0)
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

// Start starts everything, one worker included.
func (s *Stack) Start(ctx context.Context) error {
	for _, start := range []func(context.Context) error{s.StartTemporal, s.StartSimulator, func(ctx context.Context) error { return s.StartWorker(ctx, "worker") }} {
		if err := start(ctx); err != nil {
			return errors.Join(err, s.Stop())
		}
	}
	return nil
}

// StartTemporal starts the server, on the database that an earlier one left.
func (s *Stack) StartTemporal(ctx context.Context) error {
	host, port, _ := net.SplitHostPort(s.Temporal)
	_, ui, _ := net.SplitHostPort(s.WebUI)
	args := []string{"server", "start-dev", "--ip", host, "--port", port, "--ui-port", ui, "--log-level", "error",
		"--db-filename", filepath.Join(s.options.Dir, "temporal.db"),
		"--sqlite-pragma", "journal_mode=WAL", "--sqlite-pragma", "synchronous=NORMAL"}
	for _, name := range contract.SearchAttributes {
		args = append(args, "--search-attribute", name+"=Keyword")
	}
	if err := s.spawn("temporal", "temporal", args); err != nil {
		return err
	}
	return s.await(ctx, "temporal", func() error {
		return s.Tool(ctx, "temporal", "operator", "search-attribute", "list").Run()
	})
}

// StartSimulator starts EC2, with the account that an earlier one left.
func (s *Stack) StartSimulator(ctx context.Context) error {
	args := append([]string{"--listen", s.Simulator, "--speed", strconv.FormatFloat(s.options.Speed, 'g', -1, 64),
		"--state", filepath.Join(s.options.Dir, "ec2.json")}, s.options.SimulatorFlags...)
	if err := s.spawn("ec2sim", "ec2sim", args); err != nil {
		return err
	}
	return s.await(ctx, "ec2sim", func() error { return get("http://" + s.Simulator + "/_sim/account") })
}

// StartWorker starts a worker; those after the first, under other names, serve no health.
func (s *Stack) StartWorker(ctx context.Context, name string) error {
	listen := s.WorkerAddress
	if name != "worker" {
		listen = ""
	}
	args := []string{"--listen=" + listen}
	for flag, value := range s.workerSettings() {
		args = append(args, "--"+flag+"="+value)
	}
	if err := s.spawn(name, s.WorkerProgram, args); err != nil {
		return err
	}
	if listen == "" {
		return nil
	}
	return s.await(ctx, name, func() error { return get("http://" + listen + "/readyz") })
}

// pollInterval is a worker's on AWS; a faster simulator is looked at more often.
const (
	pollInterval = 5 * time.Second
	shortestPoll = 25 * time.Millisecond
)

// workerSettings suit the simulator's speed; what is given wins.
func (s *Stack) workerSettings() map[string]string {
	settings := map[string]string{
		"ec2-speed": strconv.FormatFloat(s.options.Speed, 'g', -1, 64),
		"image":     "ami-simulated",
	}
	if speed := s.options.Speed; speed > 1 {
		poll := max(time.Duration(float64(pollInterval)/speed), shortestPoll)
		settings["poll-interval"], settings["settle-time"], settings["readiness-timeout"] = poll.String(), "300ms", "30s"
	}
	for flag, value := range s.options.WorkerSettings {
		settings[flag] = value
	}
	return settings
}

// Env is what programs need to find the stack.
func (s *Stack) Env() []string {
	return append([]string{
		"TEMPORAL_ADDRESS=" + s.Temporal, "TEMPORAL_NAMESPACE=default", "AINEKO_WEB_UI=http://" + s.WebUI,
		"AWS_ENDPOINT_URL=http://" + s.Simulator, "AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID=simulated", "AWS_SECRET_ACCESS_KEY=simulated",
	}, s.options.Env...)
}

// Tool is one of the built programs, set to find the stack.
func (s *Stack) Tool(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, program), args...)
	cmd.Env = append(os.Environ(), s.Env()...)
	return cmd
}

// Control is the simulator's control API.
func (s *Stack) Control() ec2sim.Control { return ec2sim.Control{URL: "http://" + s.Simulator} }

func (s *Stack) spawn(name, program string, args []string) error {
	logPath := filepath.Join(s.options.Dir, name+".log")
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	if !filepath.IsAbs(program) {
		program = filepath.Join(s.bin, program)
	}
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), s.Env()...)
	cmd.Stdout, cmd.Stderr = log, log
	// A group of its own: Ctrl-C reaches us alone, and we stop it in order.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting %s: %w", name, err)
	}
	p := &process{cmd: cmd, done: make(chan struct{}), log: logPath}
	go func() {
		_ = cmd.Wait()
		close(p.done)
	}()
	s.processes[name] = p
	return nil
}

// await waits until a part answers, or shows the end of its log.
func (s *Stack) await(ctx context.Context, name string, answers func() error) error {
	p := s.processes[name]
	deadline := time.After(startTimeout)
	for {
		err := answers()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-p.done:
			return fmt.Errorf("%s ended at once:\n%s", name, tail(p.log))
		case <-deadline:
			return fmt.Errorf("%s does not answer after %s (%w):\n%s", name, startTimeout, err, tail(p.log))
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func tail(path string) string {
	data, _ := os.ReadFile(path)
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	return strings.Join(lines[max(len(lines)-15, 0):], "\n")
}

func get(url string) error {
	response, err := http.Get(url)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return errors.New(response.Status)
	}
	return nil
}

// PID is the process of a part; 0 where it does not run.
func (s *Stack) PID(name string) int {
	if p := s.processes[name]; p != nil {
		return p.cmd.Process.Pid
	}
	return 0
}

// Kill ends a part at once, as a crash would.
func (s *Stack) Kill(name string) {
	if p := s.processes[name]; p != nil {
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
		<-p.done
		delete(s.processes, name)
	}
}

// stopTimeout is how long a part may take to stop before it is killed.
const stopTimeout = 30 * time.Second

// StopPart asks a part to stop, and waits.
func (s *Stack) StopPart(name string) {
	p := s.processes[name]
	if p == nil {
		return
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
		delete(s.processes, name)
	case <-time.After(stopTimeout):
		s.Kill(name)
	}
}

// Stop stops everything, workers first.
func (s *Stack) Stop() error {
	for name := range s.processes {
		if name != "temporal" && name != "ec2sim" {
			s.StopPart(name)
		}
	}
	s.StopPart("ec2sim")
	s.StopPart("temporal")
	return nil
}

// Log is the end of a part's log.
func (s *Stack) Log(name string) string { return tail(filepath.Join(s.options.Dir, name+".log")) }
