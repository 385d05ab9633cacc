// Package manager assembles the controllers to CAPT's manager.
//
// It is a package, and not the program, so that a second program can be the very
// same manager with another clock (test/clock/manager).
package manager
