package inputs

// command is one of OpenTofu's commands that a run uses.
type command uint8

const (
	commandInit command = 1 << iota
	commandPlan
	// commandApply is `tofu apply` of a saved plan.
	commandApply
)

// option is a command line option of OpenTofu.
type option struct {
	// commands that take it; none if it is refused.
	commands command
	// boolean options take true or false, and nothing means true. All others
	// take a value.
	boolean bool
	// bare options are understood only as `-name`.
	bare bool
	// advice says, of a refused one, why or what to do instead.
	advice string
}

const (
	everyCommand = commandInit | commandPlan | commandApply

	stateAdvice  = "CAPT keeps the state of each WorkspaceTemplateApply"
	lockAdvice   = "the state is always locked; -lock-timeout says how long to wait"
	outputAdvice = "CAPT reads what OpenTofu prints"
	modeAdvice   = "CAPT chooses what to plan; delete the WorkspaceTemplateApply to have its infrastructure destroyed"
	helpAdvice   = "OpenTofu would do nothing else"
)

// options are those of OpenTofu 1.12. One that is not here is refused.
var options = map[string]option{
	"compact-warnings":     {commands: everyCommand, boolean: true, bare: true},
	"concise":              {commands: everyCommand, boolean: true, bare: true},
	"consolidate-errors":   {commands: everyCommand, boolean: true},
	"consolidate-warnings": {commands: everyCommand, boolean: true},
	"deprecation":          {commands: everyCommand},
	"no-color":             {commands: everyCommand, boolean: true, bare: true},

	"lockfile": {commands: commandInit},
	"upgrade":  {commands: commandInit, boolean: true},

	"var":          {commands: commandInit | commandPlan},
	"var-file":     {commands: commandInit | commandPlan},
	"lock-timeout": {commands: everyCommand},

	"exclude":      {commands: commandPlan},
	"exclude-file": {commands: commandPlan},
	"refresh":      {commands: commandPlan, boolean: true},
	"replace":      {commands: commandPlan},
	"target":       {commands: commandPlan},
	"target-file":  {commands: commandPlan},

	"parallelism":            {commands: commandPlan | commandApply},
	"suppress-forget-errors": {commands: commandApply, boolean: true},

	"auto-approve":          {boolean: true, advice: "what is applied is always a plan that was judged before"},
	"backend":               {boolean: true, advice: stateAdvice},
	"backend-config":        {advice: stateAdvice},
	"backup":                {advice: stateAdvice},
	"chdir":                 {advice: "give the sub-folder of a remote module in entrypoint"},
	"cloud":                 {boolean: true, advice: stateAdvice},
	"destroy":               {boolean: true, advice: modeAdvice},
	"detailed-exitcode":     {boolean: true, advice: outputAdvice},
	"force-copy":            {boolean: true, advice: stateAdvice},
	"from-module":           {advice: "give the address in module, with the source Remote"},
	"generate-config-out":   {advice: "the working directory of a run is not kept; generate the configuration outside of CAPT"},
	"get":                   {boolean: true, advice: "each run fetches its modules into a directory of its own"},
	"h":                     {boolean: true, advice: helpAdvice},
	"help":                  {boolean: true, advice: helpAdvice},
	"ignore-remote-version": {boolean: true, advice: stateAdvice},
	"input":                 {boolean: true, advice: "nobody is there to answer; give all variables their values"},
	"json":                  {boolean: true, advice: outputAdvice},
	"json-into":             {advice: outputAdvice},
	"lock":                  {boolean: true, advice: lockAdvice},
	"migrate-state":         {boolean: true, advice: stateAdvice},
	"out":                   {advice: "CAPT keeps the plan of a run"},
	"plugin-dir":            {advice: "where providers come from is the same for all runs"},
	"reconfigure":           {boolean: true, advice: stateAdvice},
	"refresh-only":          {boolean: true, advice: modeAdvice},
	"show-sensitive":        {boolean: true, advice: "secrets would be shown"},
	"state":                 {advice: stateAdvice},
	"state-out":             {advice: stateAdvice},
	"test-directory":        {advice: "a run tests nothing"},
	"v":                     {boolean: true, advice: helpAdvice},
	"version":               {boolean: true, advice: helpAdvice},
}
