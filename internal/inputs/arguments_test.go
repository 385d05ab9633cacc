package inputs

import (
	"testing"

	. "github.com/onsi/gomega"
)

func TestArguments(t *testing.T) {
	for name, tc := range map[string]struct {
		edit func(s spec)
		want Args
	}{
		"none": {edit: func(spec) {}},
		"one form": {
			edit: func(s spec) {
				s.InitArgs = []string{"-upgrade", "--lockfile=readonly", "-var", "a=b=c", "-no-color", "-concise=false"}
				s.PlanArgs = []string{"--refresh=F", "-parallelism", "5", "-consolidate-warnings=0", "-deprecation=module:local", "-target=a[\"=\"]", "-compact-warnings=1"}
			},
			want: Args{
				Init: []string{"-upgrade=true", "-lockfile=readonly", "-var=a=b=c", "-no-color"},
				Plan: []string{"-refresh=false", "-parallelism=5", "-consolidate-warnings=false", "-deprecation=module:local", "-target=a[\"=\"]", "-compact-warnings"},
			},
		},
		// OpenTofu would take these for options of its own.
		"values that look like options": {
			edit: func(s spec) { s.PlanArgs = []string{"-var", "-version", "-target", "-help"} },
			want: Args{Plan: []string{"-var=-version", "-target=-help"}},
		},
		"what an apply is asked for goes to its plan": {
			edit: func(s spec) {
				s.PlanArgs = []string{"-var=a=plan", "-parallelism=1"}
				s.ApplyArgs = []string{"-var=a=apply", "-parallelism=2", "-target=x", "-target-file=f", "-refresh=false", "-lock-timeout=1m", "-suppress-forget-errors"}
			},
			want: Args{
				Plan:  []string{"-var=a=plan", "-parallelism=1", "-var=a=apply", "-parallelism=2", "-target=x", "-target-file=f", "-refresh=false", "-lock-timeout=1m"},
				Apply: []string{"-parallelism=2", "-lock-timeout=1m", "-suppress-forget-errors=true"},
			},
		},
		"and so with a destroy": {
			edit: func(s spec) {
				s.DestroyArgs = []string{"-exclude=x", "-exclude-file", "f", "-replace=y", "-var-file=v", "-parallelism=3", "-suppress-forget-errors"}
			},
			want: Args{
				Destroy:      []string{"-exclude=x", "-exclude-file=f", "-replace=y", "-var-file=v", "-parallelism=3"},
				DestroyApply: []string{"-parallelism=3", "-suppress-forget-errors=true"},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			NewWithT(t).Expect(newGiven(tc.edit).render(t).Args).To(Equal(tc.want))
		})
	}
}

func TestArgumentsThatAreRefused(t *testing.T) {
	for given, message := range map[string]string{
		"-auto-approve":           "-auto-approve is refused: what is applied is always a plan that was judged before",
		"--auto-approve":          "-auto-approve is refused",
		"-auto-approve=false":     "-auto-approve is refused",
		"-state=x":                "-state is refused: CAPT keeps the state",
		"--state":                 "-state is refused",
		"-state-out=x":            "-state-out is refused: CAPT keeps the state",
		"-backup=-":               "-backup is refused: CAPT keeps the state",
		"-lock=false":             "-lock is refused: the state is always locked; -lock-timeout",
		"-lock":                   "-lock is refused",
		"-out=plan":               "-out is refused: CAPT keeps the plan",
		"-json":                   "-json is refused: CAPT reads what OpenTofu prints",
		"-json-into=f":            "-json-into is refused",
		"-chdir=sub":              "-chdir is refused: give the sub-folder of a remote module in entrypoint",
		"-input=true":             "-input is refused: nobody is there to answer",
		"-destroy":                "-destroy is refused: CAPT chooses what to plan; delete the WorkspaceTemplateApply",
		"-refresh-only":           "-refresh-only is refused: CAPT chooses",
		"-backend=false":          "-backend is refused: CAPT keeps the state",
		"-backend-config=x":       "-backend-config is refused",
		"-cloud=false":            "-cloud is refused",
		"-from-module=x":          "-from-module is refused: give the address in module",
		"-migrate-state":          "-migrate-state is refused",
		"-reconfigure":            "-reconfigure is refused",
		"-force-copy":             "-force-copy is refused",
		"-plugin-dir=x":           "-plugin-dir is refused: where providers come from",
		"-get=false":              "-get is refused: each run fetches its modules",
		"-detailed-exitcode":      "-detailed-exitcode is refused",
		"-generate-config-out=x":  "-generate-config-out is refused",
		"-show-sensitive":         "-show-sensitive is refused: secrets would be shown",
		"-ignore-remote-version":  "-ignore-remote-version is refused",
		"-test-directory=x":       "-test-directory is refused",
		"-help":                   "-help is refused",
		"-h":                      "-h is refused",
		"-version":                "-version is refused",
		"-v":                      "-v is refused",
		"-nonsense":               "is refused: OpenTofu 1.12 has no option -nonsense, or CAPT does not know it; write an option and its value as -name=value",
		"-target a.b":             "has no option -target a.b,",
		"-State":                  "has no option -State",
		"---refresh":              "has no option --refresh",
		"plan.bin":                "is refused: it is not of the form -name or -name=value",
		"":                        "is not of the form",
		" -refresh":               "is not of the form",
		"-":                       "is not of the form",
		"--":                      "is not of the form",
		"-=x":                     "is not of the form",
		"-target":                 "-target needs a value; write -target=value",
		"-refresh=maybe":          "-refresh takes true or false",
		"-upgrade":                "-upgrade is not for planArgs; move it to the list of a command that takes it",
		"-suppress-forget-errors": "-suppress-forget-errors is not for planArgs",
	} {
		t.Run(given, func(t *testing.T) {
			g := NewWithT(t)
			err := newGiven(func(s spec) { s.PlanArgs = []string{"-refresh=false", "-var", "a=b", given} }).refused(t)
			g.Expect(err.Error()).To(And(HavePrefix("planArgs[3] of WorkspaceTemplate vpc"), ContainSubstring(message)))
			g.Expect(err.Reason()).To(Equal(ReasonArgumentRefused))
		})
	}
}

// A boolean option takes no value of its own, so what follows it is judged.
func TestValueAfterABooleanIsRefused(t *testing.T) {
	g := NewWithT(t)
	err := newGiven(func(s spec) { s.PlanArgs = []string{"-refresh", "false"} }).refused(t)
	g.Expect(err.Reason()).To(Equal(ReasonArgumentRefused))
	g.Expect(err.Error()).To(HavePrefix("planArgs[1] of WorkspaceTemplate vpc is refused"))
}

func TestArgumentsOfEachListAreJudged(t *testing.T) {
	for field, edit := range map[string]func(s spec){
		"initArgs":    func(s spec) { s.InitArgs = []string{"-backend=false"} },
		"planArgs":    func(s spec) { s.PlanArgs = []string{"-out=x"} },
		"applyArgs":   func(s spec) { s.ApplyArgs = []string{"-auto-approve"} },
		"destroyArgs": func(s spec) { s.DestroyArgs = []string{"-lock=false"} },
	} {
		t.Run(field, func(t *testing.T) {
			g := NewWithT(t)
			err := newGiven(edit).refused(t)
			g.Expect(err.Reason()).To(Equal(ReasonArgumentRefused))
			g.Expect(err.Error()).To(HavePrefix(field + "[0] of WorkspaceTemplate vpc: "))
		})
	}
}

// Each option is either passed on, or refused with advice.
func TestOptionsAreComplete(t *testing.T) {
	for name, o := range options {
		if (o.commands == 0) == (o.advice == "") {
			t.Errorf("-%s is both passed on and refused, or neither", name)
		}
	}
}
