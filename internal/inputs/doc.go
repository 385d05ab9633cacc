// Package inputs is what one run of OpenTofu is made from: a module, its
// variables, files and environment, rendered from a WorkspaceTemplate and a
// WorkspaceTemplateApply into one value with one digest.
//
// It is pure: everything a template refers to is handed in through a Lookup.
// The rendered form is stored in a single immutable Secret, so that a run can
// be carried out, repeated or undone although the template, the ConfigMaps and
// the Secrets it came from have changed or gone since. The price is one small
// Secret for each distinct set of inputs.
package inputs
