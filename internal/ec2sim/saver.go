package ec2sim

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"
)

// saveEvery bounds how much a simulator that is killed forgets.
const saveEvery = 100 * time.Millisecond

// saver keeps the state in its file, soon after each change.
type saver struct {
	sim   *Simulator
	dirty chan struct{}
	stop  chan struct{}
	done  sync.WaitGroup
}

func newSaver(s *Simulator) *saver {
	v := &saver{sim: s, dirty: make(chan struct{}, 1), stop: make(chan struct{})}
	v.done.Go(v.run)
	return v
}

func (v *saver) touch() {
	select {
	case v.dirty <- struct{}{}:
	default:
	}
}

func (v *saver) run() {
	for {
		select {
		case <-v.stop:
			_ = v.sim.save()
			return
		case <-v.dirty:
			_ = v.sim.save()
			time.Sleep(saveEvery)
		}
	}
}

// Close writes the state for the last time.
func (s *Simulator) Close() {
	if s.saver != nil {
		close(s.saver.stop)
		s.saver.done.Wait()
	}
}

func (s *Simulator) save() error {
	s.mu.Lock()
	s.Clock = s.Now()
	data, err := json.Marshal(s.state)
	s.mu.Unlock()
	if err != nil {
		return err
	}
	// Written beside and renamed, so that a kill leaves the old or the new whole.
	if err := os.WriteFile(s.options.StateFile+".new", data, 0o600); err != nil {
		return err
	}
	return os.Rename(s.options.StateFile+".new", s.options.StateFile)
}

func (s *Simulator) load() error {
	data, err := os.ReadFile(s.options.StateFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, &s.state); err != nil {
		return fmt.Errorf("reading the simulator's state from %s: %w", s.options.StateFile, err)
	}
	s.index()
	if s.Clock.After(s.origin) {
		s.origin = s.Clock // time does not run backwards over a restart
	}
	return nil
}
