package deployed

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/captproject/capt/dev/environment"
	"github.com/captproject/capt/test/node"
)

// shared is the node of all tests, which follow each other.
var shared *node.Node

func TestMain(m *testing.M) {
	log.SetLogger(logr.Discard())
	os.Exit(node.Isolated(func() int {
		if err := runTests(m); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return 0
	}))
}

func runTests(m *testing.M) (err error) {
	logs, err := os.MkdirTemp("", "capt-deployed-")
	if err != nil {
		return err
	}
	ctx := context.Background()
	if shared, err = node.Start(ctx, environment.Options{Out: os.Stderr, LogDir: logs, WithoutManager: true}); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, shared.KeepLogs(), fmt.Errorf("logs: %s", logs))
		}
		err = errors.Join(err, shared.Stop())
	}()
	if err := errors.Join(importImages(ctx), install(ctx)); err != nil {
		return err
	}
	if code := m.Run(); code != 0 {
		return fmt.Errorf("the tests ended with code %d", code)
	}
	return nil
}
