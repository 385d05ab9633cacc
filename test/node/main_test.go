package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/captproject/capt/dev/environment"
)

// shared is the node of all tests but those that end it.
var shared *Node

func TestMain(m *testing.M) {
	log.SetLogger(logr.Discard())
	run := func() error { return runTests(m) }
	if os.Getenv(victimVariable) != "" {
		run = beKilled
	}
	os.Exit(Isolated(func() int {
		if err := run(); err != nil {
			return failure(err)
		}
		return 0
	}))
}

func runTests(m *testing.M) (err error) {
	logs, err := os.MkdirTemp("", "capt-node-")
	if err != nil {
		return err
	}
	if shared, err = Start(context.Background(), options(logs)); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, shared.KeepLogs(), fmt.Errorf("logs: %s", logs))
		}
		err = errors.Join(err, shared.Stop())
	}()
	if err := importProbe(context.Background(), shared); err != nil {
		return err
	}
	if code := m.Run(); code != 0 {
		return fmt.Errorf("the tests ended with code %d", code)
	}
	return nil
}

// options leave out what these tests do not look at.
func options(logs string) environment.Options {
	return environment.Options{Out: os.Stderr, LogDir: logs, WithoutCore: true, WithoutManager: true}
}
