// Package engine is what the workspace controller knows of the slow thing that
// makes infrastructure: it asks for a state, gets an observation, and never
// waits.
package engine
