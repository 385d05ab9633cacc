package cluster

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/captproject/capt/test/localkube/internal/process"
	"github.com/captproject/capt/test/localkube/internal/rest"
)

const (
	// startBound is how long a start may take: 3 s on an idle machine, many times that on a loaded one.
	startBound = 3 * time.Minute
	// readyInterval is how often a starting program is asked whether it is ready.
	readyInterval = 50 * time.Millisecond
	// listenInterval is the same for etcd's socket, which is there within 30 ms.
	listenInterval = 10 * time.Millisecond
	// portAttempts is how many ports are tried: between choosing one and listening on it, another program may take it.
	portAttempts = 5
)

var errLate = fmt.Errorf("not ready after %s", startBound)

// starter starts the programs of one cluster. It does not clean up.
type starter struct {
	assetsDir string
	freePort  func() (int, error)
	directory directory
	hold      *os.File
}

// start makes the cluster in an empty directory.
func (s starter) start(ctx context.Context) (record, rest.Client, error) {
	r := record{ID: rand.Text()}
	if err := s.directory.prepare(r, time.Now()); err != nil {
		return r, rest.Client{}, err
	}
	ctx, err := s.startEtcd(ctx)
	if err != nil {
		return r, rest.Client{}, err
	}
	ctx, api, err := s.startAPIServer(ctx)
	if err != nil {
		return r, rest.Client{}, err
	}
	r.Endpoint = api.Server
	r.AdministratorUID, err = createAdministrator(ctx, api)
	if err != nil {
		return r, api, ended(ctx, err)
	}
	return r, api, s.directory.writeRecord(r)
}

// startEtcd returns when etcd listens. The context that it returns ends when etcd ends.
func (s starter) startEtcd(ctx context.Context) (context.Context, error) {
	ctx, err := s.launch(ctx, etcd, etcdArgs(s.directory))
	if err != nil {
		return ctx, err
	}
	return ctx, poll(ctx, listenInterval, func() (bool, error) {
		_, err := os.Stat(s.directory.file(etcdSocket))
		return err == nil, nil
	})
}

// startAPIServer returns when the API server is ready. The context that it returns ends when the API server ends.
func (s starter) startAPIServer(ctx context.Context) (context.Context, rest.Client, error) {
	for attempt := 1; ; attempt++ {
		port, err := s.freePort()
		if err != nil {
			return ctx, rest.Client{}, fmt.Errorf("choosing a port: %w", err)
		}
		running, api, err := s.startAPIServerAt(ctx, port)
		if attempt == portAttempts || !portTaken(err) {
			return running, api, err
		}
	}
}

func (s starter) startAPIServerAt(ctx context.Context, port int) (context.Context, rest.Client, error) {
	ctx, err := s.launch(ctx, apiServer, apiServerArgs(s.directory, port))
	if err != nil {
		return ctx, rest.Client{}, err
	}
	api, err := newClient(s.directory, fmt.Sprintf("https://127.0.0.1:%d", port), time.Now())
	if err != nil {
		return ctx, rest.Client{}, err
	}
	var answer error
	err = poll(ctx, readyInterval, func() (bool, error) {
		answer = api.Get(ctx, "/readyz", nil)
		return answer == nil, nil
	})
	if errors.Is(err, errLate) {
		err = fmt.Errorf("%s: %w: %w; the last lines of its log:\n%s", apiServer, err, answer, s.logTail(apiServer))
	}
	return ctx, api, err
}

// launch starts the program. The context that it returns ends when the program ends; its cause is then an *endedError.
func (s starter) launch(ctx context.Context, program string, args []string) (context.Context, error) {
	child, err := process.Launch(process.Command{
		Program: filepath.Join(s.assetsDir, program),
		Args:    args,
		Dir:     string(s.directory),
		Log:     s.directory.logFile(program),
		Record:  s.directory.processRecord(program),
		Hold:    s.hold,
	})
	if err != nil {
		return ctx, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-child.Exited():
			cancel(&endedError{program: program, err: child.Err(), log: s.logTail(program)})
		case <-ctx.Done():
			cancel(nil)
		}
	}()
	return ctx, nil
}

func (s starter) logTail(program string) string { return logTail(s.directory.logFile(program)) }

// endedError is a program that ended although it should run.
type endedError struct {
	program string
	err     error
	log     string
}

func (e *endedError) Error() string {
	return fmt.Sprintf("%s ended while the cluster was started (%v); the last lines of its log:\n%s",
		e.program, e.err, e.log)
}

// ended is why ctx ended, or else err.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// portTaken tells whether kube-apiserver ended because somebody else listens on its port.
func portTaken(err error) bool {
	var ended *endedError
	return errors.As(err, &ended) && ended.program == apiServer && strings.Contains(ended.log, "address already in use")
}

// freePort is a port of 127.0.0.1 on which nobody listens now.
func freePort() (int, error) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().(*net.TCPAddr).Port, nil
}
