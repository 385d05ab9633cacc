package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/captproject/capt/dev/environment"
)

var (
	// env is the management cluster that all tests share. Tests that stop its
	// manager do not call t.Parallel, so that nothing else runs meanwhile.
	env *environment.Environment
	// envMutex is for the methods of env that are not to be called at once.
	envMutex sync.Mutex
	// broken is done, with the cause, when a part of env has ended by itself.
	broken context.Context
)

func TestMain(m *testing.M) {
	log.SetLogger(logr.Discard())
	if err := runTests(m); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func runTests(m *testing.M) (err error) {
	logs, err := os.MkdirTemp("", "capt-e2e-")
	if err != nil {
		return err
	}
	if env, err = environment.Start(context.Background(), environment.Options{Out: os.Stderr, LogDir: logs}); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, env.KeepLogs(), fmt.Errorf("logs: %s", logs))
		}
		err = errors.Join(err, env.Stop())
	}()
	var cancel context.CancelCauseFunc
	broken, cancel = context.WithCancelCause(context.Background())
	defer cancel(nil)
	go func() {
		select {
		case err := <-env.Failed():
			cancel(err)
		case <-broken.Done():
		}
	}()
	if code := m.Run(); code != 0 {
		return fmt.Errorf("the end-to-end tests ended with code %d", code)
	}
	return checkLog(filepath.Join(logs, "capt-manager.log"))
}

// checkLog fails if the log holds a key or a token, of whatever test.
func checkLog(path string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if found := credential.Find(content); found != nil {
		return fmt.Errorf("%s holds a credential: it has %.20q", path, found)
	}
	return nil
}
