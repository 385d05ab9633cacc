package runner

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/inputs"
	"github.com/captproject/capt/internal/tfstate"
	"github.com/captproject/capt/internal/tofu"
)

const dataModule = `
variable "in" { default = "hello" }
resource "terraform_data" "a" { input = var.in }
output "out" { value = terraform_data.a.output }
`

func counts(add, change, destroy, replace int32) *infrav1.PlanSummary {
	return &infrav1.PlanSummary{Add: ptr.To(add), Change: ptr.To(change), Destroy: ptr.To(destroy), Replace: ptr.To(replace)}
}

// counted is the plan of a result without its name and its time.
func counted(result *Result) *infrav1.PlanSummary {
	plan := result.Plan.DeepCopy()
	plan.Digest, plan.Time = "", metav1.Time{}
	return plan
}

func TestApplyAgainAndDestroy(t *testing.T) {
	w := newWorkspace(t)
	digest := w.setInputs(inline(dataModule))
	ctx := context.Background()

	result := w.run(ctx, "w-1", infrav1.OperationApply)
	w.Expect(result.Phase).To(Equal(infrav1.RunSucceeded), result.Message)
	w.Expect(counted(result)).To(Equal(counts(1, 0, 0, 0)))
	w.Expect(result.InputsDigest).To(Equal(digest))
	w.Expect(result.StateEmpty).To(BeFalse())
	w.Expect(result.Finished).To(BeTemporally(">=", result.Started))

	outputs := w.secret("w-outputs")
	w.Expect(outputs.Data[OutputsKey]).To(MatchJSON(`{"out":{"sensitive":false,"type":"string","value":"hello"}}`))
	w.Expect(outputs.Annotations).To(HaveKeyWithValue(infrav1.InputsDigestAnnotation, digest))
	w.Expect(outputs.OwnerReferences).To(Equal([]metav1.OwnerReference{owner}))
	wanted := map[string]string{infrav1.WorkspaceLabel: "w", "cluster.x-k8s.io/cluster-name": "c", "clusterctl.cluster.x-k8s.io/move": ""}
	w.Expect(outputs.Labels).To(Equal(wanted))

	state := w.secret(tfstate.SecretName(w.suffix()))
	w.Expect(state.Labels).To(Equal(tfstate.Labels(w.suffix(), wanted)))
	w.Expect(state.Finalizers).To(Equal([]string{tfstate.Finalizer}))
	w.Expect(state.OwnerReferences).To(BeEmpty(), "a state must not go with its owner")
	w.Expect(w.holder()).To(BeEmpty())

	// Nothing to change, nothing to write.
	reliable := w.client
	w.client = &unreliable{w.client, func(obj client.Object) error {
		if _, isSecret := obj.(*corev1.Secret); isSecret {
			return apierrors.NewBadRequest("there is nothing to write")
		}
		return nil
	}}
	again := w.run(ctx, "w-2", infrav1.OperationApply)
	w.client = reliable
	w.Expect(again.Phase).To(Equal(infrav1.RunSucceeded))
	w.Expect(counted(again)).To(Equal(counts(0, 0, 0, 0)))
	w.Expect(w.log()).NotTo(ContainSubstring("tofu apply"))

	w.ApplyRequest = "now"
	w.Expect(w.run(ctx, "w-3", infrav1.OperationApply).Phase).To(Equal(infrav1.RunSucceeded))
	w.Expect(w.secret("w-outputs").Annotations).To(HaveKeyWithValue(infrav1.ApplyRequestAnnotation, "now"))

	destroyed := w.run(ctx, "w-4", infrav1.OperationDestroy)
	w.Expect(destroyed.Phase).To(Equal(infrav1.RunSucceeded))
	w.Expect(counted(destroyed)).To(Equal(counts(0, 0, 1, 0)))
	w.Expect(destroyed.StateEmpty).To(BeTrue())
	w.Expect(tfstate.Empty(w.state())).To(BeTrue())
}

// A person has nothing but `tofu`, and rescues a state as docs/engine.md says.
func TestAStateIsRescuedWithOpenTofusOwnBackend(t *testing.T) {
	w := newWorkspace(t)
	w.Expect(w.apply(inline(dataModule)).Phase).To(Equal(infrav1.RunSucceeded))
	p := w.person(dataModule)
	p.tofu("init")
	w.Expect(p.tofu("state", "list")).To(Equal("terraform_data.a\n"))
	w.Expect(p.tofu("output", "out")).To(Equal("\"hello\"\n"))
	ctx := context.Background()
	plan, err := p.cli.Plan(ctx, tofu.PlanOptions{Out: filepath.Join(p.cli.Dir, "plan")})
	w.Expect(err).NotTo(HaveOccurred())
	w.Expect(plan.Changed).To(BeFalse())

	pulled := filepath.Join(p.cli.Dir, "pulled")
	w.Expect(os.WriteFile(pulled, []byte(p.tofu("state", "pull")), 0o600)).To(Succeed())
	p.tofu("state", "rm", "terraform_data.a")
	w.Expect(tfstate.Empty(w.state())).To(BeTrue())
	p.tofu("state", "push", "-force", pulled)
	w.Expect(w.holder()).To(BeEmpty())
	again := w.run(ctx, "w-2", infrav1.OperationApply)
	w.Expect(counted(again)).To(Equal(counts(0, 0, 0, 0)), again.Message)

	// The lock of a run is respected, and broken by its name.
	held := &stateLock{client: w.client, namespace: w.Namespace, suffix: w.suffix(), info: tfstate.LockInfo{ID: "w-9", Who: "me"}, report: func(error) {}}
	w.Expect(held.take(ctx)).To(Succeed())
	w.Expect(p.refused("state", "push", "-force", pulled)).To(And(ContainSubstring("Error acquiring the state lock"), ContainSubstring("w-9")))
	p.tofu("force-unlock", "-force", "w-9")
	w.Expect(w.holder()).To(BeEmpty())

	// And a lock of a person by a run.
	held.info.ID = "4e1f"
	w.Expect(held.take(ctx)).To(Succeed())
	w.Expect(w.run(ctx, "w-3", infrav1.OperationApply).Reason).To(Equal(ReasonStateLocked))
}

// A state that is divided is refused by that backend, not taken for an empty one;
// with the parts put together by hand, it is read.
func TestADividedStateIsNoEmptyOneToOpenTofusOwnBackend(t *testing.T) {
	w := newWorkspace(t)
	store := w.store()
	w.Expect(store.save(context.Background(), stateOf(1, 1))).To(Succeed())
	p := w.person(dataModule)
	w.Expect(p.refused("init")).To(ContainSubstring("gzip: invalid header"))

	var packed []byte
	for _, name := range filled(t, w.Namespace) {
		packed = append(packed, w.secret(name).Data["part"]...)
	}
	reader, err := gzip.NewReader(bytes.NewReader(packed))
	w.Expect(err).NotTo(HaveOccurred())
	whole, err := io.ReadAll(reader)
	w.Expect(err).NotTo(HaveOccurred())
	w.Expect(bytes.Equal(whole, store.state)).To(BeTrue())
}

// person is somebody with a folder, OpenTofu and a kubeconfig.
type person struct {
	w   *workspace
	cli tofu.CLI
}

func (w *workspace) person(module string) *person {
	w.t.Helper()
	dir := w.t.TempDir()
	kubeconfig := filepath.Join(dir, "kubeconfig")
	w.Expect(os.WriteFile(kubeconfig, env.Kubeconfig, 0o600)).To(Succeed())
	backend := `terraform {
  backend "kubernetes" {
    namespace     = "` + w.Namespace + `"
    secret_suffix = "` + w.suffix() + `"
  }
}`
	w.Expect(os.WriteFile(filepath.Join(dir, "main.tf"), []byte(backend+module), 0o600)).To(Succeed())
	return &person{w, tofu.CLI{
		Path: w.Tofu, Dir: dir, Env: tofu.Environment(dir, os.DevNull, "KUBE_CONFIG_PATH="+kubeconfig), Grace: time.Minute,
	}}
}

func (p *person) command(args ...string) *exec.Cmd {
	cmd := exec.Command(p.cli.Path, args...)
	cmd.Dir, cmd.Env = p.cli.Dir, append(p.cli.Env, "TF_CLI_ARGS=-no-color")
	return cmd
}

// tofu runs a command and returns what it prints.
func (p *person) tofu(args ...string) string {
	p.w.t.Helper()
	cmd := p.command(args...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	p.w.Expect(err).NotTo(HaveOccurred(), said.String())
	return string(out)
}

// refused runs a command that must fail and returns what it says.
func (p *person) refused(args ...string) string {
	p.w.t.Helper()
	said, err := p.command(args...).CombinedOutput()
	p.w.Expect(err).To(HaveOccurred())
	return string(said)
}

func TestVariables(t *testing.T) {
	const module = `
variable "text" {}
variable "number" { type = number }
variable "list" { type = list(string) }
variable "object" { type = object({ a = string, b = optional(number, 7) }) }
variable "typed" { type = map(number) }
variable "file" { default = "default" }
variable "both" { default = "default" }
output "all" { value = [var.text, var.number, var.list, var.object, var.typed, var.file, var.both] }
`
	w := newWorkspace(t)
	in := inline(module)
	in.Variables = []inputs.Variable{
		{Name: "both", Text: text("variable")},
		{Name: "list", Text: text(`["a", "b"]`)},
		{Name: "number", Text: text("12")},
		{Name: "object", Text: text(`{ a = "x" }`)},
		{Name: "text", Text: text("${not} a [template]")},
		{Name: "typed", Value: []byte(`{"k":1}`)},
		{Name: "undeclared", Text: text("x"), Optional: true},
	}
	in.VarFiles = []inputs.VarFile{
		{Format: "HCL", Content: `file = "first"`},
		{Format: "JSON", Content: `{"file":"second","both":"second"}`},
	}
	w.Expect(w.apply(in).Phase).To(Equal(infrav1.RunSucceeded))
	w.Expect(w.outputs()["all"]).To(Equal([]any{
		"${not} a [template]", 12.0, []any{"a", "b"}, map[string]any{"a": "x", "b": 7.0}, map[string]any{"k": 1.0}, "second", "variable",
	}))
}

func TestModulesAsTheyAre(t *testing.T) {
	for name, backend := range map[string]string{
		"a backend of its own": "terraform {\n  backend \"local\" {\n    path = \"elsewhere.tfstate\"\n  }\n}",
		"the cloud":            "terraform {\n  cloud {\n    organization = \"x\"\n  }\n}",
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorkspace(t)
			w.Expect(w.apply(inline(dataModule + backend)).Phase).To(Equal(infrav1.RunSucceeded))
			w.Expect(string(w.state())).To(ContainSubstring("terraform_data"))
		})
	}

	t.Run("a remote module with an override, variables and an entrypoint", func(t *testing.T) {
		w := newWorkspace(t)
		in := remote(t, map[string]string{
			"modules/child/main.tf":   `output "from" { value = "child" }`,
			"live/main.tf":            `module "child" { source = "../modules/child" }` + "\n" + `variable "v" { default = "default" }` + "\n" + `output "all" { value = [module.child.from, var.v, file("${path.module}/certs/ca.pem")] }`,
			"live/z_override.tf":      "terraform {\n  backend \"local\" {}\n}",
			"live/zzz.auto.tfvars":    `v = "module"`,
			"live/errored.tfstate":    `not ours`,
			"live/certs/ca.pem":       `to be replaced`,
			"live/main.tftest.hcl":    ``,
			"live/.hidden/ignored.tf": `no HCL at all`,
		})
		in.Module.Entrypoint = "live"
		in.Variables = []inputs.Variable{{Name: "v", Text: text("ours")}}
		in.Files = []inputs.File{{Path: "certs/ca.pem", Content: []byte("pem")}}
		result := w.apply(in)
		w.Expect(result.Phase).To(Equal(infrav1.RunSucceeded), result.Message)
		w.Expect(w.outputs()["all"]).To(Equal([]any{"child", "ours", "pem"}))
		w.Expect(filepath.Join(w.Dir, workDir, "live", "terraform.tfstate")).NotTo(BeAnExistingFile())
	})

	t.Run("JSON, with configuration beside it", func(t *testing.T) {
		w := newWorkspace(t)
		in := inline(`{"output":{"o":{"value":"${local.beside}"}}}`)
		in.Module.Format = "JSON"
		in.Module.Configuration = `locals { beside = "yes" }`
		w.Expect(w.apply(in).Phase).To(Equal(infrav1.RunSucceeded))
		w.Expect(w.outputs()).To(Equal(map[string]any{"o": "yes"}))
	})
}

func TestLockHeldByAnotherRun(t *testing.T) {
	w := newWorkspace(t)
	w.setInputs(inline(dataModule))
	other := &stateLock{client: w.client, namespace: w.Namespace, suffix: w.suffix(), info: tfstate.LockInfo{ID: "w-7", Who: "capt-runner@elsewhere"}, report: func(error) {}}
	ctx := context.Background()
	w.Expect(other.take(ctx)).To(Succeed())

	result := w.run(ctx, "w-8", infrav1.OperationApply)
	w.Expect(result.Reason).To(Equal(ReasonStateLocked))
	w.Expect(result.Kind).To(Equal(infrav1.FailureTransient))
	w.Expect(result.LockHolder).To(Equal("w-7"))
	w.Expect(result.Message).To(ContainSubstring("w-7 (capt-runner@elsewhere"))
	w.Expect(w.holder()).To(Equal("w-7"))

	w.Expect(w.run(ctx, "w-7", infrav1.OperationApply).Phase).To(Equal(infrav1.RunSucceeded), "its own lock")
	w.Expect(w.holder()).To(BeEmpty())

	w.Expect(other.take(ctx)).To(Succeed())
	key := client.ObjectKey{Namespace: w.Namespace, Name: tfstate.LeaseName(w.suffix())}
	w.Expect(Unlock(ctx, w.client, key, "w-8")).To(BeFalse())
	w.Expect(Unlock(ctx, w.client, key, "w-7")).To(BeTrue())
	w.Expect(w.holder()).To(BeEmpty())
}

// refuseTimes makes so many writes of the state fail, as if the API server were
// away.
func refuseTimes(times int) func(client.Object) error {
	return func(obj client.Object) error {
		if _, isSecret := obj.(*corev1.Secret); !isSecret || !strings.HasPrefix(obj.GetName(), "tfstate-") || times == 0 {
			return nil
		}
		times--
		return errors.New("connection refused")
	}
}

func TestStateWaitsForTheAPIServer(t *testing.T) {
	w := newWorkspace(t)
	w.client = &unreliable{w.client, refuseTimes(2)}
	w.Expect(w.apply(inline(dataModule)).Phase).To(Equal(infrav1.RunSucceeded))
	w.Expect(w.outputs()).To(Equal(map[string]any{"out": "hello"}))
	w.Expect(w.log()).To(ContainSubstring("connection refused"))
	w.Expect(StateOnDisk(w.Dir)).To(BeEmpty())
}

func TestStateThatCannotBeSaved(t *testing.T) {
	for name, tc := range map[string]struct {
		module string
		refuse func(client.Object) error
		reason string
	}{
		"the API server stays away": {dataModule, refuseTimes(-1), ReasonStateNotSaved},
		"too large": {
			`resource "terraform_data" "a" { input = [for i in range(1000) : [for j in range(70) : sha512("${i}-${j}")]] }`,
			refuseTimes(0), ReasonStateTooLarge,
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorkspace(t)
			w.client = &unreliable{w.client, tc.refuse}
			w.Grace = time.Second
			result := w.apply(inline(tc.module))
			w.Expect(result.Reason).To(Equal(tc.reason))
			w.Expect(result.Kind).To(Equal(infrav1.FailureConfiguration), "going on with an old state makes everything twice")
			w.Expect(result.KeepDirectory).To(BeTrue())
			w.Expect(result.Message).To(ContainSubstring(w.Dir))

			files, err := StateOnDisk(w.Dir)
			w.Expect(err).NotTo(HaveOccurred())
			w.Expect(files).To(ConsistOf(filepath.Join(w.Dir, "unsaved.tfstate"), filepath.Join(w.Dir, workDir, "errored.tfstate")))
			for _, file := range files {
				state, err := os.ReadFile(file)
				w.Expect(err).NotTo(HaveOccurred())
				w.Expect(tfstate.Empty(state)).To(BeFalse())
			}

			// Nobody goes on before it is saved.
			w.Expect(w.holder()).To(Equal("w-1"))
			again := w.run(context.Background(), "w-1", infrav1.OperationApply)
			w.Expect(again.Reason).To(Equal(tc.reason))
			w.Expect(StateOnDisk(w.Dir)).To(Equal(files))
			w.Expect(w.run(context.Background(), "w-2", infrav1.OperationApply).Reason).To(Equal(ReasonStateLocked))
		})
	}
}

func TestOutputsAreThoseThatOpenTofuPrints(t *testing.T) {
	const module = `
output "text" { value = "<a> & b \u2028 \"c\" ü" }
output "large" { value = 12345678901234567890 }
output "small" { value = 0.1 }
output "secret" {
  value     = "made up"
  sensitive = true
}
output "old" {
  value      = 1
  deprecated = "use <text>"
}
output "nothing" { value = null }
output "empty" { value = {} }
output "tuple" { value = [1, "two", { three = [true, null] }] }
output "typed" { value = toset(["a"]) }
`
	w := newWorkspace(t)
	w.Expect(w.apply(inline(module)).Phase).To(Equal(infrav1.RunSucceeded))
	p := w.person(module)
	p.tofu("init")
	printed, err := p.command("output", "-json").Output()
	w.Expect(err).NotTo(HaveOccurred())
	w.Expect(string(w.secret(OutputsName(w.Workspace)).Data[OutputsKey])).To(Equal(string(printed)))
}

// As after a crash between saving the state and storing the outputs.
func TestOutputsThatWereNotStored(t *testing.T) {
	w := newWorkspace(t)
	reliable := w.client
	w.client = &unreliable{w.client, func(obj client.Object) error {
		if obj.GetName() == "w-outputs" {
			return apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, obj.GetName(), errors.New("not allowed"))
		}
		return nil
	}}
	result := w.apply(inline(dataModule))
	w.Expect(result.Reason).To(Equal(ReasonOutputsNotStored))
	w.Expect(result.Message).To(ContainSubstring("not allowed"))
	w.Expect(w.holder()).To(BeEmpty())

	w.client = reliable
	again := w.run(context.Background(), "w-2", infrav1.OperationApply)
	w.Expect(again.Phase).To(Equal(infrav1.RunSucceeded))
	w.Expect(counted(again)).To(Equal(counts(0, 0, 0, 0)))
	w.Expect(w.outputs()).To(Equal(map[string]any{"out": "hello"}))
}

func TestInterruptedApply(t *testing.T) {
	w := newWorkspace(t)
	started := filepath.Join(t.TempDir(), "started")
	w.setInputs(inline(`
resource "terraform_data" "first" {}
resource "terraform_data" "slow" {
  depends_on = [terraform_data.first]
  provisioner "local-exec" { command = "touch ` + started + `; exec sleep 600" }
}
output "first" { value = terraform_data.first.id }
`))
	ctx, interrupt := context.WithCancel(context.Background())
	go func() {
		NewWithT(t).Eventually(started, time.Minute).Should(BeAnExistingFile())
		interrupt()
	}()
	result := w.run(ctx, "w-1", infrav1.OperationApply)
	w.Expect(result.Reason).To(Equal(ReasonInterrupted))
	w.Expect(result.Kind).To(Equal(infrav1.FailureTransient))
	w.Expect(result.KeepDirectory).To(BeFalse())
	w.Expect(string(w.state())).To(ContainSubstring(`"name":"first"`))
	w.Expect(w.holder()).To(BeEmpty())
	w.Expect(w.outputs()).To(HaveKey("first"))
	w.Expect(w.secret("w-outputs").Annotations).NotTo(HaveKey(infrav1.InputsDigestAnnotation))
}

func TestInterruptedBeforeItBegan(t *testing.T) {
	w := newWorkspace(t)
	w.setInputs(inline(dataModule))
	ctx, interrupt := context.WithCancel(context.Background())
	interrupt()
	result := w.run(ctx, "w-1", infrav1.OperationApply)
	w.Expect(result.Reason).To(Equal(ReasonInterrupted))
	w.Expect(result.Plan).To(BeNil())
}

func TestFailedApplyTellsWhatItHas(t *testing.T) {
	w := newWorkspace(t)
	digest := w.setInputs(inline(dataModule))
	ctx := context.Background()
	w.Expect(w.run(ctx, "w-1", infrav1.OperationApply).Phase).To(Equal(infrav1.RunSucceeded))

	w.setInputs(inline(dataModule + `
resource "terraform_data" "broken" {
  provisioner "local-exec" { command = "exit 7" }
}
output "more" { value = terraform_data.a.id }`))
	result := w.run(ctx, "w-2", infrav1.OperationApply)
	w.Expect(result.Reason).To(Equal(ReasonApplyFailed))
	w.Expect(result.Message).To(And(ContainSubstring("exit status 7"), ContainSubstring("main.tf:7")))
	w.Expect(w.outputs()).To(And(HaveKey("out"), HaveKey("more")))
	w.Expect(w.secret("w-outputs").Annotations).To(HaveKeyWithValue(infrav1.InputsDigestAnnotation, digest), "the last that succeeded")
	w.Expect(w.holder()).To(BeEmpty())
}

func TestSecretsAreTakenOut(t *testing.T) {
	w := newWorkspace(t)
	in := inline(`
variable "password" {}
resource "terraform_data" "fail" {
  provisioner "local-exec" {
    command = "echo printed-${var.password}; echo token eyJhbGciOi.eyJzdWIiOi.c2ln; exit 1"
  }
}
`)
	in.Variables = []inputs.Variable{{Name: "password", Text: text("hunter2-hunter2")}}
	in.Secrets = []string{"hunter2-hunter2"}
	result := w.apply(in)
	w.Expect(result.Reason).To(Equal(ReasonApplyFailed))
	w.Expect(result.Message).To(ContainSubstring("printed-[redacted]"))
	data, err := os.ReadFile(filepath.Join(w.Dir, resultFile))
	w.Expect(err).NotTo(HaveOccurred())
	for _, place := range []string{string(data), w.log()} {
		w.Expect(place).NotTo(Or(ContainSubstring("hunter2"), ContainSubstring("eyJ")))
	}
}

// What OpenTofu has marked sensitive in the state is secret, from the moment it
// is there and for every run after.
func TestSensitiveValuesOfTheStateAreTakenOut(t *testing.T) {
	w := newWorkspace(t)
	const token = `resource "terraform_data" "token" { input = sensitive("made-up-token") }` + "\n"
	result := w.apply(inline(token + `
resource "terraform_data" "echo" {
  depends_on = [terraform_data.token]
  provisioner "local-exec" { command = "echo got made-up-token; false" }
}`))
	w.Expect(result.Reason).To(Equal(ReasonApplyFailed))
	w.Expect(result.Message).To(And(ContainSubstring("echo got [redacted]"), Not(ContainSubstring("made-up-token"))))

	w.setInputs(inline(token + `
output "o" {
  value = 1
  precondition {
    condition     = terraform_data.token.id == ""
    error_message = "refused made-up-token"
  }
}`))
	result = w.run(context.Background(), "w-2", infrav1.OperationApply)
	w.Expect(result.Reason).To(Equal(ReasonPlanFailed))
	w.Expect(result.Message).To(And(ContainSubstring("refused [redacted]"), Not(ContainSubstring("made-up-token"))))
}

func TestRunnerThatPanics(t *testing.T) {
	w := newWorkspace(t)
	w.setInputs(inline(dataModule))
	w.client = &unreliable{w.client, func(client.Object) error { panic(http.ErrAbortHandler) }}
	result := w.run(context.Background(), "w-1", infrav1.OperationApply)
	w.Expect(result.Reason).To(Equal(ReasonRunnerFailed))
	w.Expect(w.log()).To(ContainSubstring("run_test.go"))
}
