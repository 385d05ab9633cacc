package inputs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/util/validation"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
)

// Lookup reads what a template refers to, in the namespace of the apply. A
// missing object or key is SecretNotFound, SecretKeyNotFound, ConfigMapNotFound
// or ConfigMapKeyNotFound; any other error is handed through, wrapped.
type Lookup interface {
	ConfigMapKey(ctx context.Context, name, key string) ([]byte, error)
	SecretKey(ctx context.Context, name, key string) ([]byte, error)
}

// read returns what the one of two references that is set refers to. A text from
// a Secret is secret from here on.
func (r *renderer) read(ctx context.Context, field string, configMap, secret *infrav1.KeyReference) ([]byte, error) {
	reference, find := configMap, r.lookup.ConfigMapKey
	if field += ".configMapKeyRef"; secret != nil {
		field = strings.TrimSuffix(field, ".configMapKeyRef") + ".secretKeyRef"
		reference, find = secret, r.lookup.SecretKey
	}
	if reference == nil {
		return nil, fail(ReasonReferenceInvalid, "%s is missing; name a ConfigMap or a Secret", r.at(field))
	}
	name, err := r.nameOf(r.at(field), reference.Name, reference.Namespace)
	if err != nil {
		return nil, err
	}
	content, err := find(ctx, name, reference.Key)
	if err != nil {
		return nil, within(r.at(field), err)
	}
	if secret != nil && isText(content) {
		r.secrets.add(string(content))
	}
	return content, nil
}

// isText tells content that can be shown, and be an environment variable, from
// a binary file.
func isText(content []byte) bool { return utf8.Valid(content) && !bytes.ContainsRune(content, 0) }

// text is read for what must be text.
func (r *renderer) text(ctx context.Context, field string, configMap, secret *infrav1.KeyReference) (string, error) {
	content, err := r.read(ctx, field, configMap, secret)
	if err != nil {
		return "", err
	}
	if !isText(content) {
		return "", fail(ReasonVariableInvalid, "%s refers to something that is not text (UTF-8 without zero bytes); give binary content as one of files", r.at(field))
	}
	return string(content), nil
}

// nameOf is the name of a ConfigMap or Secret of the apply's namespace.
func (r *renderer) nameOf(place, name, namespace string) (string, error) {
	if namespace != "" && namespace != r.source.Apply.Namespace {
		return "", ReferenceNotAllowed(place, name, namespace)
	}
	name, err := r.substitutes.in(place, name)
	if err != nil {
		return "", err
	}
	if problems := validation.IsDNS1123Subdomain(name); len(problems) > 0 {
		return "", fail(ReasonReferenceInvalid,
			"%s is %q after its variables were replaced, which cannot be the name of an object: %s", place, name, problems[0])
	}
	return name, nil
}

// within says where an error comes from.
func within(place string, err error) error {
	var known *Error
	if errors.As(err, &known) {
		return fail(known.reason, "%s: %s", place, known.message)
	}
	return fmt.Errorf("%s: %w", place, err)
}
