// Package line is the only way of a program to an API server, for tests that
// cut it: to the program the API server is away, while others go on with it.
//
// TCP is carried as it is, so that the API server's own certificate and the
// credentials of the program stay good. package test/chaos/proxy, which reads
// what it passes on, spoils single requests instead.
package line
