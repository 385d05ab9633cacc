package envtest

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// WithoutFinalizers is a client that makes objects without their finalizers: in a test
// without their controllers nobody would let them go.
func WithoutFinalizers(c client.Client) client.Client { return withoutFinalizers{c} }

type withoutFinalizers struct{ client.Client }

func (c withoutFinalizers) Create(ctx context.Context, obj client.Object, opts ...client.CreateOption) error {
	obj.SetFinalizers(nil)
	return c.Client.Create(ctx, obj, opts...)
}
