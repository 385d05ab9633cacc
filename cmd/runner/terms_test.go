package main

import (
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/runner"
)

func TestTermsArriveAsTheyWereSent(t *testing.T) {
	g := NewWithT(t)
	sent := infrav1.RunTerms{
		ApprovalPolicy: infrav1.ApprovalManual, ApprovedPlan: strings.Repeat("a", 64),
		Protect:      infrav1.Protection{Addresses: []string{`a.b["c d"]`}, Types: []string{"e"}},
		GuardTainted: ptr.To(true), Timeout: &metav1.Duration{Duration: time.Hour},
	}
	text, err := runner.EncodeTerms(sent)
	g.Expect(err).NotTo(HaveOccurred())
	options := runner.Options{}
	flags, _, _ := flagSet(&options)
	g.Expect(flags.Parse([]string{"--terms=" + text})).To(Succeed())
	g.Expect(options.Terms).To(Equal(sent))

	g.Expect(flags.Parse([]string{`--terms={"approval": "Manual"}`})).To(MatchError(ContainSubstring("unknown field")), "it must not be passed over")
}
