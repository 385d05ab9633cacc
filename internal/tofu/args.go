package tofu

import "slices"

// InitOptions are the options of `tofu init`.
type InitOptions struct {
	// Args are further arguments.
	Args []string
}

// PlanOptions are the options of `tofu plan`.
type PlanOptions struct {
	// Out is the file to write the plan to.
	Out string
	// Destroy plans the removal of everything.
	Destroy bool
	// Unlocked plans without the lock on the state, for a plan that is only looked
	// at: nothing is to wait for it, nor it for anything.
	Unlocked bool
	// Args are further arguments.
	Args []string
}

// ApplyOptions are the options of `tofu apply`.
type ApplyOptions struct {
	// Plan is the plan file to carry out.
	Plan string
	// Args are further arguments that `tofu apply` takes beside a plan.
	Args []string
}

// Our own arguments come first: -json must be understood before a further
// argument can be found wrong.

func fromModuleArgs(source string) []string {
	return []string{"init", "-json", "-input=false", "-no-color", "-backend=false", "-get=false", "-from-module=" + source}
}

func initArgs(o InitOptions) []string {
	return append([]string{"init", "-json", "-input=false", "-no-color"}, o.Args...)
}

func planArgs(o PlanOptions) []string {
	args := []string{"plan", "-json", "-input=false", "-no-color", "-detailed-exitcode", "-out=" + o.Out}
	if o.Destroy {
		args = append(args, "-destroy")
	}
	if o.Unlocked {
		args = append(args, "-lock=false")
	}
	return append(args, o.Args...)
}

func applyArgs(o ApplyOptions) []string {
	args := []string{"apply", "-json", "-input=false", "-no-color"}
	args = append(args, o.Args...)
	return append(args, o.Plan)
}

func validateArgs() []string { return []string{"validate", "-json", "-no-color"} }

func statePullArgs() []string { return []string{"state", "pull"} }

func showArgs(plan string) []string { return []string{"show", "-no-color", plan} }

func outputArgs() []string { return []string{"output", "-json", "-no-color"} }

// Started tells whether a command line, the program first, is one that a CLI has
// made, except for Show, which touches nothing but its plan file. The program's own name says little: it may be installed under any.
func Started(command []string) bool {
	return len(command) > 2 && command[2] == "-json" &&
		slices.Contains([]string{"init", "plan", "apply", "validate", "output"}, command[1])
}
