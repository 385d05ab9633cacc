package runner

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/hack/tools/toolbox"
	"github.com/captproject/capt/internal/inputs"
)

// Bad input, each with its reason, what is told, and whether it is tried again.
func TestFailures(t *testing.T) {
	for _, tc := range []struct {
		name   string
		inputs inputs.Inputs
		adjust func(*inputs.Inputs)
		reason string
		kind   infrav1.FailureKind
		says   []string
	}{{
		name:   "HCL that does not parse",
		inputs: inline("resource \"x\" \"y\" {\n  a = \n}\n"),
		reason: ReasonModuleInvalid, kind: infrav1.FailureConfiguration,
		says: []string{"Invalid expression", "main.tf:2"},
	}, {
		name:   "a module that is not valid",
		inputs: inline("resource \"terraform_data\" \"a\" {\n  nonsense = 1\n}\n"),
		reason: ReasonModuleInvalid, kind: infrav1.FailureConfiguration,
		says: []string{"Unsupported argument", "main.tf:2"},
	}, {
		name:   "a block that OpenTofu does not know",
		inputs: inline("nonsense {}\n"),
		reason: ReasonModuleInvalid, kind: infrav1.FailureConfiguration,
		says: []string{"Unsupported block type", "main.tf:1"},
	}, {
		name:   "a reference to nothing",
		inputs: inline("output \"o\" { value = var.nothing }\n"),
		reason: ReasonModuleInvalid, kind: infrav1.FailureConfiguration,
		says: []string{"Reference to undeclared input variable", "main.tf:1"},
	}, {
		name:   "an empty module",
		inputs: inline(" \n"),
		reason: ReasonModuleInvalid, kind: infrav1.FailureConfiguration,
		says: []string{"empty"},
	}, {
		name:   "a child module that is not there",
		inputs: inline("module \"m\" {\n  source = \"./m\"\n}\n"),
		reason: ReasonModuleInvalid, kind: infrav1.FailureConfiguration,
		says: []string{"Unreadable module directory", "main.tf:1"},
	}, {
		name:   "an address that is none",
		inputs: inputs.Inputs{Module: inputs.Module{Source: "Remote", Content: "????"}},
		reason: ReasonModuleInvalid, kind: infrav1.FailureConfiguration,
		says: []string{"Invalid module source address"},
	}, {
		name:   "a remote module that is not there",
		inputs: inputs.Inputs{Module: inputs.Module{Source: "Remote", Content: "/nowhere/module"}},
		reason: ReasonModuleNotFound, kind: infrav1.FailureTransient,
		says: []string{"Failed to download module", "/nowhere/module"},
	}, {
		name:   "a remote child module that is not there",
		inputs: inline("module \"m\" {\n  source = \"/nowhere/module\"\n}\n"),
		reason: ReasonModuleNotFound, kind: infrav1.FailureTransient,
		says: []string{"Failed to download module", "/nowhere/module"},
	}, {
		name:   "an entrypoint that is not there",
		inputs: remote(t, map[string]string{"main.tf": ""}),
		adjust: func(in *inputs.Inputs) { in.Module.Entrypoint = "live" },
		reason: ReasonModuleNotFound, kind: infrav1.FailureTransient,
		says: []string{`no folder "live"`},
	}, {
		// With nothing but the backend in it, it would destroy everything.
		name:   "a folder without configuration",
		inputs: remote(t, map[string]string{"live/README.md": ""}),
		adjust: func(in *inputs.Inputs) { in.Module.Entrypoint = "live" },
		reason: ReasonModuleNotFound, kind: infrav1.FailureTransient,
		says: []string{"no .tf files"},
	}, {
		name:   "a provider that is not there",
		inputs: inline("terraform {\n  required_providers {\n    x = { source = \"example/x\" }\n  }\n}\n"),
		reason: ReasonProviderNotFound, kind: infrav1.FailureTransient,
		says: []string{"example/x", "not found"},
	}, {
		name:   "variables that nobody gave",
		inputs: inline("variable \"b\" {}\nvariable \"a\" {}\nvariable \"c\" { default = 1 }\n"),
		reason: ReasonVariableMissing, kind: infrav1.FailureConfiguration,
		says: []string{"a value for a, b: set"},
	}, {
		name:   "a variable that is refused",
		inputs: inline("variable \"n\" { type = number }\n"),
		adjust: func(in *inputs.Inputs) { in.Variables = []inputs.Variable{{Name: "n", Text: text("many")}} },
		reason: ReasonVariableInvalid, kind: infrav1.FailureConfiguration,
		says: []string{"var.n", "number"},
	}, {
		name: "a variable that the module checks",
		inputs: inline(`variable "n" {
  type = number
  validation {
    condition     = var.n > 3
    error_message = "It must be more than three."
  }
}
`),
		adjust: func(in *inputs.Inputs) { in.Variables = []inputs.Variable{{Name: "n", Text: text("2")}} },
		reason: ReasonVariableInvalid, kind: infrav1.FailureConfiguration,
		says: []string{"more than three"},
	}, {
		name:   "a variable that the module does not declare",
		inputs: inline("variable \"region\" { default = 1 }\n"),
		adjust: func(in *inputs.Inputs) { in.Variables = []inputs.Variable{{Name: "regoin", Text: text("x")}} },
		reason: ReasonVariableInvalid, kind: infrav1.FailureConfiguration,
		says: []string{`"regoin"`, "declares region"},
	}, {
		name:   "a list that is no list",
		inputs: inline("variable \"l\" { type = list(string) }\n"),
		adjust: func(in *inputs.Inputs) { in.Variables = []inputs.Variable{{Name: "l", Text: text("a, b")}} },
		reason: ReasonVariableInvalid, kind: infrav1.FailureConfiguration,
		says: []string{`"l"`},
	}, {
		name:   "a file of variables that does not parse",
		inputs: inline("variable \"l\" { default = 1 }\n"),
		adjust: func(in *inputs.Inputs) { in.VarFiles = []inputs.VarFile{{Format: "HCL", Content: "\n l = = 2"}} },
		reason: ReasonVariableInvalid, kind: infrav1.FailureConfiguration,
		says: []string{"varFiles-001.auto.tfvars:2"},
	}, {
		name:   "an argument that OpenTofu does not know",
		inputs: inline(dataModule),
		adjust: func(in *inputs.Inputs) { in.Args.Plan = []string{"-nonsense"} },
		reason: ReasonArgumentInvalid, kind: infrav1.FailureConfiguration,
		says: []string{"-nonsense"},
	}, {
		name:   "an argument of init that OpenTofu does not know",
		inputs: inline(dataModule),
		adjust: func(in *inputs.Inputs) { in.Args.Init = []string{"-nonsense"} },
		reason: ReasonArgumentInvalid, kind: infrav1.FailureConfiguration,
		says: []string{"-nonsense"},
	}, {
		name:   "a variable of the environment that is ours",
		inputs: inline(dataModule),
		adjust: func(in *inputs.Inputs) {
			in.Env = []inputs.EnvVar{{Name: "TF_HTTP_ADDRESS", Value: "http://elsewhere"}}
		},
		reason: ReasonInputsInvalid, kind: infrav1.FailureConfiguration,
		says: []string{"TF_HTTP_ADDRESS"},
	}, {
		name:   "a file outside of the directory",
		inputs: inline(dataModule),
		adjust: func(in *inputs.Inputs) { in.Files = []inputs.File{{Path: "../x", Content: []byte("x")}} },
		reason: ReasonInputsInvalid, kind: infrav1.FailureConfiguration,
		says: []string{`"../x"`},
	}, {
		name:   "a file with the name of the module",
		inputs: inline(dataModule),
		adjust: func(in *inputs.Inputs) { in.Files = []inputs.File{{Path: "main.tf", Content: []byte("x")}} },
		reason: ReasonInputsInvalid, kind: infrav1.FailureConfiguration,
		says: []string{"main.tf"},
	}, {
		name:   "a provisioner that fails",
		inputs: inline("resource \"terraform_data\" \"a\" {\n  provisioner \"local-exec\" { command = \"echo why; exit 3\" }\n}\n"),
		reason: ReasonApplyFailed, kind: infrav1.FailureTransient,
		says: []string{"exit status 3", "why", "terraform_data.a", "main.tf:2"},
	}, {
		name:   "a plan that fails in a valid module",
		inputs: inline("output \"o\" { value = file(\"nothing.txt\") }\nvariable \"f\" { default = \"nothing.txt\" }\noutput \"p\" { value = file(var.f) }\n"),
		reason: ReasonModuleInvalid, kind: infrav1.FailureConfiguration,
		says: []string{"nothing.txt"},
	}} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorkspace(t)
			if tc.adjust != nil {
				tc.adjust(&tc.inputs)
			}
			result := w.apply(tc.inputs)
			w.Expect(result.Phase).To(Equal(infrav1.RunFailed))
			w.Expect(result.Reason).To(Equal(tc.reason))
			w.Expect(result.Kind).To(Equal(tc.kind))
			for _, part := range tc.says {
				w.Expect(result.Message).To(ContainSubstring(part))
			}
			w.Expect(result.Message).NotTo(ContainSubstring(w.Dir), "the same the next time")
			w.Expect(result.KeepDirectory).To(BeFalse())
			w.Expect(w.holder()).To(BeEmpty())
		})
	}
}

func TestPlanThatFailsForAReasonOutside(t *testing.T) {
	w := newWorkspace(t)
	in := inline("variable \"f\" {}\noutput \"o\" { value = file(var.f) }\n")
	in.Variables = []inputs.Variable{{Name: "f", Text: text("/nowhere/file")}}
	result := w.apply(in)
	w.Expect(result.Reason).To(Equal(ReasonPlanFailed))
	w.Expect(result.Kind).To(Equal(infrav1.FailureTransient))
	w.Expect(result.Message).To(ContainSubstring("/nowhere/file"))
}

// A product of a thousand million elements.
const hungryModule = `output "o" { value = length(setproduct(range(1000), range(1000), range(1000))) }`

func TestAModuleThatTakesAllMemory(t *testing.T) {
	w := newWorkspace(t)
	result := w.apply(inline(hungryModule))
	w.Expect(result.Reason).To(Equal(ReasonOutOfMemory), result.Message)
	w.Expect(result.Kind).To(Equal(infrav1.FailureTransient))
	w.Expect(result.Message).To(And(ContainSubstring("planning"), ContainSubstring("make the module smaller")))
	w.Expect(w.holder()).To(BeEmpty())
}

func TestARunEndsWithoutATimeoutOfItsOwn(t *testing.T) {
	g := NewWithT(t)
	ctx, cancel := (&run{}).limited(t.Context())
	defer cancel()
	end, limited := ctx.Deadline()
	g.Expect(limited).To(BeTrue())
	g.Expect(end).To(BeTemporally("~", time.Now().Add(DefaultTimeout), time.Minute))
}

func TestDestroyThatFails(t *testing.T) {
	w := newWorkspace(t)
	w.setInputs(inline("resource \"terraform_data\" \"a\" {\n  provisioner \"local-exec\" {\n    when = destroy\n    command = \"exit 3\"\n  }\n}\n"))
	ctx := context.Background()
	w.Expect(w.run(ctx, "w-1", infrav1.OperationApply).Phase).To(Equal(infrav1.RunSucceeded))
	result := w.run(ctx, "w-2", infrav1.OperationDestroy)
	w.Expect(result.Reason).To(Equal(ReasonDestroyFailed))
	w.Expect(result.StateEmpty).To(BeFalse())
}

func TestInputsThatAreMissing(t *testing.T) {
	w := newWorkspace(t)
	result := w.run(context.Background(), "w-1", infrav1.OperationApply)
	w.Expect(result.Reason).To(Equal(ReasonInputsNotFound))
	w.Expect(result.Kind).To(Equal(infrav1.FailureTransient))
	w.Expect(result.Message).To(ContainSubstring("w-inputs"))
}

// publish puts a version of provider example/x into a mirror. It is a provider
// of another name, for which OpenTofu does not care.
func publish(t *testing.T, mirror, version string) string {
	t.Helper()
	g := NewWithT(t)
	programs, err := toolbox.Ensure(context.Background(), os.Stderr, toolbox.LocalkubeProvider)
	g.Expect(err).NotTo(HaveOccurred())
	dir := filepath.Join(mirror, "registry.opentofu.org/example/x", version, runtime.GOOS+"_"+runtime.GOARCH)
	g.Expect(os.MkdirAll(dir, 0o700)).To(Succeed())
	program := filepath.Join(dir, "terraform-provider-x_v"+version)
	g.Expect(os.RemoveAll(program)).To(Succeed())
	g.Expect(os.Link(programs.Path(toolbox.LocalkubeProvider), program)).To(Succeed())
	return program
}

func requiring(constraint string) inputs.Inputs {
	return inline("terraform {\n  required_providers {\n    x = {\n      source = \"example/x\"\n      version = \"" + constraint + "\"\n    }\n  }\n}\noutput \"o\" { value = 1 }\n")
}

func TestLockFile(t *testing.T) {
	w := newWorkspace(t)
	publish(t, w.ProviderMirror, "1.0.0")
	ctx := context.Background()
	kept := func() string { return string(w.secret("w-outputs").Data[LockFileKey]) }
	w.Expect(w.apply(requiring(">= 1.0.0")).Phase).To(Equal(infrav1.RunSucceeded))
	w.Expect(kept()).To(ContainSubstring(`version     = "1.0.0"`))

	program := publish(t, w.ProviderMirror, "2.0.0")
	w.Expect(w.run(ctx, "w-2", infrav1.OperationApply).Phase).To(Equal(infrav1.RunSucceeded))
	w.Expect(kept()).To(ContainSubstring(`version     = "1.0.0"`), "a new version comes when it is asked for")

	w.setInputs(requiring(">= 2.0.0"))
	w.Expect(w.run(ctx, "w-3", infrav1.OperationApply).Phase).To(Equal(infrav1.RunSucceeded))
	w.Expect(kept()).To(ContainSubstring(`version     = "2.0.0"`))

	// Another program under the same version is never accepted.
	lock := kept()
	w.Expect(os.Remove(program)).To(Succeed())
	w.Expect(os.WriteFile(program, []byte("something else"), 0o700)).To(Succeed())
	result := w.run(ctx, "w-4", infrav1.OperationApply)
	w.Expect(result.Reason).To(Equal(ReasonLockFileMismatch), result.Message)
	w.Expect(kept()).To(Equal(lock))

	// The template's file is not given up.
	publish(t, w.ProviderMirror, "2.0.0")
	in := requiring(">= 1.0.0, < 2.0.0")
	in.Module.LockFile = lock
	w.setInputs(in)
	result = w.run(ctx, "w-5", infrav1.OperationApply)
	w.Expect(result.Reason).To(Equal(ReasonLockFileMismatch), result.Message)
}
