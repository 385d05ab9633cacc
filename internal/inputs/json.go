package inputs

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

// decodeJSON decodes one JSON value, numbers as they are written. Nothing is
// null: so the API's type for JSON keeps it.
func decodeJSON(raw []byte) (any, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one value")
	}
	return value, nil
}

// encodeJSON is the one form of a decoded value: compact, keys sorted. What was
// decoded can always be encoded.
func encodeJSON(value any) json.RawMessage {
	data, _ := json.Marshal(value)
	return data
}

func notJSON(place string) *Error {
	return fail(ReasonVariableInvalid, "%s is not a JSON value; correct it", place)
}
