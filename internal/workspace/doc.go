// Package workspace is a WorkspaceTemplateApply as those see it who want
// infrastructure: the Cluster API kinds make one, look at how it stands, read
// its outputs and delete it, all in the same way.
package workspace
