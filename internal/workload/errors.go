package workload

import (
	"crypto/tls"
	"errors"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// The reasons an Error can carry. Except for ReasonAccountNotOurs they pass when
// the server or the credential changes; it is asked again until then.
const (
	// ReasonServerUnreachable: the API server does not answer in time, or not as
	// one. See that it runs and can be reached.
	ReasonServerUnreachable = "ServerUnreachable"
	// ReasonServerCertificateInvalid: the certificate of the server is not one of
	// the CA, or not for its name. Nothing was sent to it. Let the module give the
	// right CA.
	ReasonServerCertificateInvalid = "ServerCertificateInvalid"
	// ReasonCredentialRefused: the API server does not know the credential. A new
	// one is asked for.
	ReasonCredentialRefused = "CredentialRefused"
	// ReasonCredentialForbidden: the API server knows the credential, which may
	// not ask who it is, or not make the ServiceAccount with its binding. Let the
	// module give an administrator's, or set spec.kubeconfig.credential to Outputs.
	ReasonCredentialForbidden = "CredentialForbidden"
	// ReasonAccountNotOurs: an object in the workload cluster has the name of one
	// that CAPT makes, and not its label. Delete it there.
	ReasonAccountNotOurs = "AccountNotOurs"
	// ReasonAccountIncomplete: the ServiceAccount in the workload cluster has lost
	// its rights. They are given back with the module's credential.
	ReasonAccountIncomplete = "AccountIncomplete"
	// ReasonTokenRefused: the API server makes a token of a ServiceAccount and then
	// refuses it, as a gateway does that takes its own tokens only. Set
	// spec.kubeconfig.credential to Outputs.
	ReasonTokenRefused = "TokenRefused"
	// ReasonServerFailed: the API server answered with an error.
	ReasonServerFailed = "ServerFailed"
)

// Error says why an API server did not give what it was asked for.
type Error struct{ reason, message string }

// Error returns a text fit for a condition message.
func (e *Error) Error() string { return e.message }

// Reason returns one of the Reason constants, fit for a condition reason.
func (e *Error) Reason() string { return e.reason }

// messages are what there is to say for each reason.
var messages = map[string]string{
	ReasonServerUnreachable:        "the API server does not answer, or not as one; see that it runs and can be reached from here",
	ReasonServerCertificateInvalid: "the certificate of the API server is not one of the CA that is given, or not for its name, so that nothing was sent to it; see that the server is the right one, and let the module give its CA",
	ReasonCredentialRefused:        "the API server refuses the credential; if a new one is not made by itself, see that the module makes one when it is applied again",
	ReasonCredentialForbidden:      "the API server knows the credential, which may not do what is needed: ask who it is, or make a ServiceAccount in kube-system with its binding and tokens; let the module give an administrator's, or set spec.kubeconfig.credential to Outputs",
	ReasonAccountNotOurs:           "something in the workload cluster has the name of an object that is needed, and is not CAPT's; delete it there",
	ReasonAccountIncomplete:        "the ServiceAccount in the workload cluster has lost its rights; they are given back with the module's credential, if that is good",
	ReasonTokenRefused:             "the API server makes a token of a ServiceAccount and refuses it, as a gateway does that takes its own tokens only; set spec.kubeconfig.credential to Outputs",
	ReasonServerFailed:             "the API server answers with an error; see its log",
}

// NewError returns the error for one of the Reason constants.
func NewError(reason string) *Error { return &Error{reason, messages[reason]} }

// classify makes an *Error of what a client returned.
func classify(err error) error {
	var known *Error
	var certificate *tls.CertificateVerificationError
	var status apierrors.APIStatus
	switch {
	case err == nil, errors.As(err, &known):
		return err
	case errors.As(err, &certificate):
		return NewError(ReasonServerCertificateInvalid)
	case apierrors.IsUnauthorized(err):
		return NewError(ReasonCredentialRefused)
	case apierrors.IsForbidden(err):
		return NewError(ReasonCredentialForbidden)
	case errors.As(err, &status) && status.Status().Code != 0:
		return NewError(ReasonServerFailed)
	}
	return NewError(ReasonServerUnreachable)
}

// refused tells whether another credential may have more luck.
func refused(err error) bool {
	var known *Error
	return errors.As(err, &known) || apierrors.IsUnauthorized(err) || apierrors.IsForbidden(err) || apierrors.IsNotFound(err)
}
