// Package provider is the side of localkube that OpenTofu sees: schema, plan, state. What is done lies in package
// cluster.
//
// Promise: what a plan shows is what an apply does, also when it is applied much later. Credentials are therefore
// renewed while the state is refreshed, as a module does that reads a token from a cloud at every plan, and not while
// a plan is made: a plan is made again at its apply, and must not have changed by then.
//
// Trade-off: a plan whose module has the token as an output shows a change of that output when the token was renewed.
package provider
