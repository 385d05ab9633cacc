// Package contract turns the outputs of a module into what Cluster API needs to know.
//
// Promise: a module is used as it is. Each contract name (ControlPlaneNames lists them) is looked
// up first through the explicit mapping of the object, then under its own name, then under the
// names that popular modules and providers already use, in the fixed order of names.go. What is
// found is decoded by rule: base64 is taken off only if the text is not what was expected, it
// decodes, and the result is. An error names the output, what was expected, which outputs the
// module has, and what to do. It never quotes a value.
//
// Trade-off: without a mapping only outputs that are plain text count. An output that is a list
// or an object is reached by a path in the mapping (`kube_config[0].raw_config`); guessing inside
// structures would make the result depend on details that nobody wrote down. The error suggests
// the paths there are.
//
// Everything here is a function of values: no clock, no client, no input or output.
package contract
