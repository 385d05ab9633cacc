package runner

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/hack/tools/toolbox"
	"github.com/captproject/capt/internal/inputs"
	"github.com/captproject/capt/internal/tfstate"
	"github.com/captproject/capt/test/envtest"
)

var env envtest.Environment

func TestMain(m *testing.M) { os.Exit(envtest.Run(m, &env)) }

// workspace is one workspace in a namespace of its own.
type workspace struct {
	*WithT
	t      *testing.T
	client client.Client
	Options
}

func newWorkspace(t *testing.T) *workspace {
	t.Helper()
	g := NewWithT(t)
	programs, err := toolbox.Ensure(context.Background(), os.Stderr, toolbox.Tofu)
	g.Expect(err).NotTo(HaveOccurred())
	c, err := NewClient(env.Config)
	g.Expect(err).NotTo(HaveOccurred())
	return &workspace{WithT: g, t: t, client: c, Options: Options{
		Namespace: env.Namespace(t), Workspace: "w", Run: "w-1", Operation: infrav1.OperationApply,
		InputsSecret: "w-inputs", Dir: filepath.Join(t.TempDir(), "run"), Tofu: programs.Path(toolbox.Tofu),
		ProviderMirror: t.TempDir(),
	}}
}

// inline are the inputs of a module that needs none.
func inline(module string) inputs.Inputs {
	return inputs.Inputs{Module: inputs.Module{Source: "Inline", Content: module}}
}

// remote are the inputs of a module in a directory.
func remote(t *testing.T, files map[string]string) inputs.Inputs {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		NewWithT(t).Expect(os.MkdirAll(filepath.Dir(path), 0o700)).To(Succeed())
		NewWithT(t).Expect(os.WriteFile(path, []byte(content), 0o600)).To(Succeed())
	}
	return inputs.Inputs{Module: inputs.Module{Source: "Remote", Content: dir}}
}

var owner = metav1.OwnerReference{APIVersion: "infrastructure.cluster.x-k8s.io/v1beta1", Kind: "WorkspaceTemplateApply", Name: "w", UID: "1-2-3"}

// setInputs writes the inputs Secret and returns the digest.
func (w *workspace) setInputs(in inputs.Inputs) string {
	w.t.Helper()
	encoded, err := in.Encode()
	w.Expect(err).NotTo(HaveOccurred())
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: w.Namespace, Name: w.InputsSecret, OwnerReferences: []metav1.OwnerReference{owner},
			Labels: map[string]string{infrav1.WorkspaceLabel: "w", "cluster.x-k8s.io/cluster-name": "c", "clusterctl.cluster.x-k8s.io/move": "", "other": "x"},
		},
		Data: map[string][]byte{inputs.SecretKey: encoded},
	}
	w.Expect(client.IgnoreNotFound(w.client.Delete(context.Background(), secret.DeepCopy()))).To(Succeed())
	w.Expect(w.client.Create(context.Background(), secret)).To(Succeed())
	return inputs.Digest(encoded)
}

// run carries out a run with a directory of its own, unless the name is that of
// the run before.
func (w *workspace) run(ctx context.Context, name string, operation infrav1.Operation) *Result {
	w.t.Helper()
	if name != w.Run {
		w.Dir = filepath.Join(w.t.TempDir(), name)
	}
	w.Run, w.Operation = name, operation
	result, err := Run(ctx, w.client, w.Options)
	w.Expect(err).NotTo(HaveOccurred())
	w.t.Logf("%s: %s %s", result.Phase, result.Reason, result.Message)
	read, err := ReadResult(w.Dir)
	w.Expect(err).NotTo(HaveOccurred())
	w.Expect(read).To(Equal(result))
	return result
}

func (w *workspace) apply(in inputs.Inputs) *Result {
	w.t.Helper()
	w.setInputs(in)
	return w.run(context.Background(), w.Run, infrav1.OperationApply)
}

func (w *workspace) secret(name string) *corev1.Secret {
	w.t.Helper()
	secret := &corev1.Secret{}
	w.Expect(w.client.Get(context.Background(), client.ObjectKey{Namespace: w.Namespace, Name: name}, secret)).To(Succeed())
	return secret
}

func (w *workspace) suffix() string { return tfstate.Suffix(w.Namespace, w.Workspace) }

// store is one that knows the workspace's state.
func (w *workspace) store() *stateStore {
	w.t.Helper()
	s := newStore(w.client)
	s.namespace, s.suffix = w.Namespace, w.suffix()
	w.Expect(s.load(context.Background())).To(Succeed())
	return s
}

// state is the state in its Secret.
func (w *workspace) state() []byte {
	w.t.Helper()
	key := client.ObjectKey{Namespace: w.Namespace, Name: tfstate.SecretName(w.suffix())}
	_, state, err := ReadState(context.Background(), w.client, key)
	w.Expect(err).NotTo(HaveOccurred())
	return state
}

// holder is the run that holds the lock.
func (w *workspace) holder() string {
	w.t.Helper()
	lease := &coordinationv1.Lease{}
	key := client.ObjectKey{Namespace: w.Namespace, Name: tfstate.LeaseName(w.suffix())}
	w.Expect(w.client.Get(context.Background(), key, lease)).To(Succeed())
	return tfstate.Holder(lease)
}

// outputs are the values in the outputs Secret.
func (w *workspace) outputs() map[string]any {
	w.t.Helper()
	var outputs map[string]struct{ Value any }
	w.Expect(json.Unmarshal(w.secret(OutputsName(w.Workspace)).Data[OutputsKey], &outputs)).To(Succeed())
	values := map[string]any{}
	for name, o := range outputs {
		values[name] = o.Value
	}
	return values
}

func (w *workspace) log() string {
	w.t.Helper()
	log, err := os.ReadFile(filepath.Join(w.Dir, logFile))
	w.Expect(err).NotTo(HaveOccurred())
	return string(log)
}

// unreliable is a client whose writes may fail.
type unreliable struct {
	client.Client
	// refuse returns the error of a write, if it is to fail.
	refuse func(client.Object) error
}

func (u *unreliable) Create(ctx context.Context, obj client.Object, opts ...client.CreateOption) error {
	if err := u.refuse(obj); err != nil {
		return err
	}
	return u.Client.Create(ctx, obj, opts...)
}

func (u *unreliable) Update(ctx context.Context, obj client.Object, opts ...client.UpdateOption) error {
	if err := u.refuse(obj); err != nil {
		return err
	}
	return u.Client.Update(ctx, obj, opts...)
}

func (u *unreliable) Apply(ctx context.Context, obj runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
	name := *obj.(*corev1ac.SecretApplyConfiguration).GetName()
	if err := u.refuse(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name}}); err != nil {
		return err
	}
	return u.Client.Apply(ctx, obj, opts...)
}

func text(s string) *string { return &s }
