package toolbox

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	. "github.com/onsi/gomega"
)

// slow works for a while of fake time, in two stages.
func slow(stage func(string)) (string, error) {
	stage("waiting")
	stage("waiting")
	<-time.After(10 * time.Second)
	stage("building")
	<-time.After(65 * time.Second)
	return "built", nil
}

func TestProgressInPlainLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewWithT(t)
		var out strings.Builder
		p := newProgress(&out, 2)
		g.Expect(p.follow("etcd", slow)).To(Succeed())
		failure := errors.New("no compiler")
		g.Expect(p.follow("tofu", func(func(string)) (string, error) { return "built", failure })).To(MatchError(failure))
		g.Expect(out.String()).To(Equal(`[1/2] etcd: waiting
[1/2] etcd: building
[1/2] etcd: building, 30s so far
[1/2] etcd: building, 1m0s so far
[1/2] etcd: built after 1m15s
[2/2] tofu: failed after 0s
`))
	})
}

func TestProgressOnATerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewWithT(t)
		var out strings.Builder
		p := newProgress(&out, 1)
		p.live, p.interval = true, liveInterval
		g.Expect(p.follow("etcd", slow)).To(Succeed())
		lines := strings.Split(out.String(), "\r\x1b[K")
		g.Expect(lines).To(ContainElements("[1/1] etcd: building, 11s so far", "[1/1] etcd: building, 12s so far"))
		g.Expect(lines).To(HaveExactElements(append(repeat(Not(ContainSubstring("\n")), len(lines)-1), Equal("[1/1] etcd: built after 1m15s\n"))...))
	})
}

func repeat(value any, times int) []any {
	values := make([]any, times)
	for i := range values {
		values[i] = value
	}
	return values
}

func TestProgressIsPlainOffATerminal(t *testing.T) {
	NewWithT(t).Expect(newProgress(io.Discard, 1).live).To(BeFalse())
}
