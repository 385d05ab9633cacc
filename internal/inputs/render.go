package inputs

import (
	"context"
	"encoding/json"
	"path"
	"path/filepath"

	"k8s.io/utils/ptr"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
)

// maxEncoded is how many bytes of data a Secret takes.
const maxEncoded = 1 << 20

// Source is what inputs are rendered from.
type Source struct {
	// Template and Apply are as the API server returns them: their validation
	// is not repeated.
	Template *infrav1.WorkspaceTemplate
	Apply    *infrav1.WorkspaceTemplateApply
	// Outputs are those of the applies of spec.variablesFrom, merged, by name.
	Outputs map[string]Output
}

// Output is one output of a module.
type Output struct {
	// Value is typed JSON.
	Value json.RawMessage
	// Sensitive outputs are never shown.
	Sensitive bool
}

// Render makes the inputs of a run. Equal sources and equal answers of lookup
// give inputs that are encoded to the same bytes.
//
// What cannot be rendered is an *Error with one of Reasons: the first mistake
// in the order arguments, env, varFiles, files, vars. Any other error is one of
// lookup.
func Render(ctx context.Context, source Source, lookup Lookup) (*Inputs, error) {
	r, err := newRenderer(source)
	if err != nil {
		return nil, err
	}
	r.lookup = lookup
	in := &Inputs{}
	for _, part := range []func(context.Context, *Inputs) error{
		r.code, r.arguments, r.env, r.varFiles, r.files, r.variables,
	} {
		if err := part(ctx, in); err != nil {
			return nil, err
		}
	}
	in.Secrets = r.secrets.list()
	if err := checkSize(in); err != nil {
		return nil, err
	}
	return in, nil
}

// ConnectionSecretName is the name of the Secret that the outputs are written
// to: that of the apply, else that of the template, else "". Errors are as
// those of Render.
func ConnectionSecretName(source Source) (string, error) {
	r, err := newRenderer(source)
	if err != nil {
		return "", err
	}
	place, reference := "spec.writeConnectionSecretToRef", source.Apply.Spec.WriteConnectionSecretToRef
	if reference == nil {
		place, reference = r.at(place), source.Template.Spec.WriteConnectionSecretToRef
	}
	if reference == nil {
		return "", nil
	}
	return r.nameOf(place, reference.Name, reference.Namespace)
}

// renderer is one rendering and what it has come upon so far.
type renderer struct {
	source      Source
	lookup      Lookup
	substitutes substitutes
	// mapped are the variables that the template gives a value.
	mapped  map[string]bool
	secrets secrets
}

func newRenderer(source Source) (*renderer, error) {
	substitutes, err := newSubstitutes(source.Apply)
	if err != nil {
		return nil, err
	}
	return &renderer{source: source, substitutes: substitutes, mapped: map[string]bool{}, secrets: secrets{}}, nil
}

func (r *renderer) module() *infrav1.ModuleSpec {
	return &r.source.Template.Spec.Template.Spec.ForProvider
}

// at names a field of the template in a message.
func (r *renderer) at(field string) string {
	return field + " of WorkspaceTemplate " + r.source.Template.Name
}

// code says which module is run.
func (r *renderer) code(_ context.Context, in *Inputs) error {
	spec := r.module()
	in.Runner = spec.Runner
	in.Module = Module{
		Source:        string(spec.Source),
		Content:       spec.Module,
		Configuration: spec.Configuration,
		Backend:       spec.Backend,
		LockFile:      spec.LockFile,
	}
	if spec.Source == infrav1.ModuleSourceInline {
		in.Module.Format = string(orHCL(spec.InlineFormat))
		return nil
	}
	entrypoint := path.Clean(ptr.Deref(spec.Entrypoint, ""))
	if !filepath.IsLocal(entrypoint) {
		return fail(ReasonFilePathInvalid, "%s leaves the module; give a sub-folder of it", r.at("entrypoint"))
	}
	if entrypoint != "." {
		in.Module.Entrypoint = entrypoint
	}
	return nil
}

func checkSize(in *Inputs) error {
	encoded, err := in.Encode()
	if err != nil {
		return err
	}
	if len(encoded) > maxEncoded {
		return fail(ReasonInputsTooLarge,
			"the module, its variables and files have %d KiB, which is more than the %d KiB of a Secret; give large files another way", len(encoded)>>10, maxEncoded>>10)
	}
	return nil
}
