package envtest

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
)

// WithoutFinalizers is a client that makes workspaces and runs without the finalizers
// of their controllers: in a test without those nobody would let them go.
func WithoutFinalizers(c client.Client) client.Client { return withoutFinalizers{c} }

type withoutFinalizers struct{ client.Client }

func (c withoutFinalizers) Create(ctx context.Context, obj client.Object, opts ...client.CreateOption) error {
	controllerutil.RemoveFinalizer(obj, infrav1.WorkspaceFinalizer)
	controllerutil.RemoveFinalizer(obj, infrav1.RunFinalizer)
	return c.Client.Create(ctx, obj, opts...)
}
