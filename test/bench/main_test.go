package main

import (
	"flag"
	"testing"

	. "github.com/onsi/gomega"
)

func TestFlags(t *testing.T) {
	g := NewWithT(t)
	g.Expect(parse(nil)).To(Equal(options{rounds: 5, only: measurements}))
	g.Expect(parse([]string{"--rounds", "2", "--only", "rest,localkube"})).
		To(Equal(options{rounds: 2, only: []string{rest, localkube}}))
	_, err := parse([]string{"--help"})
	g.Expect(err).To(MatchError(flag.ErrHelp))
}

func TestWrongFlags(t *testing.T) {
	for name, args := range map[string][]string{
		"no rounds":           {"--rounds", "0"},
		"nothing to measure":  {"--only", ""},
		"unknown measurement": {"--only", "rest,sleep"},
		"unknown flag":        {"--fast"},
		"something after it":  {"rest"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parse(args)
			NewWithT(t).Expect(err).To(MatchError(errUsage))
		})
	}
}
