package runner

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"github.com/captproject/capt/internal/inputs"
)

// renderVariables gives variables the form of a .tfvars.json file.
//
// Texts become what OpenTofu makes of `-var name=text`; as there, a text for a
// variable that the module does not declare is an error. Optional variables
// that are not declared are left out.
func renderVariables(variables []inputs.Variable, declared map[string]declaration) ([]byte, error) {
	values := map[string]json.RawMessage{}
	for _, v := range variables {
		d, known := declared[v.Name]
		if v.Optional && !known {
			continue
		}
		value := v.Value
		if v.Text != nil {
			if !known {
				return nil, fail(ReasonVariableInvalid, undeclared(v.Name, declared))
			}
			var err error
			if value, err = parseText(v.Name, *v.Text, d); err != nil {
				return nil, err
			}
		}
		values[v.Name] = value
	}
	file, err := json.Marshal(values)
	if err != nil {
		return nil, fail(ReasonVariableInvalid, "a variable's value is not valid JSON")
	}
	return file, nil
}

func undeclared(name string, declared map[string]declaration) string {
	has := "none"
	if len(declared) > 0 {
		has = strings.Join(slices.Sorted(maps.Keys(declared)), ", ")
	}
	return fmt.Sprintf("a value is given for variable %q, which the module does not declare (it declares %s): correct the name, or declare it in the module", name, has)
}

// parseText parses a value as OpenTofu parses that of -var.
func parseText(name, text string, d declaration) (json.RawMessage, error) {
	if d.literal {
		return json.Marshal(text)
	}
	value, err := evaluate(text)
	if err != nil {
		// The parser's details may quote the value, which may be secret.
		return nil, fail(ReasonVariableInvalid, fmt.Sprintf(
			"the value of variable %q is not a constant HCL expression, which its type needs (%s): write it as, for instance, [\"a\", \"b\"] or { key = \"value\" }", name, err))
	}
	return value, nil
}

// evaluate returns the value of a constant expression as JSON.
func evaluate(text string) (json.RawMessage, error) {
	expression, diags := hclsyntax.ParseExpression([]byte(text), "value", hcl.InitialPos)
	if diags.HasErrors() {
		return nil, firstSummary(diags)
	}
	value, diags := expression.Value(nil)
	if diags.HasErrors() {
		return nil, firstSummary(diags)
	}
	return ctyjson.Marshal(value, value.Type())
}

func firstSummary(diags hcl.Diagnostics) error {
	return fmt.Errorf("%s at line %d", diags[0].Summary, diags[0].Subject.Start.Line)
}
