package runner

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/inputs"
	"github.com/captproject/capt/internal/tfstate"
)

// writeModule puts the module and what belongs to it into the working
// directory.
func (r *run) writeModule(ctx context.Context) error {
	r.root = r.path(workDir)
	if r.inputs.Module.Source == "Remote" {
		if err := r.fetchModule(ctx); err != nil {
			return err
		}
	} else if strings.TrimSpace(r.inputs.Module.Content) == "" {
		// Nothing wanted would mean that everything is to be destroyed.
		return fail(ReasonModuleInvalid, "the template's module is empty")
	}
	dir, err := os.OpenRoot(r.root)
	if err != nil {
		return err
	}
	defer func() { _ = dir.Close() }()
	r.cli.Dir = r.root

	for _, f := range r.inputs.Files {
		if err := writeTemplateFile(dir, f); err != nil {
			return err
		}
	}
	for _, f := range r.ownFiles() {
		if err := writeNew(dir, f.Path, f.Content); err != nil {
			return err
		}
	}
	return r.forgetForeignStates()
}

// ownFiles are the files that are ours to write: the module's text, what is
// added to it, variables, the backend.
func (r *run) ownFiles() []inputs.File {
	m := r.inputs.Module
	var files []inputs.File
	if m.Source != "Remote" {
		name := inlineFile
		if m.Format == "JSON" {
			name = inlineJSONFile
		}
		files = append(files, inputs.File{Path: name, Content: []byte(m.Content)})
	}
	if m.Configuration != "" {
		files = append(files, inputs.File{Path: extraConfig, Content: []byte(m.Configuration)})
	}
	// A module may have any backend of its own, or a cloud block; of override
	// files the last in the alphabet wins.
	backend := `backend "http" {}`
	if r.elsewhere() {
		backend = m.Backend
	}
	files = append(files, inputs.File{Path: overrideFile, Content: []byte("terraform {\n" + backend + "\n}\n")})
	for i, f := range r.inputs.VarFiles {
		name := fmt.Sprintf("%s-varFiles-%03d.auto.tfvars", ownPrefix, i+1)
		if f.Format == "JSON" {
			name += ".json"
		}
		files = append(files, inputs.File{Path: name, Content: []byte(f.Content)})
	}
	return files
}

// writeTemplateFile writes one of the template's files. It may replace one of
// the module's.
func writeTemplateFile(dir *os.Root, f inputs.File) error {
	first, _, _ := strings.Cut(filepath.Clean(f.Path), "/")
	if !filepath.IsLocal(f.Path) || first == lockFile || first == terraformDir || strings.HasPrefix(first, ownPrefix) {
		return fail(ReasonInputsInvalid, fmt.Sprintf("file %q cannot be written into the working directory: choose another path in the template", f.Path))
	}
	err := dir.MkdirAll(filepath.Dir(f.Path), 0o700)
	if err == nil {
		err = dir.WriteFile(f.Path, f.Content, 0o600)
	}
	if err != nil {
		return fail(ReasonInputsInvalid, fmt.Sprintf("file %q cannot be written into the working directory: %v", f.Path, err))
	}
	return nil
}

// writeNew writes a file that must not be there already.
func writeNew(dir *os.Root, name string, content []byte) error {
	file, err := dir.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if os.IsExist(err) {
		return fail(ReasonInputsInvalid, fmt.Sprintf("the module or the template's files contain %s, a name that is needed: rename it", name))
	}
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	return errors.Join(err, file.Close())
}

// forgetForeignStates removes what a module has brought along and looks like a
// state that we left.
func (r *run) forgetForeignStates() error {
	found, err := StateOnDisk(r.Dir)
	for _, path := range found {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}

// writeVariables writes the values of the variables, once it is known which
// ones the module declares.
func (r *run) writeVariables(context.Context) error {
	declared, broken, err := declarations(r.root)
	if err != nil {
		return err
	}
	if len(broken) > 0 {
		return fail(ReasonModuleInvalid, summarize(broken, r.clean))
	}
	values, err := renderVariables(r.inputs.Variables, declared)
	if err != nil {
		return err
	}
	dir, err := os.OpenRoot(r.root)
	if err != nil {
		return err
	}
	defer func() { _ = dir.Close() }()
	return writeNew(dir, variablesFile, values)
}

// writeLockFile writes the providers' lock file: the template's, else the
// module's own, else that of the last run.
func (r *run) writeLockFile(ctx context.Context) error {
	content := []byte(r.inputs.Module.LockFile)
	secret, err := r.getSecret(ctx, OutputsName(r.Workspace), refused)
	switch {
	case err == nil && r.owns(secret):
		r.outputs = secret
	case err == nil && r.Operation == infrav1.OperationApply:
		return fail(ReasonSecretNotOurs, SecretNotOurs(secret.Name, r.Workspace))
	case client.IgnoreNotFound(err) != nil:
		return fail(ReasonBackendFailed, fmt.Sprintf("reading the last outputs: %v", err))
	}
	path := filepath.Join(r.root, lockFile)
	if len(content) == 0 {
		if _, err := os.Lstat(path); err == nil || r.outputs == nil {
			return nil
		}
		content = r.outputs.Data[LockFileKey]
		r.kept = len(content) > 0
	}
	if len(content) == 0 {
		return nil
	}
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return err
	}
	return os.WriteFile(path, content, 0o600)
}

// expectState fails if there was a state, from which the last outputs come, say, and
// it is not there: everything would be made twice.
func (r *run) expectState(context.Context) error {
	lineage := ""
	if r.outputs != nil {
		lineage = r.outputs.Annotations[infrav1.StateLineageAnnotation]
	}
	found, _ := tfstate.VersionOf(r.store.state)
	switch {
	case r.movedAway():
		return fail(ReasonStateMissing, r.movedAwayMessage())
	case lineage == "" || found.Lineage == lineage:
		return nil
	}
	return fail(ReasonStateMissing, MissingState(r.Namespace, r.Workspace, found.Lineage))
}
