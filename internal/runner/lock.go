package runner

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/captproject/capt/internal/tfstate"
)

// stateLock is the lock of one workspace's state, held by one run.
type stateLock struct {
	client    client.Client
	namespace string
	suffix    string
	labels    map[string]string
	info      tfstate.LockInfo
	report    func(error)

	// resumed is true after take if the run held the lock already: nobody else
	// has written the state since.
	resumed bool
	// alone means that nobody can have taken this lock before us.
	alone bool
}

func (r *run) newLock() *stateLock {
	host, _ := os.Hostname()
	return &stateLock{
		client: r.client, namespace: r.Namespace, suffix: r.suffix(), labels: r.labels,
		info: tfstate.LockInfo{
			ID: r.Run, Operation: string(r.Operation), Info: "WorkspaceRun " + r.Namespace + "/" + r.Run,
			Who: "capt-runner@" + host, Created: time.Now().UTC(),
		},
		report: r.awaitAPI, alone: r.Ephemeral,
	}
}

// twin returns a *tfstate.LockedError if the lock is held in our name, but not by
// us: Kubernetes has started the run twice.
func (l *stateLock) twin(lease *coordinationv1.Lease) error {
	if holder := tfstate.HeldBy(lease); l.alone && holder.ID == l.info.ID && holder.Who != l.info.Who {
		return &tfstate.LockedError{Info: holder}
	}
	return nil
}

// take takes the lock, and returns a *tfstate.LockedError if another run holds
// it. Somebody who takes it at the same moment makes us look again.
func (l *stateLock) take(ctx context.Context) error {
	final := func(err error) bool {
		var locked *tfstate.LockedError
		return errors.As(err, &locked) || refused(err)
	}
	err := retry(ctx, final, l.report, func(ctx context.Context) error {
		lease := &coordinationv1.Lease{}
		err := l.client.Get(ctx, l.key(), lease)
		if apierrors.IsNotFound(err) {
			lease = tfstate.NewLease(l.namespace, l.suffix, l.labels)
			if err := tfstate.Take(lease, l.info); err != nil {
				return err
			}
			return l.client.Create(ctx, lease)
		}
		if err != nil {
			return err
		}
		if err := l.twin(lease); err != nil {
			return err
		}
		l.resumed = tfstate.Holder(lease) == l.info.ID
		if err := tfstate.Take(lease, l.info); err != nil {
			return err
		}
		return l.client.Update(ctx, lease)
	})
	if err != nil {
		return fmt.Errorf("taking Lease %s/%s: %w", l.namespace, tfstate.LeaseName(l.suffix), err)
	}
	return nil
}

// release gives the lock back.
func (l *stateLock) release(ctx context.Context) error {
	return retry(ctx, refused, l.report, func(ctx context.Context) error {
		_, err := Unlock(ctx, l.client, l.key(), l.info.ID)
		return err
	})
}

func (l *stateLock) key() client.ObjectKey {
	return client.ObjectKey{Namespace: l.namespace, Name: tfstate.LeaseName(l.suffix)}
}

// Unlock frees the Lease of a state if the given run holds it, and reports
// whether it did. It is safe against whoever takes the lock meanwhile.
//
// Call it for another run only if that is proven dead and has left no state on
// disk (see StateOnDisk).
func Unlock(ctx context.Context, c client.Client, lease client.ObjectKey, run string) (bool, error) {
	held := &coordinationv1.Lease{}
	if err := c.Get(ctx, lease, held); err != nil {
		return false, client.IgnoreNotFound(err)
	}
	if !tfstate.Release(held, run) {
		return false, nil
	}
	if err := c.Update(ctx, held); err != nil {
		return false, fmt.Errorf("unlocking Lease %s: %w", lease, err)
	}
	return true, nil
}
