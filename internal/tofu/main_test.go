package tofu

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

// fakeVariable makes this test binary behave as a CLI that does odd things.
const fakeVariable = "CAPT_FAKE_TOFU"

func TestMain(m *testing.M) {
	if behaviour := os.Getenv(fakeVariable); behaviour != "" {
		os.Exit(fake(behaviour))
	}
	os.Exit(m.Run())
}

func fake(behaviour string) int {
	interrupts := make(chan os.Signal, 8)
	signal.Notify(interrupts, syscall.SIGINT)
	switch behaviour {
	case "env":
		fmt.Printf("{%q:%q}\n", "@message", strings.Join(os.Environ(), "\n"))
	case "garbage":
		fmt.Println("not JSON at all")
		fmt.Println(`{"@message":"` + strings.Repeat("x", 2*maxLine) + `"}`)
		fmt.Println(`{"type":"outputs","@message":"Outputs: 1","outputs":{"x":{"value":"hidden"}}}`)
		fmt.Print(`{"@message":"no line feed"}`)
	case "plan", "lost":
		fmt.Println(`{"type":"planned_change","change":{"resource":{"addr":"a.b"},"action":"create"}}`)
		padding := 0
		if behaviour == "lost" {
			padding = maxLine
		}
		fmt.Println(`{"type":"planned_change","change":{"resource":{"addr":"a.c"},"action":"delete"},"x":"` + strings.Repeat("x", padding) + `"}`)
		fmt.Println(`{"type":"change_summary","changes":{"add":1,"change":0,"import":0,"remove":1,"forget":0,"operation":"plan"}}`)
		return 2
	case "stderr":
		fmt.Fprint(os.Stderr, strings.Repeat("x", 2*maxStderr)+"the end")
		return 3
	case "interrupt":
		fmt.Println(`{"@message":"ready"}`)
		<-interrupts
		fmt.Println(`{"@message":"interrupted"}`)
		return 1
	case "stubborn":
		fmt.Println(`{"@message":"ready"}`)
		select {}
	case "parent":
		self, _ := os.Executable()
		cli := CLI{Path: self, Dir: ".", Env: []string{fakeVariable + "=orphan"}, Grace: time.Hour}
		_ = cli.Apply(context.Background(), ApplyOptions{})
	case "orphan":
		_ = os.WriteFile("started", nil, 0o600)
		for tick := range time.Tick(10 * time.Millisecond) {
			fmt.Println(`{"@message":"what nobody reads"}`, tick)
			if _, err := os.Stat("finish"); err == nil {
				break
			}
		}
		_ = os.WriteFile("errored.tfstate", fmt.Append(nil, len(interrupts), " interrupts"), 0o600)
	case "session":
		fmt.Printf("{\"@message\":\"%v\"}\n", ownSession())
	}
	return 0
}

func ownSession() bool {
	pgid, err := syscall.Getpgid(0)
	return err == nil && pgid == os.Getpid()
}

// fakeCLI is a CLI which behaves so, and the texts of the messages it sent.
func fakeCLI(t *testing.T, behaviour string) (CLI, *[]string) {
	t.Helper()
	g := NewWithT(t)
	self, err := os.Executable()
	g.Expect(err).NotTo(HaveOccurred())
	var texts []string
	return CLI{
		Path: self, Dir: t.TempDir(), Env: []string{fakeVariable + "=" + behaviour},
		Follow: func(m Message) { texts = append(texts, m.Text) },
	}, &texts
}

func lines(all ...string) []byte {
	var b bytes.Buffer
	for _, l := range all {
		b.WriteString(l + "\n")
	}
	return b.Bytes()
}
