package runner

import (
	"context"
	"testing"

	. "github.com/onsi/gomega"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/inputs"
	"github.com/captproject/capt/internal/tfstate"
)

// encrypted are the inputs of a module that encrypts its state.
func encrypted() inputs.Inputs {
	in := inline(`
variable "passphrase" { sensitive = true }
terraform {
  encryption {
    key_provider "pbkdf2" "k" { passphrase = var.passphrase }
    method "aes_gcm" "m" { keys = key_provider.pbkdf2.k }
    state {
      method   = method.aes_gcm.m
      enforced = true
    }
  }
}` + dataModule)
	in.Secrets = []string{"a-made-up-passphrase"}
	in.Variables = []inputs.Variable{{Name: "passphrase", Text: text("a-made-up-passphrase")}}
	return in
}

func TestAnEncryptedStateIsDestroyedAndKnownToBeEmpty(t *testing.T) {
	w := newWorkspace(t)
	ctx := context.Background()
	first := w.apply(encrypted())
	w.Expect(first.Phase).To(Equal(infrav1.RunSucceeded), first.Message)
	w.Expect(string(w.state())).To(And(ContainSubstring("encrypted_data"), Not(ContainSubstring("hello"))))
	w.Expect(first.StateEmpty).To(BeFalse())
	w.Expect(w.outputs()).To(Equal(map[string]any{"out": "hello"}))
	marked := func() bool { return tfstate.MarkedEmpty(w.secret(w.stateName()), w.state()) }
	w.Expect(marked()).To(BeFalse())

	destroyed := w.run(ctx, "w-2", infrav1.OperationDestroy)
	w.Expect(destroyed.Phase).To(Equal(infrav1.RunSucceeded), destroyed.Message)
	w.Expect(destroyed.StateEmpty).To(BeTrue())
	w.Expect(marked()).To(BeTrue())
	w.Expect(w.log()).NotTo(ContainSubstring("passphrase\":"))

	w.Expect(w.run(ctx, "w-3", infrav1.OperationApply).StateEmpty).To(BeFalse())
	w.Expect(marked()).To(BeFalse(), "there is something again")
}
