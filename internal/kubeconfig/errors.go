package kubeconfig

import "time"

// The reasons an Error can carry, one per defect.
const (
	// ReasonTooLarge: the file or one of its parts is larger than any real one.
	ReasonTooLarge = "KubeconfigTooLarge"
	// ReasonUnreadable: the file is not a kubeconfig in YAML or JSON, or it has YAML aliases.
	ReasonUnreadable = "KubeconfigUnreadable"
	// ReasonContextInvalid: there is not exactly one context to use, or its cluster or user is not there.
	ReasonContextInvalid = "ContextInvalid"

	// ReasonServerInvalid: the server is not an https URL with a host.
	ReasonServerInvalid = "ServerInvalid"
	// ReasonTLSServerNameInvalid: tls-server-name is not a plain host name or address.
	ReasonTLSServerNameInvalid = "TLSServerNameInvalid"
	// ReasonInsecureRefused: insecure-skip-tls-verify is set.
	ReasonInsecureRefused = "InsecureRefused"
	// ReasonProxyRefused: proxy-url is set.
	ReasonProxyRefused = "ProxyRefused"

	// ReasonCAInvalid: the CA is not a bundle of parseable PEM certificates and nothing else.
	ReasonCAInvalid = "CAInvalid"
	// ReasonCAExpired: every certificate of the CA bundle has ended.
	ReasonCAExpired = "CAExpired"
	// ReasonCANotYetValid: no certificate of the CA bundle is valid yet.
	ReasonCANotYetValid = "CANotYetValid"

	// ReasonFilePathRefused: something is a path to a file, which only one machine has.
	ReasonFilePathRefused = "FilePathRefused"
	// ReasonExecRefused: the user runs a command to get a credential.
	ReasonExecRefused = "ExecRefused"
	// ReasonAuthProviderRefused: the user needs an auth provider to get a credential.
	ReasonAuthProviderRefused = "AuthProviderRefused"
	// ReasonBasicAuthRefused: the user has a name or password, which Kubernetes no longer accepts.
	ReasonBasicAuthRefused = "BasicAuthRefused"
	// ReasonImpersonationRefused: the user acts as somebody else.
	ReasonImpersonationRefused = "ImpersonationRefused"

	// ReasonCredentialMissing: there is neither a client certificate nor a token.
	ReasonCredentialMissing = "CredentialMissing"
	// ReasonClientCertificateInvalid: the client certificate does not parse, is not for clients, or has no key.
	ReasonClientCertificateInvalid = "ClientCertificateInvalid"
	// ReasonClientKeyInvalid: the client key does not parse, is encrypted, or has no certificate.
	ReasonClientKeyInvalid = "ClientKeyInvalid"
	// ReasonClientKeyMismatch: the client key is another certificate's.
	ReasonClientKeyMismatch = "ClientKeyMismatch"
	// ReasonTokenInvalid: the token cannot be sent, or has a known form and breaks it.
	ReasonTokenInvalid = "TokenInvalid"
	// ReasonCredentialExpired: the credential has ended.
	ReasonCredentialExpired = "CredentialExpired"
	// ReasonCredentialNotYetValid: the credential begins later than now and ClockSkew.
	ReasonCredentialNotYetValid = "CredentialNotYetValid"
)

// Reasons lists every reason of this package; each is documented for operators.
var Reasons = []string{
	ReasonTooLarge, ReasonUnreadable, ReasonContextInvalid,
	ReasonServerInvalid, ReasonTLSServerNameInvalid, ReasonInsecureRefused, ReasonProxyRefused,
	ReasonCAInvalid, ReasonCAExpired, ReasonCANotYetValid,
	ReasonFilePathRefused, ReasonExecRefused, ReasonAuthProviderRefused, ReasonBasicAuthRefused, ReasonImpersonationRefused,
	ReasonCredentialMissing, ReasonClientCertificateInvalid, ReasonClientKeyInvalid, ReasonClientKeyMismatch,
	ReasonTokenInvalid, ReasonCredentialExpired, ReasonCredentialNotYetValid,
}

// Error says why a kubeconfig cannot be published. Its text is a constant of this package: it
// never holds anything of the input, and never a parser's words, which quote what they read.
type Error struct {
	reason, message string
	passes          time.Time
}

// Error returns sentences fit for a condition message: the defect, then what to do.
func (e *Error) Error() string { return e.message }

// Reason returns one of Reasons, fit for a condition reason.
func (e *Error) Reason() string { return e.reason }

// Passes is when the defect will be none any more by itself; zero means never.
func (e *Error) Passes() time.Time { return e.passes }

// refuse takes constant texts only.
func refuse(reason, message string) error {
	return &Error{reason: reason, message: message}
}

// refuseUntil refuses what begins to be valid at a later time.
func refuseUntil(begins time.Time, reason, message string) error {
	return &Error{reason: reason, message: message, passes: begins.Add(-ClockSkew)}
}
