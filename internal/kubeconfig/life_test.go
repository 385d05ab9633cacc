package kubeconfig

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

func withToken(token string) func(p *Parts) {
	return func(p *Parts) { p.ClientCertificate, p.ClientKey, p.Token = nil, nil, token }
}

func TestLife(t *testing.T) {
	at := func(d time.Duration) *time.Time { t := now.Add(d); return &t }
	const day = 24 * time.Hour
	for name, tc := range map[string]struct {
		token      string // none: the certificate, an hour before and after now
		made, ends time.Time
		want       Life
		half       time.Time
		longer     []time.Duration // of a second, an hour and a day
	}{
		"a certificate": {want: Life{Issued: *at(past), Expires: at(future)}, half: now, longer: []time.Duration{time.Second, time.Hour}},
		"a certificate, and an earlier end": {ends: *at(time.Minute), want: Life{Issued: *at(past), Expires: at(time.Minute)},
			half: now.Add(-29*time.Minute - 30*time.Second), longer: []time.Duration{time.Second, time.Hour}},
		"a certificate, and a later end": {ends: *at(day), want: Life{Issued: *at(past), Expires: at(future)}, half: now,
			longer: []time.Duration{time.Second, time.Hour}},
		"a JWT": {token: jwt(`{"iat":1767323045,"exp":1767330245}`), made: *at(past), want: Life{Issued: now, Expires: at(2 * time.Hour)},
			half: now.Add(time.Hour), longer: []time.Duration{time.Second, time.Hour}},
		"a JWT that begins later than it was made": {token: jwt(`{"iat":1767323045,"nbf":1767323105,"exp":1767323225}`),
			want: Life{Issued: *at(time.Minute), Expires: at(3 * time.Minute)}, half: now.Add(2 * time.Minute), longer: []time.Duration{time.Second}},
		"a JWT with an end only": {token: jwt(`{"exp":1767323225}`), made: *at(-time.Minute),
			want: Life{Issued: *at(-time.Minute), Expires: at(3 * time.Minute)}, half: now.Add(time.Minute), longer: []time.Duration{time.Second}},
		"an end only, made at no known time": {token: jwt(`{"exp":1767323225}`),
			want: Life{Expires: at(3 * time.Minute)}, half: now.Add(3 * time.Minute)},
		"a JWT for ever": {token: jwt(`{"sub":"x"}`), want: Life{}, longer: []time.Duration{time.Second, time.Hour, day}},
		"of EKS": {token: eks(presigned(now)), want: Life{Issued: now, Expires: at(15 * time.Minute)},
			half: now.Add(7*time.Minute + 30*time.Second), longer: []time.Duration{time.Second}},
		"opaque": {token: "ya29.x", want: Life{Opaque: true}},
		"opaque, with an end": {token: "ya29.x", made: now, ends: *at(2 * day), want: Life{Issued: now, Expires: at(2 * day)},
			half: now.Add(day), longer: []time.Duration{time.Second, time.Hour, day}},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			candidate := parts(nil)
			if tc.token != "" {
				candidate = parts(withToken(tc.token))
			}
			candidate.Made, candidate.Ends = tc.made, tc.ends
			life := must(Examine(candidate, now)).Life()
			g.Expect(life.Issued).To(BeTemporally("==", tc.want.Issued))
			g.Expect(life.Expires == nil).To(Equal(tc.want.Expires == nil))
			if life.Expires != nil {
				g.Expect(*life.Expires).To(BeTemporally("==", *tc.want.Expires))
			}
			g.Expect(life.Opaque).To(Equal(tc.want.Opaque))
			g.Expect(life.HalfLife()).To(BeTemporally("==", tc.half))
			var longer []time.Duration
			for _, d := range []time.Duration{time.Second, time.Hour, day} {
				if life.LongerThan(d) {
					longer = append(longer, d)
				}
			}
			g.Expect(longer).To(Equal(tc.longer))
		})
	}
}

func TestWhatHasEndedIsOfUseButNotPublished(t *testing.T) {
	g := NewWithT(t)
	expired := parts(withToken(jwt(`{"iat":1767320000,"exp":1767323045}`)))
	examined, err := Examine(expired, now)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(examined.SameCluster(must(Judge(parts(nil), now)))).To(BeTrue())
	kc, err := examined.Kubeconfig(now)
	g.Expect(kc).To(BeNil())
	g.Expect(err.(*Error).Reason()).To(Equal(ReasonCredentialExpired))

	fresh, err := Judge(examined.WithToken("fresh"), now)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(fresh.Bytes("c")).To(ContainSubstring("token: fresh"))
	g.Expect(examined.SameCluster(fresh)).To(BeTrue())

	short := parts(nil)
	short.Ends = now
	expectRefused(t, short, ReasonCredentialExpired)
}

func TestServiceAccount(t *testing.T) {
	for token, want := range map[string]string{
		jwt(`{"sub":"system:serviceaccount:kube-system:x"}`): "system:serviceaccount:kube-system:x",
		jwt(`{"sub":"admin"}`):                               "",
		"opaque":                                             "",
	} {
		NewWithT(t).Expect(must(Judge(parts(withToken(token)), now)).ServiceAccount()).To(Equal(want))
	}
	NewWithT(t).Expect(must(Judge(parts(nil), now)).ServiceAccount()).To(BeEmpty())
}

func TestInsecureOnlyWhereItIsAllowed(t *testing.T) {
	g := NewWithT(t)
	candidate := Candidate{Kubeconfig: file(func(cluster, _, _ map[string]any) { cluster["insecure-skip-tls-verify"] = true })}
	expectRefused(t, candidate, ReasonInsecureRefused)
	candidate.AllowInsecure = true
	kc := must(Judge(candidate, now))
	g.Expect(kc.Insecure).To(BeTrue())
	g.Expect(kc.CA).To(BeNil(), "client-go refuses both")
	g.Expect(kc.Bytes("c")).To(ContainSubstring("insecure-skip-tls-verify: true"))
	g.Expect(SameCluster(kc, must(Judge(Candidate{Kubeconfig: file(nil)}, now)))).To(BeFalse())

	renewed := must(Examine(candidate, now)).WithToken("fresh")
	g.Expect(must(Judge(renewed, now)).Insecure).To(BeTrue())
	g.Expect(must(Judge(Candidate{Kubeconfig: file(nil), AllowInsecure: true}, now)).Insecure).To(BeFalse())
}
