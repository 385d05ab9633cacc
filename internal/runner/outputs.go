package runner

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/tfstate"
)

// storeOutputs writes the outputs Secret after an apply. When that failed, the
// outputs it got to are written all the same, since they may be what is needed
// to reach what was made; but they are not said to be made from its inputs.
func (r *run) storeOutputs(ctx context.Context, complete bool) error {
	if r.Operation != infrav1.OperationApply || !r.planned {
		return nil
	}
	data, err := r.readOutputs(ctx)
	if err != nil {
		return r.outcome(ctx, err, ReasonOutputsNotStored, readingOutputs)
	}
	if !complete && string(data) == tfstate.NoOutputs {
		return nil
	}
	lock, err := os.ReadFile(filepath.Join(r.root, lockFile))
	if err != nil && !os.IsNotExist(err) {
		return fail(ReasonOutputsNotStored, err.Error())
	}
	err = r.writeOutputs(ctx, data, lock, complete)
	switch {
	case errors.Is(err, errNotOurs):
		return fail(ReasonSecretNotOurs, SecretNotOurs(OutputsName(r.Workspace), r.Workspace))
	case err != nil:
		return fail(ReasonOutputsNotStored, fmt.Sprintf("writing the outputs to Secret %s: %v", OutputsName(r.Workspace), err))
	}
	return nil
}

// readOutputs takes the outputs from the state that was just saved. OpenTofu is asked,
// which costs as much as a plan of a small module, where only it has the state or can
// decrypt it.
func (r *run) readOutputs(ctx context.Context) ([]byte, error) {
	if !r.elsewhere() {
		if data, err := tfstate.Outputs(r.store.state); err == nil {
			return data, nil
		}
	}
	cli := r.cli
	cli.Follow = nil
	return cli.Output(ctx)
}

var (
	errChangedMeanwhile = errors.New("it was changed meanwhile")
	errNotOurs          = errors.New("it is somebody else's")
)

// writeOutputs writes the Secret if it is not as it should be already.
func (r *run) writeOutputs(ctx context.Context, outputs, lock []byte, complete bool) error {
	current := r.outputs
	final := func(err error) bool { return refused(err) || errors.Is(err, errNotOurs) }
	return retry(ctx, final, r.awaitAPI, func(ctx context.Context) error {
		wanted := r.outputsSecret(current, outputs, lock, complete)
		var err error
		switch {
		case current == nil:
			err = r.client.Create(ctx, wanted)
		case !equality.Semantic.DeepEqual(current, wanted):
			err = r.client.Update(ctx, wanted)
		}
		if apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) || current != nil && apierrors.IsNotFound(err) {
			there, err := r.currentOutputs(ctx)
			if err != nil {
				return err
			}
			current = there
			return errChangedMeanwhile
		}
		return err
	})
}

func (r *run) currentOutputs(ctx context.Context) (*corev1.Secret, error) {
	secret := &corev1.Secret{}
	if err := r.client.Get(ctx, client.ObjectKey{Namespace: r.Namespace, Name: OutputsName(r.Workspace)}, secret); err != nil {
		return nil, client.IgnoreNotFound(err)
	}
	if !r.owns(secret) {
		return nil, errNotOurs
	}
	return secret, nil
}

// outputsSecret is the Secret as it should be.
func (r *run) outputsSecret(current *corev1.Secret, outputs, lock []byte, complete bool) *corev1.Secret {
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: r.Namespace, Name: OutputsName(r.Workspace)}}
	if current != nil {
		secret = current.DeepCopy()
	}
	if secret.Labels == nil {
		secret.Labels = map[string]string{}
	}
	maps.Copy(secret.Labels, r.labels)
	secret.OwnerReferences = r.owners
	secret.Data = map[string][]byte{OutputsKey: outputs}
	if len(lock) > 0 {
		secret.Data[LockFileKey] = lock
	}
	if secret.Annotations == nil {
		secret.Annotations = map[string]string{}
	}
	if version, err := tfstate.VersionOf(r.store.state); err == nil {
		secret.Annotations[infrav1.StateLineageAnnotation] = version.Lineage
	}
	if complete {
		secret.Annotations[infrav1.InputsDigestAnnotation] = r.result.InputsDigest
		if r.ApplyRequest != "" {
			secret.Annotations[infrav1.ApplyRequestAnnotation] = r.ApplyRequest
		}
	}
	return secret
}
