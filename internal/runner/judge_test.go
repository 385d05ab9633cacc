package runner

import (
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/utils/ptr"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/tofu"
)

func TestNeedsApproval(t *testing.T) {
	create := change{Address: "a.a", Action: tofu.ActionCreate}
	update := change{Address: "a.b", Action: tofu.ActionUpdate}
	remove := change{Address: "a.c", Action: tofu.ActionDelete}
	replace := change{Address: "a.d", Action: tofu.ActionReplace, Reason: "cannot_update"}
	tainted := change{Address: "a.e", Action: tofu.ActionReplace, Reason: "tainted"}
	terms := func(policy infrav1.ApprovalPolicy) infrav1.RunTerms { return infrav1.RunTerms{ApprovalPolicy: policy} }
	guarded := infrav1.RunTerms{ApprovalPolicy: infrav1.ApprovalAuto, GuardTainted: ptr.To(true)}
	for name, tt := range map[string]struct {
		terms   infrav1.RunTerms
		changes []change
		want    bool
	}{
		"no policy":                  {terms(""), []change{create, remove, replace, tainted}, false},
		"auto":                       {terms(infrav1.ApprovalAuto), []change{remove, replace, tainted}, false},
		"destructive, nothing goes":  {terms(infrav1.ApprovalDestructive), []change{create, update}, false},
		"destructive, a deletion":    {terms(infrav1.ApprovalDestructive), []change{create, remove}, true},
		"destructive, a replacement": {terms(infrav1.ApprovalDestructive), []change{replace}, true},
		"manual":                     {terms(infrav1.ApprovalManual), []change{create}, true},
		"guarded, not tainted":       {guarded, []change{create, remove, replace}, false},
		"guarded, tainted":           {guarded, []change{create, tainted}, true},
	} {
		t.Run(name, func(t *testing.T) {
			NewWithT(t).Expect(needsApproval(tt.changes, true, tt.terms)).To(Equal(tt.want))
		})
	}
	NewWithT(t).Expect(needsApproval(nil, false, terms(infrav1.ApprovalManual))).To(BeFalse(), "nothing to approve")
	NewWithT(t).Expect(needsApproval(nil, true, terms(infrav1.ApprovalManual))).To(BeTrue(), "outputs only")
}

func TestProtected(t *testing.T) {
	changes := []change{
		{Address: `aws_db.main["a"]`, Type: "aws_db", Action: tofu.ActionDelete},
		{Address: "aws_db.other", Type: "aws_db", Action: tofu.ActionUpdate},
		{Address: "module.net.aws_vpc.v", Type: "aws_vpc", Action: tofu.ActionReplace},
		{Address: "module.network.aws_vpc.v", Type: "aws_vpc", Action: tofu.ActionDelete},
	}
	for name, tt := range map[string]struct {
		by   infrav1.Protection
		want []string
	}{
		"a resource":         {infrav1.Protection{Addresses: []string{"aws_db.main"}}, []string{`aws_db.main["a"]`}},
		"an instance":        {infrav1.Protection{Addresses: []string{`aws_db.main["a"]`}}, []string{`aws_db.main["a"]`}},
		"another instance":   {infrav1.Protection{Addresses: []string{`aws_db.main["b"]`}}, nil},
		"a module":           {infrav1.Protection{Addresses: []string{"module.net"}}, []string{"module.net.aws_vpc.v"}},
		"one that stays":     {infrav1.Protection{Addresses: []string{"aws_db.other"}}, nil},
		"a type":             {infrav1.Protection{Types: []string{"aws_vpc"}}, []string{"module.net.aws_vpc.v", "module.network.aws_vpc.v"}},
		"part of a name":     {infrav1.Protection{Addresses: []string{"aws_db.mai"}}, nil},
		"a type, not a name": {infrav1.Protection{Types: []string{"aws_db.main"}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			NewWithT(t).Expect(protected(changes, tt.by)).To(Equal(tt.want))
		})
	}
}

func TestDigest(t *testing.T) {
	g := NewWithT(t)
	of := func(changes []change, inputs, state string) string {
		d, err := digest(changes, inputs, []byte(state), "")
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(d).To(HaveLen(64))
		return d
	}
	a := []change{{Address: "a", Action: "create"}}
	const state = `{"lineage": "l", "serial": 3}`
	same := of(a, "i", state)
	g.Expect(of([]change{{Address: "a", Action: "create"}}, "i", `{"serial": 3, "lineage": "l", "outputs": {}}`)).To(Equal(same))
	for name, other := range map[string]string{
		"action": of([]change{{Address: "a", Action: "delete"}}, "i", state),
		"reason": of([]change{{Address: "a", Action: "create", Reason: "r"}}, "i", state),
		"inputs": of(a, "j", state), "serial": of(a, "i", `{"lineage": "l", "serial": 4}`),
		"lineage": of(a, "i", `{"lineage": "m", "serial": 3}`), "no state": of(a, "i", ""),
	} {
		g.Expect(other).NotTo(Equal(same), name)
	}
	_, err := digest(a, "i", []byte("no state"), "")
	g.Expect(err).To(HaveOccurred())
	restored, err := digest(a, "i", []byte(state), "w-9")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(restored).NotTo(Equal(same))

	unsorted := []tofu.ResourceChange{{Resource: tofu.Resource{Addr: "b"}}, {Resource: tofu.Resource{Addr: "a"}}}
	g.Expect(reduce(unsorted)).To(Equal([]change{{Address: "a"}, {Address: "b"}}))
}

func TestManyProtectedResourcesAreCounted(t *testing.T) {
	NewWithT(t).Expect(enumerate(strings.Split("a b c d e f g h i j k l", " "))).To(Equal("a, b, c, d, e, f, g, h, i, j and 2 more"))
}
