package tofu

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/captproject/capt/hack/tools/toolbox"
)

// realCLI is the real OpenTofu with a module, an empty mirror and its own home.
func realCLI(t *testing.T, module string) CLI {
	t.Helper()
	g := NewWithT(t)
	programs, err := toolbox.Ensure(context.Background(), os.Stderr, toolbox.Tofu)
	g.Expect(err).NotTo(HaveOccurred())
	home, dir := t.TempDir(), t.TempDir()
	config := filepath.Join(home, "tofurc")
	g.Expect(os.WriteFile(config, []byte(Installation{Mirror: t.TempDir()}.CLIConfig()), 0o600)).To(Succeed())
	if module != "" {
		g.Expect(os.WriteFile(filepath.Join(dir, "main.tf"), []byte(module), 0o600)).To(Succeed())
	}
	return CLI{Path: programs.Path(toolbox.Tofu), Dir: dir, Env: Environment(home, config), Grace: time.Minute}
}

const dataModule = `
variable "in" { default = "hello" }
resource "terraform_data" "a" { input = var.in }
output "out" { value = terraform_data.a.output }
`

func TestTheWholeWay(t *testing.T) {
	g := NewWithT(t)
	ctx := context.Background()
	// What the manager's environment holds does not matter.
	t.Setenv("TF_CLI_CONFIG_FILE", "/nowhere/tofurc")
	t.Setenv("TF_CLI_ARGS", "-nonsense")
	t.Setenv("TF_VAR_in", "inherited")
	cli := realCLI(t, dataModule)
	file := filepath.Join(t.TempDir(), "plan")

	g.Expect(cli.Init(ctx, InitOptions{})).To(Succeed())
	plan, err := cli.Plan(ctx, PlanOptions{Out: file})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(plan).To(Equal(Plan{
		Changed: true,
		Summary: ChangeSummary{Add: 1, Operation: "plan"},
		Changes: []ResourceChange{{Resource: Resource{Addr: "terraform_data.a", Type: "terraform_data"}, Action: ActionCreate}},
	}))
	g.Expect(cli.Apply(ctx, ApplyOptions{Plan: file, Args: []string{"-parallelism=2"}})).To(Succeed())

	data, err := cli.Output(ctx)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(data).To(MatchJSON(`{"out":{"sensitive":false,"type":"string","value":"hello"}}`))

	plan, err = cli.Plan(ctx, PlanOptions{Out: file})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(plan.Changed).To(BeFalse())

	plan, err = cli.Plan(ctx, PlanOptions{Out: file, Destroy: true})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(plan.Summary.Remove).To(Equal(1))
}

func TestChangesAreCountedAsOpenTofuDoes(t *testing.T) {
	g := NewWithT(t)
	cli := realCLI(t, `
resource "terraform_data" "same" {}
resource "terraform_data" "before" {}
resource "terraform_data" "update" { input = 1 }
resource "terraform_data" "replace" { triggers_replace = 1 }
resource "terraform_data" "first" {
  triggers_replace = 1
  lifecycle { create_before_destroy = true }
}
resource "terraform_data" "delete" {}
resource "terraform_data" "forget" {}
resource "terraform_data" "another" {
  triggers_replace = 1
  lifecycle { destroy = false }
}`)
	ctx, file := t.Context(), filepath.Join(t.TempDir(), "plan")
	g.Expect(cli.Init(ctx, InitOptions{})).To(Succeed())
	_, err := cli.Plan(ctx, PlanOptions{Out: file})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(cli.Apply(ctx, ApplyOptions{Plan: file})).To(Succeed())

	g.Expect(os.WriteFile(filepath.Join(cli.Dir, "main.tf"), []byte(`
resource "terraform_data" "same" {}
moved {
  from = terraform_data.before
  to   = terraform_data.after
}
resource "terraform_data" "after" {}
resource "terraform_data" "update" { input = 2 }
resource "terraform_data" "replace" { triggers_replace = 2 }
resource "terraform_data" "first" {
  triggers_replace = 2
  lifecycle { create_before_destroy = true }
}
removed {
  from = terraform_data.forget
  lifecycle { destroy = false }
}
resource "terraform_data" "another" {
  triggers_replace = 2
  lifecycle { destroy = false }
}
import {
  id = "made before"
  to = terraform_data.import
}
resource "terraform_data" "import" {}
import {
  id = "made before, too"
  to = terraform_data.change
}
resource "terraform_data" "change" { input = 1 }
resource "terraform_data" "create" {}`), 0o600)).To(Succeed())
	plan, err := cli.Plan(ctx, PlanOptions{Out: file})
	g.Expect(err).NotTo(HaveOccurred())
	actions := map[string]string{}
	for _, c := range plan.Changes {
		actions[c.Resource.Addr] = c.Action
	}
	g.Expect(actions).To(Equal(map[string]string{
		"terraform_data.after": "move", "terraform_data.update": ActionUpdate, "terraform_data.replace": ActionReplace,
		"terraform_data.first": ActionReplace, "terraform_data.delete": ActionDelete, "terraform_data.forget": ActionForget,
		"terraform_data.another": ActionForgetCreate, "terraform_data.import": "import", "terraform_data.change": ActionUpdate,
		"terraform_data.create": ActionCreate,
	}))
	g.Expect(plan.Summary).To(Equal(ChangeSummary{Add: 4, Change: 2, Remove: 3, Forget: 2, Operation: "plan"}))
}

func TestDiagnosticsOfAFailure(t *testing.T) {
	g := NewWithT(t)
	cli := realCLI(t, "resource \"terraform_data\" \"a\" {\n  nonsense = 1\n}\n")
	ctx := context.Background()
	g.Expect(cli.Init(ctx, InitOptions{})).To(Succeed())

	_, err := cli.Plan(ctx, PlanOptions{Out: filepath.Join(t.TempDir(), "plan")})
	g.Expect(err).To(BeAssignableToTypeOf(&Error{}))
	errs := Errors(err.(*Error).Diagnostics)
	g.Expect(errs).To(HaveLen(1))
	g.Expect(errs[0].Summary).To(Equal("Unsupported argument"))
	g.Expect(*errs[0].Range).To(Equal(Range{Filename: "main.tf", Start: Position{Line: 2}}))

	v, err := cli.Validate(ctx)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(v.Valid).To(BeFalse())
	g.Expect(v.Diagnostics).To(Equal(errs))
}

// OpenTofu goes on to look for providers after the copy; that error is known
// and ignored.
func TestFromModuleCopies(t *testing.T) {
	g := NewWithT(t)
	source := realCLI(t, `terraform {
  required_providers {
    x = { source = "example/x" }
  }
}`).Dir
	cli := realCLI(t, "")
	_ = cli.FromModule(context.Background(), source)
	g.Expect(filepath.Join(cli.Dir, "main.tf")).To(BeAnExistingFile())

	empty := realCLI(t, "")
	g.Expect(empty.FromModule(context.Background(), "/nowhere/module")).To(MatchError(ContainSubstring("Failed to download module")))
}

func TestInterruptEndsAnApplyInOrder(t *testing.T) {
	g := NewWithT(t)
	cli := realCLI(t, `
resource "terraform_data" "first" {}
resource "terraform_data" "slow" {
  depends_on = [terraform_data.first]
  provisioner "local-exec" { command = "exec sleep 600" }
}`)
	file := filepath.Join(t.TempDir(), "plan")
	ctx, cancel := context.WithCancel(context.Background())
	g.Expect(cli.Init(ctx, InitOptions{})).To(Succeed())
	_, err := cli.Plan(ctx, PlanOptions{Out: file})
	g.Expect(err).NotTo(HaveOccurred())

	cli.Follow = func(m Message) {
		if m.Type == "provision_start" {
			cancel()
		}
	}
	err = cli.Apply(ctx, ApplyOptions{Plan: file})
	g.Expect(err).To(BeAssignableToTypeOf(&Error{}))
	g.Expect(err.(*Error).Interrupted).To(BeTrue())
	g.Expect(err.(*Error).Killed).To(BeFalse())

	// The state holds what was made.
	data, err := os.ReadFile(filepath.Join(cli.Dir, "terraform.tfstate"))
	g.Expect(err).NotTo(HaveOccurred())
	var state struct{ Resources []struct{ Name string } }
	g.Expect(json.Unmarshal(data, &state)).To(Succeed())
	g.Expect(state.Resources).To(ContainElement(HaveField("Name", "first")))
}

// A Go program that crashes has the exit code of a plan with changes.
func TestAPlanThatGetsNoMoreMemoryIsNoPlan(t *testing.T) {
	g := NewWithT(t)
	cli := realCLI(t, `output "o" { value = length(setproduct(range(1000), range(1000), range(1000))) }`)
	cli.MaxMemory = 4 << 30
	g.Expect(cli.Init(t.Context(), InitOptions{})).To(Succeed())
	_, err := cli.Plan(t.Context(), PlanOptions{Out: filepath.Join(t.TempDir(), "plan")})
	g.Expect(err).To(BeAssignableToTypeOf(&Error{}))
	g.Expect(err.(*Error).OutOfMemory).To(BeTrue(), err.(*Error).Stderr)
}
