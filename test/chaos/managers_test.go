package chaos

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	. "github.com/onsi/gomega"

	"github.com/captproject/capt/dev/environment"
)

// managers are the two that fight for the lease.
type managers struct {
	w     *world
	seats []*seat
	// starting is held while one is started: an environment wants that.
	starting sync.Mutex

	kills, freezes, jumps, ends atomic.Int32
}

// seat is the place of a manager, which is taken by one after another.
type seat struct {
	name  string
	clock string

	mu sync.Mutex
	// manager is nil while the seat is empty.
	manager *environment.Manager
}

func newManagers(w *world) *managers {
	m := &managers{w: w}
	for _, name := range []string{"manager-a", "manager-b"} {
		s := &seat{name: name, clock: filepath.Join(w.env.Root, name+".clock")}
		w.Expect(s.setClock(0)).To(Succeed())
		m.seats = append(m.seats, s)
	}
	return m
}

// keep has a manager on every seat until ctx ends: whatever ends, by itself or
// not, is followed by another one after a moment, as a kubelet would do it. The
// last ones are told to end.
func (m *managers) keep(ctx context.Context) error {
	errs := make(chan error, len(m.seats))
	for _, s := range m.seats {
		go func() { errs <- m.keepSeat(ctx, s) }()
	}
	var first error
	for range m.seats {
		if err := <-errs; err != nil && first == nil {
			first = err
		}
	}
	return first
}

func (m *managers) keepSeat(ctx context.Context, s *seat) error {
	chance := m.w.chance(s.name)
	for {
		manager, err := m.start(ctx, s)
		if err != nil {
			return err
		}
		s.take(manager)
		select {
		case <-manager.Ended():
			m.ends.Add(1)
		case <-ctx.Done():
			s.take(nil)
			return manager.Stop(syscall.SIGTERM)
		}
		s.take(nil)
		if !pass(ctx, chance.between(0, 3*time.Second)) {
			return nil
		}
	}
}

func (m *managers) start(ctx context.Context, s *seat) (*environment.Manager, error) {
	m.starting.Lock()
	defer m.starting.Unlock()
	return m.w.env.RunManager(context.WithoutCancel(ctx), environment.ManagerOptions{
		Name: s.name, Program: m.w.manager, Kubeconfig: m.w.frontKubeconfig(),
		Variables: []string{"CAPT_TEST_CLOCK=" + s.clock},
	})
}

func (s *seat) take(manager *environment.Manager) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.manager = manager
}

// signal tells whether there was one to get it.
func (s *seat) signal(signal syscall.Signal) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.manager == nil {
		return false, nil
	}
	return true, s.manager.Signal(signal)
}

// setClock makes the clock of the manager be wrong by the offset, from now on.
func (s *seat) setClock(offset time.Duration) error {
	next := s.clock + ".next"
	if err := os.WriteFile(next, []byte(offset.String()), 0o600); err != nil {
		return err
	}
	return os.Rename(next, s.clock)
}

// disturb kills both managers, so that whatever the seed is the next one has to begin
// anew and under faults. Then it kills one of them every now and then, or stops it for
// longer than the lease lasts, until ctx ends.
func (m *managers) disturb(ctx context.Context) error {
	chance := m.w.chance("kills")
	pass(ctx, chance.between(5*time.Second, 20*time.Second))
	for _, s := range m.seats {
		if err := m.kill(ctx, s); err != nil {
			return err
		}
	}
	for {
		// A new leader needs up to 17 s to begin, and time to do something.
		wait, s, freeze, length := chance.between(5*time.Second, 20*time.Second), pick(chance, m.seats), chance.IntN(4) == 0, chance.between(5*time.Second, 25*time.Second)
		if !pass(ctx, wait) {
			return nil
		}
		do := m.kill
		if freeze {
			do = func(ctx context.Context, s *seat) error { return m.freeze(ctx, s, length) }
		}
		if err := do(ctx, s); err != nil {
			return err
		}
	}
}

func (m *managers) kill(_ context.Context, s *seat) error {
	killed, err := s.signal(syscall.SIGKILL)
	if killed {
		m.kills.Add(1)
	}
	return err
}

// freeze stops a manager in whatever it is doing. If it was the leader, another
// one may be when it goes on.
func (m *managers) freeze(ctx context.Context, s *seat, length time.Duration) error {
	frozen, err := s.signal(syscall.SIGSTOP)
	if !frozen || err != nil {
		return err
	}
	m.freezes.Add(1)
	pass(ctx, length)
	_, err = s.signal(syscall.SIGCONT)
	return err
}

// jump sets the clocks of the managers forward and back, each its own way, until
// ctx ends, and then right.
func (m *managers) jump(ctx context.Context) error {
	offsets := []time.Duration{-20 * time.Minute, -6 * time.Minute, -time.Minute, 0, 0, 2 * time.Minute, 6 * time.Minute, 11 * time.Minute, 30 * time.Minute}
	chance := m.w.chance("clocks")
	for {
		wait, s, offset := chance.between(2*time.Second, 12*time.Second), pick(chance, m.seats), pick(chance, offsets)
		if !pass(ctx, wait) {
			break
		}
		if err := s.setClock(offset); err != nil {
			return err
		}
		m.jumps.Add(1)
	}
	for _, s := range m.seats {
		if err := s.setClock(0); err != nil {
			return err
		}
	}
	return nil
}

// pass lets time pass, and tells whether ctx still goes on.
func pass(ctx context.Context, period time.Duration) bool {
	timer := time.NewTimer(period)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
