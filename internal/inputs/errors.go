package inputs

import (
	"fmt"
	"slices"
	"strings"
)

// The reasons an Error can carry. What mends each is a change of the object that it speaks of:
// the template, the WorkspaceTemplateApply, or a ConfigMap or Secret. All of these are watched, so
// that mending is all there is to do.
const (
	// ReasonSecretNotFound: a Secret does not exist. Its creation, or another name, mends it.
	ReasonSecretNotFound = "SecretNotFound"
	// ReasonSecretKeyNotFound: a Secret lacks a key. Adding the key, or naming another, mends it.
	ReasonSecretKeyNotFound = "SecretKeyNotFound"
	// ReasonConfigMapNotFound: a ConfigMap does not exist. Its creation, or another name, mends it.
	ReasonConfigMapNotFound = "ConfigMapNotFound"
	// ReasonConfigMapKeyNotFound: a ConfigMap lacks a key. Adding the key, or naming another, mends it.
	ReasonConfigMapKeyNotFound = "ConfigMapKeyNotFound"
	// ReasonReferenceNotAllowed: an object of another namespace is named. Leaving the namespace out
	// and having the object in the namespace of the WorkspaceTemplateApply mends it.
	ReasonReferenceNotAllowed = "ReferenceNotAllowed"
	// ReasonReferenceInvalid: with its variables replaced, the name of a ConfigMap or Secret is none.
	// Correcting the variable, or the name, mends it.
	ReasonReferenceInvalid = "ReferenceInvalid"
	// ReasonUnknownVariable: `${name}` is used and there is no variable of that name. Giving the
	// WorkspaceTemplateApply the variable, or correcting the template, mends it.
	ReasonUnknownVariable = "UnknownVariable"
	// ReasonVariableInvalid: a value is not what it has to be: text, JSON, a file of variables, or
	// something that can stand within a text. Correcting the value mends it.
	ReasonVariableInvalid = "VariableInvalid"
	// ReasonArgumentRefused: an argument or an environment variable would break a run. Correcting the
	// template mends it; the message says what to use instead.
	ReasonArgumentRefused = "ArgumentRefused"
	// ReasonFilePathInvalid: a file cannot be written where the template wants it. Another path in
	// the template mends it.
	ReasonFilePathInvalid = "FilePathInvalid"
	// ReasonInputsTooLarge: all of it does not fit into a Secret. Smaller or fewer files mend it.
	ReasonInputsTooLarge = "InputsTooLarge"
)

// Reasons lists every reason of this package; each is documented for operators.
var Reasons = []string{
	ReasonSecretNotFound, ReasonSecretKeyNotFound, ReasonConfigMapNotFound, ReasonConfigMapKeyNotFound,
	ReasonReferenceNotAllowed, ReasonReferenceInvalid,
	ReasonUnknownVariable, ReasonVariableInvalid,
	ReasonArgumentRefused, ReasonFilePathInvalid, ReasonInputsTooLarge,
}

// Error says why inputs cannot be rendered. Its text names the place and says what to do; it never
// holds what a ConfigMap, a Secret or an output holds. It is stable: equal sources give equal texts.
type Error struct {
	reason, message string
}

// Error returns sentences fit for a condition message.
func (e *Error) Error() string { return e.message }

// Reason returns one of Reasons, fit for a condition reason.
func (e *Error) Reason() string { return e.reason }

func fail(reason, format string, args ...any) *Error {
	return &Error{reason: reason, message: fmt.Sprintf(format, args...)}
}

// SecretNotFound is what a Lookup returns for a Secret that does not exist.
func SecretNotFound(name string) *Error {
	return fail(ReasonSecretNotFound, "Secret %s does not exist; create it, or name another", name)
}

// SecretKeyNotFound is what a Lookup returns for a Secret that lacks the key.
func SecretKeyNotFound(name, key string) *Error {
	return fail(ReasonSecretKeyNotFound, "Secret %s has no key %q; add it, or name another", name, key)
}

// ConfigMapNotFound is what a Lookup returns for a ConfigMap that does not exist.
func ConfigMapNotFound(name string) *Error {
	return fail(ReasonConfigMapNotFound, "ConfigMap %s does not exist; create it, or name another", name)
}

// ConfigMapKeyNotFound is what a Lookup returns for a ConfigMap that lacks the key.
func ConfigMapKeyNotFound(name, key string) *Error {
	return fail(ReasonConfigMapKeyNotFound, "ConfigMap %s has no key %q; add it, or name another", name, key)
}

// ReferenceNotAllowed refuses a reference to an object of another namespace; place is the field
// that holds it.
func ReferenceNotAllowed(place, name, namespace string) *Error {
	return fail(ReasonReferenceNotAllowed,
		"%s names %s in namespace %s; only objects in the namespace of the WorkspaceTemplateApply can be used: have it there, and leave the namespace out",
		place, name, namespace)
}

// namesShown bounds how many names a message lists.
const namesShown = 60

// list joins names for a message, sorted.
func list(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	names = slices.Sorted(slices.Values(names))
	more := ""
	if len(names) > namesShown {
		more = fmt.Sprintf(" and %d more", len(names)-namesShown)
		names = names[:namesShown]
	}
	return strings.Join(names, ", ") + more
}
