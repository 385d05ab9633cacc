// Package testkit is what the tests of several packages share: where the real programs are, and which processes a test
// has left.
package testkit
