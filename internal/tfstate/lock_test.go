package tfstate

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

func TestLock(t *testing.T) {
	g := NewWithT(t)
	taken := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	mine := LockInfo{ID: "x-1", Operation: "apply", Who: "capt-runner@node", Created: taken}
	lease := NewLease("ns", "x-abc", map[string]string{"mine": "yes"})
	g.Expect(lease.Name).To(Equal("lock-tfstate-default-x-abc"))
	g.Expect(lease.Labels).To(HaveKeyWithValue("tfstate", "true"))
	g.Expect(Holder(lease)).To(BeEmpty())

	g.Expect(Take(lease, mine)).To(Succeed())
	g.Expect(*lease.Spec.HolderIdentity).To(Equal("x-1"))
	g.Expect(lease.Annotations["app.terraform.io/lock-info"]).To(MatchJSON(
		`{"ID":"x-1","Operation":"apply","Info":"","Who":"capt-runner@node","Version":"","Created":"2026-01-02T03:04:05Z","Path":""}`))

	g.Expect(Take(lease, mine)).To(Succeed(), "the same run, started again")
	err := Take(lease, LockInfo{ID: "x-2"})
	g.Expect(err).To(MatchError("the state is locked by x-1 (capt-runner@node)"))
	g.Expect(err.(*LockedError).Info).To(Equal(mine))
	g.Expect(Holder(lease)).To(Equal("x-1"))

	g.Expect(Release(lease, "x-2")).To(BeFalse())
	g.Expect(Holder(lease)).To(Equal("x-1"))
	g.Expect(Release(lease, "x-1")).To(BeTrue())
	g.Expect(lease.Spec.HolderIdentity).To(BeNil())
	g.Expect(lease.Annotations).To(BeEmpty())
}

func TestLockWithoutDescription(t *testing.T) {
	g := NewWithT(t)
	lease := NewLease("ns", "x", nil)
	holder := "somebody"
	lease.Spec.HolderIdentity = &holder
	err := Take(lease, LockInfo{ID: "x-1"})
	g.Expect(err).To(BeAssignableToTypeOf(&LockedError{}))
	g.Expect(err.(*LockedError).Info.ID).To(Equal("somebody"))
}
