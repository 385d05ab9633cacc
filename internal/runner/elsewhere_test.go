package runner

import (
	"context"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	. "github.com/onsi/gomega"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/inputs"
	"github.com/captproject/capt/internal/tfstate"
)

// postgres starts Debian's PostgreSQL and returns how to reach it.
func postgres(t *testing.T) string {
	t.Helper()
	g := NewWithT(t)
	programs, _ := filepath.Glob("/usr/lib/postgresql/*/bin/pg_ctl")
	account, err := user.Lookup("postgres")
	if len(programs) == 0 || err != nil || os.Getuid() != 0 {
		t.Skip("needs root and Debian's postgresql")
	}
	// The path of a socket is short.
	dir, err := os.MkdirTemp("", "pg") //nolint:usetesting // the path of a unix socket must be short
	g.Expect(err).NotTo(HaveOccurred())
	t.Cleanup(func() { g.Expect(os.RemoveAll(dir)).To(Succeed()) })
	uid, err := strconv.Atoi(account.Uid)
	g.Expect(err).NotTo(HaveOccurred())
	gid, err := strconv.Atoi(account.Gid)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(os.Chown(dir, uid, gid)).To(Succeed())
	control := func(args ...string) {
		cmd := exec.Command(programs[len(programs)-1], append(args, "-D", dir+"/data")...)
		cmd.Dir = dir
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
		g.Expect(cmd.Run()).To(Succeed())
	}
	control("initdb", "-s", "-o", "--auth=trust --no-sync")
	control("start", "-s", "-w", "-l", dir+"/log", "-o", "-c listen_addresses= -c unix_socket_directories="+dir)
	t.Cleanup(func() { control("stop", "-s", "-m", "immediate") })
	return "host=" + dir + " user=postgres dbname=postgres sslmode=disable"
}

// inPostgres are the inputs of a module that says something, and keeps its state
// there.
func inPostgres(connection, text string) inputs.Inputs {
	in := inline("variable \"place\" {}\n" + says(text) + "\noutput \"o\" { value = 1 }")
	in.Module.Backend = "backend \"pg\" {\n  schema_name = var.place\n}"
	in.Env = []inputs.EnvVar{{Name: "PG_CONN_STR", Value: connection}}
	place := "w"
	in.Variables = []inputs.Variable{{Name: "place", Text: &place}}
	return in
}

// forgetLineage makes the outputs be those of an earlier CAPT.
func (w *workspace) forgetLineage() {
	outputs := w.secret(OutputsName(w.Workspace))
	delete(outputs.Annotations, infrav1.StateLineageAnnotation)
	w.Expect(w.client.Update(context.Background(), outputs)).To(Succeed())
}

// A template that gets another backend, or loses it, makes nothing twice.
func TestAStateThatWasNotMovedAlong(t *testing.T) {
	connection := postgres(t)
	ctx := context.Background()
	t.Run("to PostgreSQL", func(t *testing.T) {
		w := newWorkspace(t)
		there := inPostgres(connection, "one")
		place := "to"
		there.Variables[0].Text = &place
		here := there
		here.Module.Backend = ""
		w.Expect(w.apply(here).Phase).To(Equal(infrav1.RunSucceeded))
		state := w.secret(w.stateName()).Data
		w.setInputs(there)
		result := w.run(ctx, "w-2", infrav1.OperationApply)
		w.Expect(result.Reason).To(Equal(ReasonStateMissing))
		w.Expect(result.Message).To(And(ContainSubstring("the state is in Secret "+w.stateName()), Not(ContainSubstring("outputs"))))
		w.forgetLineage()
		w.Expect(w.run(ctx, "w-3", infrav1.OperationApply).Reason).To(Equal(ReasonStateMissing))
		w.Expect(w.secret(w.stateName()).Data).To(Equal(state))
	})
	t.Run("from PostgreSQL", func(t *testing.T) {
		w := newWorkspace(t)
		there := inPostgres(connection, "one")
		place := "from"
		there.Variables[0].Text = &place
		w.Expect(w.apply(there).Phase).To(Equal(infrav1.RunSucceeded))
		w.forgetLineage()
		there.Module.Backend = ""
		w.setInputs(there)
		result := w.run(ctx, "w-2", infrav1.OperationApply)
		w.Expect(result.Reason).To(Equal(ReasonStateMissing))
		w.Expect(result.Message).To(And(ContainSubstring("a backend that the template does not have any more"), Not(ContainSubstring("outputs"))))
		w.Expect(tfstate.ElsewhereOf(w.secret(w.stateName()))).To(Equal(tfstate.ElsewhereKept))
	})
}

// A run that changes nothing knows all the same that there is something.
func TestAStateThatWasInPostgreSQLBefore(t *testing.T) {
	connection := postgres(t)
	w := newWorkspace(t)
	w.Expect(w.apply(inPostgres(connection, "one")).Phase).To(Equal(infrav1.RunSucceeded))
	head := w.secret(w.stateName())
	head.Annotations = nil
	w.Expect(w.client.Update(context.Background(), head)).To(Succeed())
	again := w.run(context.Background(), "w-2", infrav1.OperationApply)
	w.Expect(counted(again)).To(Equal(counts(0, 0, 0, 0)), again.Message)
	w.Expect(tfstate.ElsewhereOf(w.secret(w.stateName()))).To(Equal(tfstate.ElsewhereKept))
}

// The state is in PostgreSQL, and only in there.
func TestAStateInPostgreSQL(t *testing.T) {
	connection := postgres(t)
	w := newWorkspace(t)
	module := func(text string) inputs.Inputs { return inPostgres(connection, text) }
	first := w.apply(module("one"))
	w.Expect(first.Phase).To(Equal(infrav1.RunSucceeded), first.Message)
	w.Expect(first.StateEmpty).To(BeFalse())
	w.Expect(w.outputs()).To(HaveKey("o"))
	w.Expect(w.secret(w.stateName()).Data).To(BeEmpty())
	w.Expect(tfstate.ElsewhereOf(w.secret(w.stateName()))).To(Equal(tfstate.ElsewhereKept))

	ctx := context.Background()
	w.setInputs(module("two"))
	w.Expect(counted(w.run(ctx, "w-2", infrav1.OperationApply))).To(Equal(counts(0, 1, 0, 0)))

	// A template that forgets its backend does not make everything twice.
	forgotten := module("two")
	forgotten.Module.Backend = ""
	w.setInputs(forgotten)
	w.Expect(w.run(ctx, "w-3", infrav1.OperationApply).Reason).To(Equal(ReasonStateMissing))

	w.setInputs(module("two"))
	destroyed := w.run(ctx, "w-4", infrav1.OperationDestroy)
	w.Expect(counted(destroyed)).To(Equal(counts(0, 0, 1, 0)), destroyed.Message)
	w.Expect(destroyed.StateEmpty).To(BeTrue())
	w.Expect(tfstate.ElsewhereOf(w.secret(w.stateName()))).To(Equal(tfstate.ElsewhereEmpty))
	w.Expect(w.holder()).To(BeEmpty())
}
