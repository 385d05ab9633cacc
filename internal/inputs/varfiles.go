package inputs

import (
	"context"
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	hcljson "github.com/hashicorp/hcl/v2/json"
	"github.com/zclconf/go-cty/cty"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
)

// varFiles reads the files of variables. They are taken as they are: in them
// `${` belongs to OpenTofu. They are parsed to know which variables they set,
// and which secrets they hold.
func (r *renderer) varFiles(ctx context.Context, in *Inputs) error {
	for i, file := range r.module().VarFiles {
		field := fmt.Sprintf("varFiles[%d]", i)
		content, err := r.text(ctx, field, file.ConfigMapKeyRef, file.SecretKeyRef)
		if err != nil {
			return err
		}
		format := orHCL(file.Format)
		values, diags := parseVarFile(format, content)
		if diags.HasErrors() {
			return notVariables(r.at(field), format, diags[0])
		}
		for name, value := range values {
			r.mapped[name] = true
			if file.SecretKeyRef != nil {
				r.secrets.addValue(value)
			}
		}
		in.VarFiles = append(in.VarFiles, VarFile{Format: string(format), Content: content})
	}
	return nil
}

func orHCL(format infrav1.FileFormat) infrav1.FileFormat {
	if format == "" {
		return infrav1.FormatHCL
	}
	return format
}

// parseVarFile reads a file of variables as OpenTofu does: attributes without
// blocks, whose values refer to nothing.
func parseVarFile(format infrav1.FileFormat, content string) (map[string]cty.Value, hcl.Diagnostics) {
	var file *hcl.File
	var diags hcl.Diagnostics
	if format == infrav1.FormatJSON {
		file, diags = hcljson.Parse([]byte(content), "")
	} else {
		file, diags = hclsyntax.ParseConfig([]byte(content), "", hcl.InitialPos)
	}
	if diags.HasErrors() {
		return nil, diags
	}
	attributes, diags := file.Body.JustAttributes()
	if diags.HasErrors() {
		return nil, diags
	}
	values := map[string]cty.Value{}
	for name, attribute := range attributes {
		value, diags := attribute.Expr.Value(nil)
		if diags.HasErrors() {
			return nil, diags
		}
		values[name] = value
	}
	return values, nil
}

// notVariables says where a file of variables is wrong. What is wrong there is
// not said: the parser quotes what it reads, which may be secret.
func notVariables(place string, format infrav1.FileFormat, problem *hcl.Diagnostic) *Error {
	form := "lines of the form name = value, with constant values"
	if format == infrav1.FormatJSON {
		form = "one JSON object"
	}
	where := ""
	if problem.Subject != nil {
		where = fmt.Sprintf(" (line %d, column %d)", problem.Subject.Start.Line, problem.Subject.Start.Column)
	}
	return fail(ReasonVariableInvalid, "%s refers to something that is no file of variables in %s%s: it has to hold %s", place, format, where, form)
}
