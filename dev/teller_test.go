package main

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

func newTestTeller(width int) (*teller, *bytes.Buffer) {
	out := &bytes.Buffer{}
	t := &teller{out: out, started: time.Now(), lastLine: time.Now()}
	if width > 0 {
		t.width = func() int { return width }
	}
	return t, out
}

func TestTellerInPlainLines(t *testing.T) {
	g := NewWithT(t)
	tell, out := newTestTeller(0)
	tell.say("one %d", 1)
	_, err := fmt.Fprintln(tell, "two\nthree")
	g.Expect(err).NotTo(HaveOccurred())
	tell.await("something")
	tell.tick()
	g.Expect(out.String()).To(MatchRegexp(`^ +\d+\.\d s  one 1\n +\d+\.\d s    two\n +\d+\.\d s    three\n$`))

	tell.lastLine = time.Now().Add(-heartbeat)
	tell.tick()
	tell.tick()
	g.Expect(out.String()).To(MatchRegexp(`three\n +\d+\.\d s    still waiting for something\n$`), "once for each silence")

	tell.await("")
	tell.lastLine = time.Now().Add(-heartbeat)
	tell.tick()
	g.Expect(out.String()).To(HaveSuffix("something\n"))
}

func TestTellerOnATerminal(t *testing.T) {
	const erase = "\r\x1b[K"
	g := NewWithT(t)
	tell, out := newTestTeller(30)
	tell.await("a thing that is too long for the line")
	g.Expect(out.String()).To(HavePrefix(erase))
	live := bytes.TrimPrefix(out.Bytes(), []byte(erase))
	g.Expect(live).To(MatchRegexp(`^ +\d+\.\d s  … waiting for a thi$`))
	g.Expect([]rune(string(live))).To(HaveLen(29), "the cursor needs a place, too")

	out.Reset()
	tell.say("news")
	g.Expect(out.String()).To(MatchRegexp(`^\r\x1b\[K +\d+\.\d s  news\n +\d+\.\d s  … waiting`), "the live line moves down")

	out.Reset()
	tell.await("")
	g.Expect(out.String()).To(Equal(erase))
}

func TestTellerStopsBeating(t *testing.T) {
	g := NewWithT(t)
	tell, out := newTestTeller(80)
	stop := tell.beat()
	tell.await("something")
	stop()
	g.Expect(out.String()).To(HaveSuffix("\r\x1b[K"))
}
