package workspace

import (
	"context"
	"fmt"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/inputs"
)

// reference names a ConfigMap or Secret.
type reference struct {
	kind string
	key  types.NamespacedName
}

// references remembers which ConfigMaps and Secrets each workspace was last
// rendered from, or would have been if they were there, so that a change of one
// wakes just these workspaces. It is only known after rendering, because names
// may hold variables. All workspaces are rendered when the manager starts: what
// is forgotten with a crash is known again before the first change.
type references struct {
	mu          sync.Mutex
	byWorkspace map[types.NamespacedName]sets.Set[reference]
}

// add remembers one more object of a workspace. It is called before the object
// is read: what changes just after the reading must not be missed.
func (r *references) add(workspace types.NamespacedName, read reference) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byWorkspace == nil {
		r.byWorkspace = map[types.NamespacedName]sets.Set[reference]{}
	}
	if r.byWorkspace[workspace] == nil {
		r.byWorkspace[workspace] = sets.New[reference]()
	}
	r.byWorkspace[workspace].Insert(read)
}

// keep forgets the objects of a workspace except those given.
func (r *references) keep(workspace types.NamespacedName, read sets.Set[reference]) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if known, ok := r.byWorkspace[workspace]; ok {
		r.byWorkspace[workspace] = known.Intersection(read)
	}
}

// forget forgets a workspace.
func (r *references) forget(workspace types.NamespacedName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.byWorkspace, workspace)
}

// of returns the workspaces that the object was read for.
func (r *references) of(wanted reference) []reconcile.Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	var requests []reconcile.Request
	for workspace, read := range r.byWorkspace {
		if read.Has(wanted) {
			requests = append(requests, reconcile.Request{NamespacedName: workspace})
		}
	}
	return requests
}

// lookup is the inputs.Lookup of one workspace. It reads live and notes what it
// was asked for.
type lookup struct {
	reader     client.Reader
	references *references
	workspace  types.NamespacedName
	read       sets.Set[reference]
}

var _ inputs.Lookup = &lookup{}

// ConfigMapKey is described by inputs.Lookup.
func (l *lookup) ConfigMapKey(ctx context.Context, name, key string) ([]byte, error) {
	configMap := &corev1.ConfigMap{}
	if err := l.get(ctx, "ConfigMap", name, configMap); err != nil {
		if apierrors.IsNotFound(err) {
			return nil, inputs.ConfigMapNotFound(name)
		}
		return nil, err
	}
	if text, ok := configMap.Data[key]; ok {
		return []byte(text), nil
	}
	if data, ok := configMap.BinaryData[key]; ok {
		return data, nil
	}
	return nil, inputs.ConfigMapKeyNotFound(name, key)
}

// SecretKey is described by inputs.Lookup.
func (l *lookup) SecretKey(ctx context.Context, name, key string) ([]byte, error) {
	secret := &corev1.Secret{}
	if err := l.get(ctx, "Secret", name, secret); err != nil {
		if apierrors.IsNotFound(err) {
			return nil, inputs.SecretNotFound(name)
		}
		return nil, err
	}
	if data, ok := secret.Data[key]; ok {
		return data, nil
	}
	return nil, inputs.SecretKeyNotFound(name, key)
}

// secretExists tells whether a Secret of waitForSecrets is there.
func (l *lookup) secretExists(ctx context.Context, ref infrav1.LocalReference) (bool, error) {
	if ref.Namespace != "" && ref.Namespace != l.workspace.Namespace {
		return false, inputs.ReferenceNotAllowed("spec.waitForSecrets", ref.Name, ref.Namespace)
	}
	err := l.get(ctx, "Secret", ref.Name, &corev1.Secret{})
	return err == nil, client.IgnoreNotFound(err)
}

// get reads an object of the workspace's namespace.
func (l *lookup) get(ctx context.Context, kind, name string, into client.Object) error {
	if err := l.reader.Get(ctx, l.note(kind, name), into); err != nil {
		return fmt.Errorf("reading %s %s: %w", kind, name, err)
	}
	return nil
}

// note has a change of an object of the workspace's namespace wake the workspace.
func (l *lookup) note(kind, name string) types.NamespacedName {
	key := types.NamespacedName{Namespace: l.workspace.Namespace, Name: name}
	l.read.Insert(reference{kind: kind, key: key})
	l.references.add(l.workspace, reference{kind: kind, key: key})
	return key
}
