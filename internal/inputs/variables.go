package inputs

import (
	"cmp"
	"context"
	"iter"
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"k8s.io/utils/ptr"
)

// variables gives the module its variables: those that the template maps, and
// those of the apply and of other applies that it does not. Of several values
// for one name the first counts: vars, varmap, varFiles and env (TF_VAR_…),
// then values, variables, outputs.
func (r *renderer) variables(_ context.Context, in *Inputs) error {
	chosen := map[string]Variable{}
	if err := r.addMapped(chosen); err != nil {
		return err
	}
	for name := range chosen {
		r.mapped[name] = true
	}
	if err := r.addUnmapped(chosen); err != nil {
		return err
	}
	in.Variables = slices.SortedFunc(maps.Values(chosen), func(a, b Variable) int { return cmp.Compare(a.Name, b.Name) })
	return nil
}

// addMapped adds the values that the template gives.
func (r *renderer) addMapped(to map[string]Variable) error {
	module := r.module()
	for name, raw := range sorted(module.Varmap) {
		place := r.at("varmap[" + name + "]")
		if !hclsyntax.ValidIdentifier(name) {
			return notAName(place)
		}
		value, err := decodeJSON(raw.Raw)
		if err != nil {
			return notJSON(place)
		}
		if value, err = r.substitutes.inJSON(place, value); err != nil {
			return err
		}
		to[name] = Variable{Name: name, Value: encodeJSON(value)}
	}
	for _, v := range module.Vars {
		place := r.at("vars[" + v.Key + "]")
		if !hclsyntax.ValidIdentifier(v.Key) {
			return notAName(place)
		}
		text, err := r.substitutes.in(place, ptr.Deref(v.Value, ""))
		if err != nil {
			return err
		}
		to[v.Key] = Variable{Name: v.Key, Text: &text}
	}
	return nil
}

// addUnmapped adds the values that only a module which declares them gets, the
// strongest first.
func (r *renderer) addUnmapped(to map[string]Variable) error {
	for name, raw := range sorted(r.source.Apply.Spec.Values) {
		if r.mapped[name] {
			continue
		}
		value, err := decodeJSON(raw.Raw)
		if err != nil {
			return notJSON("spec.values[" + name + "]")
		}
		to[name] = Variable{Name: name, Value: encodeJSON(value), Optional: true}
	}
	for name, text := range r.source.Apply.Spec.Variables {
		if _, given := to[name]; !given && !r.mapped[name] {
			to[name] = Variable{Name: name, Text: &text, Optional: true}
		}
	}
	for name, output := range sorted(r.source.Outputs) {
		if _, given := to[name]; given || r.mapped[name] {
			continue
		}
		value, err := decodeJSON(output.Value)
		if err != nil {
			return notJSON("output " + name)
		}
		if output.Sensitive {
			r.secrets.addJSON(value)
		}
		to[name] = Variable{Name: name, Value: encodeJSON(value), Optional: true}
	}
	return nil
}

// sorted goes through a map by its keys, so that of several mistakes always the
// same is reported.
func sorted[V any](m map[string]V) iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		for _, key := range slices.Sorted(maps.Keys(m)) {
			if !yield(key, m[key]) {
				return
			}
		}
	}
}

func notAName(place string) *Error {
	return fail(ReasonVariableInvalid, "%s does not name a variable; a name has letters, digits, _ and -, and begins with no digit", place)
}
