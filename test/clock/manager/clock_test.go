package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

func TestTheClockJumpsWithTheFile(t *testing.T) {
	g := NewWithT(t)
	path := filepath.Join(t.TempDir(), "clock")
	clock := offsetClock(path)
	g.Expect(func() { clock.Now() }).To(Panic(), "there is no file")
	for _, offset := range []time.Duration{0, 12 * time.Minute, -3 * time.Hour} {
		g.Expect(os.WriteFile(path, []byte(offset.String()+"\n"), 0o600)).To(Succeed())
		g.Expect(clock.Now()).To(BeTemporally("~", time.Now().Add(offset), time.Minute))
		g.Expect(clock.Since(time.Now())).To(BeNumerically("~", offset, time.Minute))
	}
}
