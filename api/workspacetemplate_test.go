package api_test

import (
	"strings"
	"testing"
)

const workspaceTemplate = `
apiVersion: infrastructure.cluster.x-k8s.io/v1beta1
kind: WorkspaceTemplate
spec:
  template:
    spec:
      forProvider:
        source: Inline
        module: "# nothing"
`

// forProvider is a merge patch of the module.
func forProvider(fields string) string {
	return "spec: {template: {spec: {forProvider: {" + fields + "}}}}"
}

func TestWorkspaceTemplate(t *testing.T) {
	check(t, workspaceTemplate, map[string]try{
		"minimal":        {},
		"no spec":        {set: "spec: null", refused: "spec: Required value"},
		"no template":    {set: "spec: {template: null}", refused: "spec.template: Required value"},
		"no module spec": {set: "spec: {template: {spec: {forProvider: null}}}", refused: "spec.template.spec.forProvider: Required value"},
		"unknown field":  {set: forProvider("modul: x"), refused: `unknown field "spec.template.spec.forProvider.modul"`},

		"for people":            {set: `spec: {template: {metadata: {description: d, version: "1", tags: {a: b}}}}`},
		"empty description":     {set: `spec: {template: {metadata: {description: ""}}}`, refused: "spec.template.metadata.description"},
		"Orphan":                {set: "spec: {template: {spec: {deletionPolicy: Orphan}}}"},
		"Delete":                {set: "spec: {template: {spec: {deletionPolicy: Delete}}}"},
		"other policy":          {set: "spec: {template: {spec: {deletionPolicy: Keep}}}", refused: `deletionPolicy: Unsupported value: "Keep"`},
		"ProviderConfig":        {set: "spec: {template: {spec: {providerConfigRef: {name: aws}}}}"},
		"nameless config":       {set: "spec: {template: {spec: {providerConfigRef: {}}}}", refused: "providerConfigRef.name: Required value"},
		"connection Secret":     {set: `spec: {writeConnectionSecretToRef: {name: "${WORKSPACE_NAME}-conn", namespace: x}}`},
		"nameless Secret":       {set: "spec: {writeConnectionSecretToRef: {namespace: x}}", refused: "writeConnectionSecretToRef.name: Required value"},
		"namespaces by name":    {set: "spec: {allowedNamespaces: {names: [a, b]}}"},
		"all namespaces":        {set: "spec: {allowedNamespaces: {selector: {}}}"},
		"namespaces by label":   {set: "spec: {allowedNamespaces: {selector: {matchLabels: {a: b}}}}"},
		"neither":               {set: "spec: {allowedNamespaces: {}}", refused: "allowedNamespaces in body should have at least 1 properties"},
		"no names":              {set: "spec: {allowedNamespaces: {names: []}}", refused: "allowedNamespaces.names in body should have at least 1 items"},
		"a name twice":          {set: "spec: {allowedNamespaces: {names: [a, a]}}", refused: `allowedNamespaces.names[1]: Duplicate value: "a"`},
		"everything may change": {then: forProvider("source: Remote, module: m") + "\n"},
	})
}

func TestModuleOfAWorkspaceTemplate(t *testing.T) {
	const badEntrypoint = "entrypoint must be a relative path inside the module"
	check(t, workspaceTemplate, map[string]try{
		"remote":             {set: forProvider(`source: Remote, module: "oci://example.com/m"`)},
		"no source":          {set: forProvider("source: null"), refused: "source: Required value"},
		"other source":       {set: forProvider("source: Git"), refused: `source: Unsupported value: "Git": supported values: "Inline", "Remote"`},
		"no module":          {set: forProvider("module: null"), refused: "module: Required value"},
		"empty module":       {set: forProvider(`module: ""`), refused: "forProvider.module in body should be at least 1 chars long"},
		"large module":       {set: forProvider("module: " + strings.Repeat("x", 262144))},
		"too large module":   {set: forProvider("module: " + strings.Repeat("x", 262145)), refused: "module: Too long: may not be more than 262144 bytes"},
		"HCL":                {set: forProvider("inlineFormat: HCL")},
		"JSON":               {set: forProvider("inlineFormat: JSON")},
		"other format":       {set: forProvider("inlineFormat: YAML"), refused: `inlineFormat: Unsupported value: "YAML"`},
		"entrypoint":         {set: forProvider("entrypoint: a/b")},
		"empty entrypoint":   {set: forProvider(`entrypoint: ""`)},
		"absolute":           {set: forProvider("entrypoint: /a"), refused: badEntrypoint},
		"parent":             {set: forProvider("entrypoint: .."), refused: badEntrypoint},
		"through the parent": {set: forProvider("entrypoint: a/../b"), refused: badEntrypoint},
		"dots in names":      {set: forProvider("entrypoint: ..a/b..")},
		"configuration":      {set: forProvider("configuration: provider, lockFile: lock")},
		"no configuration":   {set: forProvider(`configuration: ""`), refused: "forProvider.configuration in body should be at least 1 chars long"},
		"no lock file":       {set: forProvider(`lockFile: ""`), refused: "forProvider.lockFile in body should be at least 1 chars long"},
		"arguments":          {set: forProvider("initArgs: [-upgrade], planArgs: [-refresh=false], applyArgs: [-target, a], destroyArgs: [-parallelism=1]")},
		"empty argument":     {set: forProvider(`applyArgs: [""]`), refused: "applyArgs[0] in body should be at least 1 chars long"},
		"many arguments":     {set: forProvider("planArgs: [" + strings.Repeat("-a,", 33) + "]"), refused: "planArgs: Too many: 33: must have at most 32 items"},
	})
}

func TestVariablesOfAWorkspaceTemplate(t *testing.T) {
	const badSource = "a ConfigMapKey source takes configMapKeyRef and a SecretKey source takes secretKeyRef"
	check(t, workspaceTemplate, map[string]try{
		"vars":               {set: forProvider(`vars: [{key: a, value: x}, {key: b, value: ""}, {key: c}]`)},
		"a key twice":        {set: forProvider("vars: [{key: a}, {key: a}]"), refused: "vars[1]: Duplicate value"},
		"no key":             {set: forProvider("vars: [{value: a}]"), refused: "vars[0].key: Required value"},
		"a number":           {set: forProvider("vars: [{key: a, value: 1}]"), refused: `vars[0].value in body must be of type string: "integer"`},
		"varmap":             {set: forProvider(`varmap: {a: 1, b: [x, {c: true}], d: "", e: {f: 1.5}}`)},
		"varmap as a list":   {set: forProvider("varmap: [a]"), refused: `varmap in body must be of type object: "array"`},
		"Secret":             {set: forProvider("varFiles: [{source: SecretKey, format: HCL, secretKeyRef: {name: a, key: b}}]")},
		"ConfigMap":          {set: forProvider("varFiles: [{source: ConfigMapKey, format: JSON, configMapKeyRef: {name: a, namespace: team, key: b}}]")},
		"other source":       {set: forProvider("varFiles: [{source: Inline}]"), refused: `varFiles[0].source: Unsupported value: "Inline"`},
		"other format":       {set: forProvider("varFiles: [{source: SecretKey, format: YAML, secretKeyRef: {name: a, key: b}}]"), refused: `format: Unsupported value: "YAML"`},
		"no reference":       {set: forProvider("varFiles: [{source: SecretKey}]"), refused: badSource},
		"no other reference": {set: forProvider("varFiles: [{source: ConfigMapKey}]"), refused: badSource},
		"wrong reference":    {set: forProvider("varFiles: [{source: SecretKey, configMapKeyRef: {name: a, key: b}}]"), refused: badSource},
		"other reference":    {set: forProvider("varFiles: [{source: ConfigMapKey, secretKeyRef: {name: a, key: b}}]"), refused: badSource},
		"both references":    {set: forProvider("varFiles: [{source: SecretKey, secretKeyRef: {name: a, key: b}, configMapKeyRef: {name: a, key: b}}]"), refused: badSource},
		"no Secret name":     {set: forProvider("varFiles: [{source: SecretKey, secretKeyRef: {key: b}}]"), refused: "secretKeyRef.name: Required value"},
		"no Secret key":      {set: forProvider("varFiles: [{source: SecretKey, secretKeyRef: {name: a}}]"), refused: "secretKeyRef.key: Required value"},
	})
}

func TestEnvironmentAndFilesOfAWorkspaceTemplate(t *testing.T) {
	const (
		one     = "exactly one of value, configMapKeyRef and secretKeyRef must be set"
		oneFile = "exactly one of configMapKeyRef and secretKeyRef must be set"
		badPath = "path must be relative, and inside the working directory"
		ref     = "{name: a, key: b}"
	)
	file := func(path string) string {
		return forProvider("files: [{path: '" + path + "', secretKeyRef: " + ref + "}]")
	}
	check(t, workspaceTemplate, map[string]try{
		"each source":        {set: forProvider("env: [{name: A, value: x}, {name: _b1, configMapKeyRef: " + ref + "}, {name: C, secretKeyRef: " + ref + "}]")},
		"empty value":        {set: forProvider(`env: [{name: A, value: ""}]`)},
		"no source":          {set: forProvider("env: [{name: A}]"), refused: one},
		"value and Secret":   {set: forProvider(`env: [{name: A, value: "", secretKeyRef: ` + ref + "}]"), refused: one},
		"both references":    {set: forProvider("env: [{name: A, configMapKeyRef: " + ref + ", secretKeyRef: " + ref + "}]"), refused: one},
		"no name":            {set: forProvider("env: [{value: x}]"), refused: "env[0].name: Required value"},
		"name with a minus":  {set: forProvider("env: [{name: A-B, value: x}]"), refused: "env[0].name in body should match '^[A-Za-z_][A-Za-z0-9_]*$'"},
		"name with a number": {set: forProvider("env: [{name: 1A, value: x}]"), refused: "env[0].name in body should match"},
		"a name twice":       {set: forProvider("env: [{name: A, value: x}, {name: A, value: z}]"), refused: "env[1]: Duplicate value"},

		"files":              {set: forProvider("files: [{path: a, secretKeyRef: " + ref + "}, {path: .b/c.d, configMapKeyRef: " + ref + "}]")},
		"file of nothing":    {set: forProvider("files: [{path: a}]"), refused: oneFile},
		"file of both":       {set: forProvider("files: [{path: a, configMapKeyRef: " + ref + ", secretKeyRef: " + ref + "}]"), refused: oneFile},
		"no path":            {set: forProvider("files: [{secretKeyRef: " + ref + "}]"), refused: "files[0].path: Required value"},
		"a path twice":       {set: forProvider("files: [{path: a, secretKeyRef: " + ref + "}, {path: a, configMapKeyRef: " + ref + "}]"), refused: "files[1]: Duplicate value"},
		"absolute path":      {set: file("/a"), refused: badPath},
		"parent":             {set: file(".."), refused: badPath},
		"through the parent": {set: file("a/../b"), refused: badPath},
		"itself":             {set: file("./a"), refused: badPath},
		"empty part":         {set: file("a//b"), refused: badPath},
		"folder":             {set: file("a/"), refused: badPath},
		"names with dots":    {set: file("..a/b../...")},
	})
}
