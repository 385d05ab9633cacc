package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/hack/tools/toolbox"
	"github.com/captproject/capt/internal/tofu"
)

// hand is a person with the bare CLI: a directory for each module, the state
// in a file there, the same providers, and an environment with nothing else in
// it.
type hand struct {
	path   string
	dir    string
	config string
	env    []string
	// seconds are those of the commands so far.
	seconds []float64
	undo    []func(context.Context) error
}

// The modules of a cluster, in their order.
const (
	infrastructure = "infrastructure"
	controlPlane   = "control plane"
)

// commands are what is needed to apply a module by hand.
var commands = [][]string{
	{"init", "-input=false"}, {"plan", "-input=false", "-out=plan"}, {"apply", "-input=false", "plan"}, {"output", "-json"},
}

// newCommands are the commands for both modules, without times.
func newCommands() []phase {
	var phases []phase
	for _, module := range []string{infrastructure, controlPlane} {
		for _, command := range commands {
			phases = append(phases, phase{Name: module + ": tofu " + command[0]})
		}
	}
	return phases
}

// byHand applies both modules of the scenario and returns how many seconds each
// command took. What was made is destroyed again.
func (b *bench) byHand(ctx context.Context, s *scenario, namespace string) (seconds []float64, err error) {
	h, err := b.newHand(s, namespace)
	if err != nil {
		return nil, err
	}
	defer func() {
		for _, undo := range h.undo {
			err = errors.Join(err, undo(ctx))
		}
	}()
	if err := b.applyBoth(ctx, h, s, namespace); err != nil {
		return nil, err
	}
	return h.seconds, nil
}

// applyBoth applies the modules of the scenario.
func (b *bench) applyBoth(ctx context.Context, h *hand, s *scenario, namespace string) error {
	for _, m := range []struct {
		name string
		ref  *infrav1.WorkspaceTemplateReference
	}{
		{infrastructure, s.infra.Spec.WorkspaceTemplateRef},
		{controlPlane, s.plane.Spec.WorkspaceTemplateRef},
	} {
		template := s.templates[m.ref.Name].Spec.Template.Spec.ForProvider
		env, err := b.variables(ctx, template.Env, namespace)
		if err != nil {
			return err
		}
		h.env = append(h.env, env...)
		if err := h.apply(ctx, m.name, template.Module); err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
	}
	return nil
}

// newHand prepares what the modules have in common, variables included.
func (b *bench) newHand(s *scenario, namespace string) (*hand, error) {
	h := &hand{
		path: b.env.Programs.Path(toolbox.Tofu),
		dir:  filepath.Join(b.env.Root, "by-hand", namespace),
	}
	h.config = filepath.Join(h.dir, "tofurc")
	if err := os.MkdirAll(h.dir, 0o700); err != nil {
		return nil, fmt.Errorf("make a directory: %w", err)
	}
	if err := os.WriteFile(h.config, []byte(tofu.Installation{Mirror: b.env.Programs.ProviderMirror}.CLIConfig()), 0o600); err != nil {
		return nil, fmt.Errorf("write the configuration of the CLI: %w", err)
	}
	h.set("cluster_name", s.cluster.Name)
	h.set("namespace", namespace+"-by-hand")
	h.set("kubernetes_version", s.plane.Spec.Version)
	return h, nil
}

// variables are the environment variables of a template.
func (b *bench) variables(ctx context.Context, wanted []infrav1.EnvVar, namespace string) ([]string, error) {
	var env []string
	for _, v := range wanted {
		var value string
		var err error
		switch {
		case v.Value != nil:
			value = *v.Value
		case v.ConfigMapKeyRef != nil:
			object := &corev1.ConfigMap{}
			err = b.env.Client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: v.ConfigMapKeyRef.Name}, object)
			value = object.Data[v.ConfigMapKeyRef.Key]
		case v.SecretKeyRef != nil:
			object := &corev1.Secret{}
			err = b.env.Client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: v.SecretKeyRef.Name}, object)
			value = string(object.Data[v.SecretKeyRef.Key])
		}
		if err != nil {
			return nil, fmt.Errorf("the environment variable %s: %w", v.Name, err)
		}
		env = append(env, v.Name+"="+value)
	}
	return env, nil
}

// set gives a value to a variable of all modules that declare it.
func (h *hand) set(variable, value string) {
	h.env = append(h.env, "TF_VAR_"+variable+"="+value)
}

// apply applies a module and sets its outputs as variables.
func (h *hand) apply(ctx context.Context, name, module string) error {
	dir := filepath.Join(h.dir, strings.ReplaceAll(name, " ", "-"))
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "main.tf"), []byte(module), 0o600); err != nil {
		return err
	}
	// Last made, first destroyed.
	h.undo = append([]func(context.Context) error{func(ctx context.Context) error {
		_, err := h.run(ctx, dir, "destroy", "-auto-approve", "-input=false")
		return err
	}}, h.undo...)

	var output []byte
	for _, args := range commands {
		start := time.Now()
		var err error
		if output, err = h.run(ctx, dir, args...); err != nil {
			return err
		}
		h.seconds = append(h.seconds, time.Since(start).Seconds())
	}
	return h.setOutputs(output)
}

// setOutputs sets the outputs that are texts, as `tofu output -json` gives them.
func (h *hand) setOutputs(output []byte) error {
	var outputs map[string]struct {
		Value any `json:"value"`
	}
	if err := json.Unmarshal(output, &outputs); err != nil {
		return fmt.Errorf("read the outputs: %w", err)
	}
	for name, o := range outputs {
		if text, ok := o.Value.(string); ok {
			h.set(name, text)
		}
	}
	return nil
}

func (h *hand) run(ctx context.Context, dir string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, h.path, args...)
	cmd.Dir, cmd.Env = dir, tofu.Environment(h.dir, h.config, h.env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("tofu %s: %w: %s", args[0], err, strings.TrimSpace(stderr.String()))
	}
	return stdout.Bytes(), nil
}
