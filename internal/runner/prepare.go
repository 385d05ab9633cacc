package runner

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	clusterctlv1 "sigs.k8s.io/cluster-api/cmd/clusterctl/api/v1alpha3"
	"sigs.k8s.io/controller-runtime/pkg/client"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/inputs"
	"github.com/captproject/capt/internal/tfstate"
	"github.com/captproject/capt/internal/tofu"
)

// emptyDirectory removes what an earlier start of this run left. Its state has
// been saved (recover).
func (r *run) emptyDirectory(context.Context) error {
	for _, name := range []string{workDir, homeDir} {
		if err := os.RemoveAll(r.path(name)); err != nil {
			return err
		}
		if err := os.Mkdir(r.path(name), 0o700); err != nil {
			return err
		}
	}
	return nil
}

// readInputs reads the inputs Secret.
func (r *run) readInputs(ctx context.Context) error {
	// This is our first request: our rights may be younger than what the API
	// server knows of them.
	secret, err := r.getSecret(ctx, r.InputsSecret, func(err error) bool { return refused(err) && !apierrors.IsForbidden(err) })
	if err != nil {
		return fail(ReasonInputsNotFound, fmt.Sprintf("reading the inputs from Secret %s: %v", r.InputsSecret, err))
	}
	encoded, ok := secret.Data[inputs.SecretKey]
	if !ok {
		return fail(ReasonInputsNotFound, fmt.Sprintf("Secret %s has no key %s", r.InputsSecret, inputs.SecretKey))
	}
	if r.inputs, err = inputs.Decode(encoded); err != nil {
		return fail(ReasonInputsInvalid, err.Error())
	}
	r.result.InputsDigest = inputs.Digest(encoded)
	r.redactor.add(r.inputs.Secrets...)
	r.owners = secret.OwnerReferences
	r.labels = map[string]string{}
	for _, name := range []string{infrav1.WorkspaceLabel, clusterv1.ClusterNameLabel, clusterctlv1.ClusterctlMoveLabel} {
		if value, ok := secret.Labels[name]; ok {
			r.labels[name] = value
		}
	}
	return nil
}

// getSecret reads a Secret, waiting a while for the Kubernetes API unless its
// answer is final.
func (r *run) getSecret(ctx context.Context, name string, final func(error) bool) (*corev1.Secret, error) {
	ctx, cancel := context.WithTimeout(ctx, planGrace)
	defer cancel()
	secret := &corev1.Secret{}
	err := retry(ctx, final, r.awaitAPI, func(ctx context.Context) error {
		return r.client.Get(ctx, client.ObjectKey{Namespace: r.Namespace, Name: name}, secret)
	})
	return secret, err
}

// takeLock locks the state for the whole run.
func (r *run) takeLock(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, planGrace)
	defer cancel()
	lock := r.newLock()
	err := lock.take(ctx)
	var locked *tfstate.LockedError
	switch {
	case errors.As(err, &locked):
		return err
	case err != nil:
		return fail(ReasonBackendFailed, err.Error())
	}
	r.lock = lock
	return nil
}

// untilInterrupted is how long a state is held that goes with its directory.
const untilInterrupted = 100 * 365 * 24 * time.Hour

// openState reads the state, starts the backend for it and makes the CLI that
// knows it.
func (r *run) openState(ctx context.Context) error {
	loading, cancel := context.WithTimeout(ctx, planGrace)
	defer cancel()
	r.store = r.newStore()
	if err := r.store.load(loading); err != nil {
		return fail(ReasonBackendFailed, err.Error())
	}
	r.redactor.add(tfstate.SensitiveValues(r.store.state)...)
	if r.elsewhere() {
		r.ourState = r.store.state
		return r.newCLI()
	}
	if !r.onlyPlans() {
		if err := r.store.adopt(loading); err != nil {
			return fail(ReasonBackendFailed, err.Error())
		}
	}
	return r.serveState(ctx)
}

// serveState starts the backend that OpenTofu talks to.
func (r *run) serveState(ctx context.Context) error {
	hold := r.Grace
	if r.Ephemeral {
		hold = untilInterrupted
	}
	giveUp, stop := context.WithCancel(context.Background())
	context.AfterFunc(ctx, func() { time.AfterFunc(r.Grace, stop) })
	r.server = &backend{
		store: r.store, readOnly: r.onlyPlans(), unsaved: r.path(unsavedFile), hold: hold, giveUp: giveUp, log: r.log,
		saved: func(state []byte) { r.redactor.add(tfstate.SensitiveValues(state)...) },
	}
	if err := r.server.serve(); err != nil {
		r.server = nil
		return err
	}
	r.redactor.add(r.server.password)
	return r.newCLI()
}

// softMemoryLimit is what OpenTofu is to do with, if it can: in a pod, which has a limit
// of its own, what the runner itself was told.
func (r *run) softMemoryLimit() int64 {
	if r.Ephemeral {
		return debug.SetMemoryLimit(-1)
	}
	return tofu.SoftMemoryLimit(maxMemory)
}

// newCLI writes OpenTofu's CLI configuration and sets up its environment.
func (r *run) newCLI() error {
	if r.Plugins != "" {
		if err := os.MkdirAll(r.Plugins, 0o700); err != nil { // OpenTofu looks into it
			return err
		}
	}
	if err := os.WriteFile(r.path(cliConfigFile), []byte(r.installation().CLIConfig()), 0o600); err != nil {
		return err
	}
	// Providers put their sockets there: a path in the run's directory could be
	// too long for one.
	env := []string{"TMPDIR=" + os.TempDir(), fmt.Sprintf("GOMEMLIMIT=%d", r.softMemoryLimit())}
	for _, v := range r.inputs.Env {
		if tofu.Reserved(v.Name) {
			return fail(ReasonInputsInvalid, fmt.Sprintf("the environment variable %s is set by the run itself: remove it from the template", v.Name))
		}
		env = append(env, v.Name+"="+v.Value)
	}
	if r.server != nil {
		env = append(env, r.server.environment()...)
	}
	r.cli = tofu.CLI{
		Path:   r.Tofu,
		Env:    tofu.Environment(r.path(homeDir), r.path(cliConfigFile), env...),
		Grace:  min(planGrace, r.Grace),
		Follow: r.log.message,
	}
	if !r.Ephemeral { // a pod has a limit of its own
		r.cli.MaxMemory = maxMemory
	}
	return nil
}
