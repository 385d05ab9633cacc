package phase

import "errors"

// reasoned is an error that knows the reason to show for it.
type reasoned interface {
	error
	Reason() string
}

// BlockWith is Block for an error that carries its own reason, and Fail with
// the given reason for any other: what nobody has judged may pass.
func BlockWith(err error, otherwise string) Outcome {
	var known reasoned
	if errors.As(err, &known) {
		return Block(known.Reason(), err)
	}
	return Fail(otherwise, err)
}
