package tfstate

import (
	"encoding/json"
	"fmt"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// lockInfoKey is the annotation in which OpenTofu's backend describes a lock.
const lockInfoKey = "app.terraform.io/lock-info"

// LockInfo describes a lock, in OpenTofu's form.
type LockInfo struct {
	// ID names the lock; of ours, the run that holds it.
	ID string `json:"ID"`
	// Operation is what the lock is held for.
	Operation string `json:"Operation"`
	// Info is a remark.
	Info string `json:"Info"`
	// Who holds it: user@host.
	Who string `json:"Who"`
	// Version is OpenTofu's version, if one took the lock.
	Version string `json:"Version"`
	// Created is when it was taken.
	Created time.Time `json:"Created"`
	// Path is of no use here.
	Path string `json:"Path"`
}

// LockedError says that a state is locked by somebody else.
type LockedError struct {
	// Info describes the lock. At least its ID is set.
	Info LockInfo
}

func (e *LockedError) Error() string {
	return fmt.Sprintf("the state is locked by %s (%s)", e.Info.ID, e.Info.Who)
}

// NewLease is the Lease of a state that has never been locked, not held.
func NewLease(namespace, suffix string, labels map[string]string) *coordinationv1.Lease {
	return &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{
		Namespace: namespace, Name: LeaseName(suffix), Labels: Labels(suffix, labels),
	}}
}

// Holder is the ID of the lock that a Lease holds, "" if it is free.
func Holder(lease *coordinationv1.Lease) string {
	if lease.Spec.HolderIdentity == nil {
		return ""
	}
	return *lease.Spec.HolderIdentity
}

// Take makes a Lease hold a lock. If it already holds one with another ID, it
// returns a *LockedError and leaves the Lease as it was; one with the same ID
// is taken over.
func Take(lease *coordinationv1.Lease, info LockInfo) error {
	if holder := Holder(lease); holder != "" && holder != info.ID {
		return &LockedError{Info: HeldBy(lease)}
	}
	encoded, err := json.Marshal(info)
	if err != nil {
		return fmt.Errorf("encoding the description of a lock: %w", err)
	}
	if lease.Annotations == nil {
		lease.Annotations = map[string]string{}
	}
	lease.Annotations[lockInfoKey] = string(encoded)
	lease.Spec.HolderIdentity = &info.ID
	return nil
}

// Release frees a Lease from the lock with this ID, and reports whether it
// held it.
func Release(lease *coordinationv1.Lease, id string) bool {
	if Holder(lease) != id {
		return false
	}
	lease.Spec.HolderIdentity = nil
	delete(lease.Annotations, lockInfoKey)
	return true
}

// HeldBy describes a lock that is held, whatever its annotation looks like.
func HeldBy(lease *coordinationv1.Lease) LockInfo {
	var info LockInfo
	if err := json.Unmarshal([]byte(lease.Annotations[lockInfoKey]), &info); err != nil {
		info = LockInfo{Who: "unknown"}
	}
	info.ID = Holder(lease)
	return info
}
