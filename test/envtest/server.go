package envtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/captproject/capt/hack/tools/toolbox"
)

// serverVariable makes a test binary serve instead of running its tests.
const serverVariable = "CAPT_ENVTEST_SERVER"

// startTimeout is for a machine that is busy with compiling.
const startTimeout = 2 * time.Minute

// server is the process that holds the API server.
type server struct {
	process    *exec.Cmd
	stdin      io.Closer
	kubeconfig []byte
}

// startServer returns when the API server answers.
func startServer() (*server, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	s := &server{process: exec.Command(self)}
	s.process.Env = append(os.Environ(), serverVariable+"=1")
	s.process.Stderr = os.Stderr
	// A ^C is for the tests; the server ends after them.
	s.process.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if s.stdin, err = s.process.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := s.process.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.process.Start(); err != nil {
		return nil, err
	}
	// It closes its standard output when it is ready, or ends.
	s.kubeconfig, err = io.ReadAll(stdout)
	if err == nil && len(s.kubeconfig) == 0 {
		err = errors.New("it ended at once; see above")
	}
	if err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

func (s *server) stop() {
	_ = s.stdin.Close()
	_ = s.process.Wait()
}

// serve runs an API server until stdin closes. Its kubeconfig is all that is
// written to stdout.
func serve(stdin io.Reader, stdout io.WriteCloser, flags []string) error {
	// Tests that are gone by now must not take away the one that cleans up.
	signal.Ignore(syscall.SIGPIPE)
	log.SetLogger(logr.Discard())
	environment, err := newEnvironment(flags)
	if err != nil {
		return err
	}
	if _, err := environment.Start(); err != nil {
		return errors.Join(err, environment.Stop())
	}
	_, err = io.Copy(stdout, bytes.NewReader(environment.KubeConfig))
	err = errors.Join(err, stdout.Close())
	if err == nil {
		_, err = io.Copy(io.Discard, stdin)
	}
	return errors.Join(err, environment.Stop())
}

func newEnvironment(flags []string) (*envtest.Environment, error) {
	programs, err := toolbox.Ensure(context.Background(), os.Stderr, toolbox.Etcd, toolbox.KubeAPIServer, toolbox.ClusterAPICore)
	if err != nil {
		return nil, err
	}
	crds, err := crdBases()
	if err != nil {
		return nil, err
	}
	scheme, err := newScheme()
	if err != nil {
		return nil, err
	}
	environment := &envtest.Environment{
		Scheme:                   scheme,
		CRDDirectoryPaths:        []string{crds, programs.ClusterAPICRDs},
		ErrorIfCRDPathMissing:    true,
		ControlPlaneStartTimeout: startTimeout,
		ControlPlaneStopTimeout:  startTimeout,
	}
	environment.ControlPlane.Etcd = &envtest.Etcd{Path: programs.Path(toolbox.Etcd)}
	apiServer := environment.ControlPlane.GetAPIServer()
	apiServer.Path = programs.Path(toolbox.KubeAPIServer)
	for _, flag := range flags {
		name, value, _ := strings.Cut(flag, "=")
		apiServer.Configure().Set(name, value)
	}
	return environment, nil
}

// crdBases finds the generated CRDs from the folder of the package under test.
func crdBases() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		bases := filepath.Join(dir, "config", "crd", "bases")
		if _, err := os.Stat(bases); err == nil {
			return bases, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", fmt.Errorf("no config/crd/bases here: run the tests in a checkout")
		}
		dir = parent
	}
}
