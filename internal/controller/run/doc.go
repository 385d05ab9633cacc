// Package run reconciles WorkspaceRuns: it has each carried out by an executor
// and records how it ended. It decides nothing; whether there is a next run is
// the matter of the workspace controller.
package run
