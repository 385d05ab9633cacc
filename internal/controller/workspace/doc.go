// Package workspace reconciles WorkspaceTemplateApplies: it renders the inputs
// of each from its template, asks the engine for the infrastructure to be as
// they want it, and puts the outputs where they are wanted.
package workspace
