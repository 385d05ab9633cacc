package runner

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/captproject/capt/internal/tfstate"
)

// maxState is the largest state that is taken from OpenTofu. It is far above
// what a Secret holds, so that the error is about that.
const maxState = 256 << 20

// backend is the http backend of OpenTofu, on loopback, for one run. It knows
// one state and never deletes it.
//
// Its lock is only between commands of this run, and fences their writes; the
// run's lock (stateLock) is held all the time.
type backend struct {
	store *stateStore
	// readOnly refuses writes, and the lock that they would need.
	readOnly bool
	// unsaved is the file that holds a state while it is being saved.
	unsaved string
	// hold is how long a write waits to be saved, at most; ended by giveUp.
	hold   time.Duration
	giveUp context.Context
	// saved is called with each state that was saved.
	saved func([]byte)
	log   *runLog

	server   *http.Server
	address  string
	username string
	password string

	mu     sync.Mutex
	locked *tfstate.LockInfo
	err    error
}

// serve starts serving on a free port of loopback.
func (b *backend) serve() error {
	secret := make([]byte, 32)
	if _, err := rand.Read(secret); err != nil {
		return fmt.Errorf("making a password: %w", err)
	}
	b.username, b.password = "capt", hex.EncodeToString(secret)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("serving the state on loopback: %w", err)
	}
	b.address = "http://" + listener.Addr().String() + "/"
	b.server = &http.Server{Handler: b, ReadHeaderTimeout: time.Minute}
	go func() { _ = b.server.Serve(listener) }()
	return nil
}

func (b *backend) close() { _ = b.server.Close() }

// environment tells OpenTofu where the backend is. It is not to try again by
// itself: a write that fails has been tried for long enough.
func (b *backend) environment() []string {
	return []string{
		"TF_HTTP_ADDRESS=" + b.address,
		"TF_HTTP_LOCK_ADDRESS=" + b.address,
		"TF_HTTP_UNLOCK_ADDRESS=" + b.address,
		"TF_HTTP_USERNAME=" + b.username,
		"TF_HTTP_PASSWORD=" + b.password,
		"TF_HTTP_RETRY_MAX=0",
	}
}

// failed is why the latest write failed, nil if it did not.
func (b *backend) failed() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}

func (b *backend) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if !b.authorized(req) {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case req.Method == http.MethodGet:
		b.get(w)
	case b.readOnly:
		w.WriteHeader(http.StatusMethodNotAllowed)
	case req.Method == http.MethodPost:
		b.post(w, req)
	case req.Method == "LOCK":
		b.lock(w, req)
	case req.Method == "UNLOCK":
		b.unlock(w, req)
	default:
		w.WriteHeader(http.StatusMethodNotAllowed)
	}
}

func (b *backend) authorized(req *http.Request) bool {
	user, password, ok := req.BasicAuth()
	same := func(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
	return ok && same(user, b.username) && same(password, b.password)
}

func (b *backend) get(w http.ResponseWriter) {
	if b.store.state == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(b.store.state)))
	_, _ = w.Write(b.store.state)
}

// post saves a state. Only the command that holds the lock may.
func (b *backend) post(w http.ResponseWriter, req *http.Request) {
	if b.locked == nil || req.URL.Query().Get("ID") != b.locked.ID {
		w.WriteHeader(http.StatusConflict)
		return
	}
	state, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxState))
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if b.err = b.save(state); b.err != nil {
		b.log.printf("the state could not be saved: %v", b.err)
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	b.saved(state)
}

// save saves a state, which lies on disk until that is done.
func (b *backend) save(state []byte) error {
	onDisk := writeDurably(b.unsaved, state)
	if onDisk != nil {
		b.log.printf("keeping the state on disk while it is being saved: %v", onDisk)
	}
	ctx, cancel := context.WithTimeout(b.giveUp, b.hold)
	defer cancel()
	if err := b.store.save(ctx, state); err != nil {
		if onDisk != nil {
			// There may be room by now.
			if onDisk = writeDurably(b.unsaved, state); onDisk != nil {
				err = fmt.Errorf("%w; %w", err, onDisk)
			}
		}
		return err
	}
	if err := os.Remove(b.unsaved); err != nil && !errors.Is(err, os.ErrNotExist) {
		b.log.printf("removing the copy of the state on disk: %v", err)
	}
	return nil
}

func (b *backend) lock(w http.ResponseWriter, req *http.Request) {
	info := &tfstate.LockInfo{}
	if err := json.NewDecoder(req.Body).Decode(info); err != nil || info.ID == "" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if b.locked != nil {
		w.WriteHeader(http.StatusLocked)
		_ = json.NewEncoder(w).Encode(b.locked)
		return
	}
	b.locked = info
}

func (b *backend) unlock(w http.ResponseWriter, req *http.Request) {
	info := tfstate.LockInfo{}
	if err := json.NewDecoder(req.Body).Decode(&info); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if b.locked == nil || b.locked.ID != info.ID {
		w.WriteHeader(http.StatusConflict)
		return
	}
	b.locked = nil
}

// release forgets the lock of a command that has ended without unlocking.
func (b *backend) release() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.locked = nil
}
