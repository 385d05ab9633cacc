package inputs

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// arguments sorts the arguments of the template by the commands of a run. What
// is applied is always a saved plan, which settles most of what an apply or
// destroy was asked for: that goes to the plan. Where planArgs say otherwise,
// applyArgs win, as they come later; they are what was applied with CAPT 0.3.
func (r *renderer) arguments(_ context.Context, in *Inputs) error {
	module := r.module()
	for _, list := range []struct {
		field string
		given []string
		to    map[command]*[]string
	}{
		{"initArgs", module.InitArgs, map[command]*[]string{commandInit: &in.Args.Init}},
		{"planArgs", module.PlanArgs, map[command]*[]string{commandPlan: &in.Args.Plan}},
		{"applyArgs", module.ApplyArgs, map[command]*[]string{commandPlan: &in.Args.Plan, commandApply: &in.Args.Apply}},
		{"destroyArgs", module.DestroyArgs, map[command]*[]string{commandPlan: &in.Args.Destroy, commandApply: &in.Args.DestroyApply}},
	} {
		if err := r.addArguments(list.field, list.given, list.to); err != nil {
			return err
		}
	}
	return nil
}

// addArguments adds each argument to the commands that take it.
func (r *renderer) addArguments(field string, given []string, to map[command]*[]string) error {
	for i := 0; i < len(given); {
		place := r.at(fmt.Sprintf("%s[%d]", field, i))
		argument, used, err := r.parseArgument(place, given[i:])
		if err != nil {
			return err
		}
		i += used
		taken := false
		for cmd, arguments := range to {
			if argument.option.commands&cmd == 0 {
				continue
			}
			taken = true
			if !argument.idle {
				*arguments = append(*arguments, argument.text)
			}
		}
		if !taken {
			return fail(ReasonArgumentRefused, "%s: -%s is not for %s; move it to the list of a command that takes it", place, argument.name, field)
		}
	}
	return nil
}

// argument is an option as it is given.
type argument struct {
	name   string
	option option
	// text is its one form.
	text string
	// idle says that it changes nothing: a bare option that is given as false.
	idle bool
}

// parseArgument reads the first of some arguments as Go's package flag does,
// which OpenTofu uses: -x, --x, -x=value, or -x followed by its value. It
// returns how many arguments that used up.
func (r *renderer) parseArgument(place string, given []string) (argument, int, error) {
	first, err := r.substitutes.in(place, given[0])
	if err != nil {
		return argument{}, 0, err
	}
	name, value, hasValue := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(first, "-"), "-"), "=")
	if !strings.HasPrefix(first, "-") || name == "" {
		return argument{}, 0, fail(ReasonArgumentRefused, "%s is refused: it is not of the form -name or -name=value", place)
	}
	known, ok := options[name]
	switch {
	case !ok:
		return argument{}, 0, fail(ReasonArgumentRefused,
			"%s is refused: OpenTofu 1.12 has no option -%s, or CAPT does not know it; write an option and its value as -name=value", place, name)
	case known.commands == 0:
		return argument{}, 0, fail(ReasonArgumentRefused, "%s: -%s is refused: %s", place, name, known.advice)
	case known.boolean:
		if !hasValue {
			value = "true"
		}
		parsed, err := booleanArgument(place, name, known, value)
		return parsed, 1, err
	case hasValue:
		return argument{name: name, option: known, text: "-" + name + "=" + value}, 1, nil
	case len(given) < 2:
		return argument{}, 0, fail(ReasonArgumentRefused, "%s: -%s needs a value; write -%s=value", place, name, name)
	}
	value, err = r.substitutes.in(place, given[1])
	return argument{name: name, option: known, text: "-" + name + "=" + value}, 2, err
}

func booleanArgument(place, name string, known option, value string) (argument, error) {
	set, err := strconv.ParseBool(value)
	if err != nil {
		return argument{}, fail(ReasonArgumentRefused, "%s: -%s takes true or false", place, name)
	}
	if known.bare {
		return argument{name: name, option: known, text: "-" + name, idle: !set}, nil
	}
	return argument{name: name, option: known, text: fmt.Sprintf("-%s=%t", name, set)}, nil
}
