package runner

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclparse"

	"github.com/captproject/capt/internal/tofu"
)

// declaration is what we need to know about a variable that a module declares.
type declaration struct {
	// literal variables take a text as it is, others as an HCL expression.
	literal bool
}

// configExtensions are those of configuration files. A file ending in .tofu
// hides the one of the same name that ends in .tf.
var configExtensions = []string{".tf.json", ".tofu.json", ".tf", ".tofu"}

var (
	fileSchema = &hcl.BodySchema{Blocks: []hcl.BlockHeaderSchema{{Type: "variable", LabelNames: []string{"name"}}}}
	typeSchema = &hcl.BodySchema{Attributes: []hcl.AttributeSchema{{Name: "type"}}}
)

// configFiles lists the configuration files of a module as OpenTofu loads
// them: which of them count, override files last, sorted otherwise. Paths are
// relative to dir.
func configFiles(dir string) (primary, override []string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the module: %w", err)
	}
	names := map[string]bool{}
	for _, e := range entries {
		names[e.Name()] = !e.IsDir()
	}
	for _, e := range entries {
		stem, ext := splitConfigName(e.Name())
		rest, isTF := strings.CutPrefix(ext, ".tf")
		hidden := isTF && names[stem+".tofu"+rest]
		if ext == "" || e.IsDir() || hidden {
			continue
		}
		if stem == "override" || strings.HasSuffix(stem, "_override") {
			override = append(override, e.Name())
		} else {
			primary = append(primary, e.Name())
		}
	}
	return primary, override, nil
}

// splitConfigName splits a file's name into stem and extension; "" if it is no
// configuration file.
func splitConfigName(name string) (stem, ext string) {
	ignored := strings.HasPrefix(name, ".") || strings.HasSuffix(name, "~") ||
		strings.HasPrefix(name, "#") && strings.HasSuffix(name, "#")
	if ignored {
		return "", ""
	}
	for _, ext := range configExtensions {
		if stem, ok := strings.CutSuffix(name, ext); ok {
			return stem, ext
		}
	}
	return "", ""
}

// declarations are the variables that the module in dir declares, by name. The
// diagnostics are errors of files that cannot be parsed.
func declarations(dir string) (map[string]declaration, []tofu.Diagnostic, error) {
	primary, override, err := configFiles(dir)
	if err != nil {
		return nil, nil, err
	}
	declared := map[string]declaration{}
	var diagnostics []tofu.Diagnostic
	for _, name := range slices.Concat(primary, override) {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return nil, nil, fmt.Errorf("reading the module: %w", err)
		}
		diagnostics = append(diagnostics, addDeclarations(declared, name, text)...)
	}
	return declared, diagnostics, nil
}

// addDeclarations adds the variables that one file declares.
func addDeclarations(to map[string]declaration, name string, text []byte) []tofu.Diagnostic {
	parse := hclparse.NewParser().ParseHCL
	if strings.HasSuffix(name, ".json") {
		parse = hclparse.NewParser().ParseJSON
	}
	file, diags := parse(text, name)
	if diags.HasErrors() {
		return diagnosticsOf(diags)
	}
	content, _, _ := file.Body.PartialContent(fileSchema)
	for _, block := range content.Blocks {
		variable := block.Labels[0]
		attributes, _, _ := block.Body.PartialContent(typeSchema)
		if attribute, typed := attributes.Attributes["type"]; typed {
			to[variable] = declaration{literal: literalType(attribute.Expr)}
		} else if _, known := to[variable]; !known {
			to[variable] = declaration{literal: true}
		}
	}
	return nil
}

// literalType reports whether values of a type are given literally: OpenTofu
// does so for string, number and bool. It is for OpenTofu to complain about a
// type that is none.
func literalType(expr hcl.Expression) bool {
	switch hcl.ExprAsKeyword(expr) {
	case "list", "map":
		return false
	}
	constraint, _, diags := typeexpr.TypeConstraintWithDefaults(expr)
	return diags.HasErrors() || constraint.IsPrimitiveType()
}

// diagnosticsOf turns the parser's diagnostics into OpenTofu's form.
func diagnosticsOf(diags hcl.Diagnostics) []tofu.Diagnostic {
	var out []tofu.Diagnostic
	for _, d := range diags {
		if d.Severity != hcl.DiagError {
			continue
		}
		converted := tofu.Diagnostic{Severity: tofu.SeverityError, Summary: d.Summary, Detail: d.Detail}
		if d.Subject != nil {
			converted.Range = &tofu.Range{Filename: d.Subject.Filename, Start: tofu.Position{Line: d.Subject.Start.Line}}
		}
		out = append(out, converted)
	}
	return out
}
