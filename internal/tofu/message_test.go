package tofu

import (
	"testing"

	. "github.com/onsi/gomega"
)

func TestParseMessage(t *testing.T) {
	for _, tc := range []struct {
		name string
		line string
		want Message
		bad  bool
	}{{
		name: "a remark",
		line: `{"@level":"info","@message":"Initializing the backend..."}`,
		want: Message{Text: "Initializing the backend..."},
	}, {
		name: "a diagnostic",
		line: `{"@level":"error","@message":"Error: X","type":"diagnostic","diagnostic":{"severity":"error","summary":"X","detail":"why","address":"a.b","range":{"filename":"main.tf","start":{"line":3,"column":1,"byte":9}}}}`,
		want: Message{Type: TypeDiagnostic, Text: "Error: X", Diagnostic: &Diagnostic{
			Severity: SeverityError, Summary: "X", Detail: "why", Address: "a.b",
			Range: &Range{Filename: "main.tf", Start: Position{Line: 3}},
		}},
	}, {
		name: "a summary",
		line: `{"@message":"Plan: 1","type":"change_summary","changes":{"add":1,"change":2,"import":0,"remove":3,"operation":"plan"}}`,
		want: Message{Type: TypeChangeSummary, Text: "Plan: 1", Changes: &ChangeSummary{Add: 1, Change: 2, Remove: 3, Operation: "plan"}},
	}, {
		name: "a planned change",
		line: `{"@message":"a.b: Plan to replace","type":"planned_change","change":{"resource":{"addr":"a.b"},"action":"replace","reason":"tainted"}}`,
		want: Message{Type: TypePlannedChange, Text: "a.b: Plan to replace", Change: &ResourceChange{
			Resource: Resource{Addr: "a.b"}, Action: ActionReplace, Reason: "tainted",
		}},
	}, {
		name: "a state on the loose",
		line: `{"@message":"Emergency state dump","type":"log","state":{"version":4}}`,
		want: Message{Type: "log", Text: "Emergency state dump"},
	}, {
		name: "no JSON",
		line: `panic: runtime error`,
		bad:  true,
	}} {
		t.Run(tc.name, func(t *testing.T) {
			g := NewWithT(t)
			got, ok := parseMessage([]byte(tc.line))
			g.Expect(ok).To(Equal(!tc.bad))
			g.Expect(got).To(Equal(tc.want))
		})
	}
}

func TestErrorsAreSortedAndOnlyErrors(t *testing.T) {
	g := NewWithT(t)
	at := func(file string, line int) *Range { return &Range{Filename: file, Start: Position{Line: line}} }
	second := Diagnostic{Severity: SeverityError, Summary: "second", Range: at("a.tf", 9)}
	third := Diagnostic{Severity: SeverityError, Summary: "third", Range: at("b.tf", 1)}
	first := Diagnostic{Severity: SeverityError, Summary: "first"}
	warning := Diagnostic{Severity: SeverityWarning, Summary: "warning"}
	g.Expect(Errors([]Diagnostic{third, warning, second, first})).To(Equal([]Diagnostic{first, second, third}))
}

func TestCaptureGivesEachLineOnce(t *testing.T) {
	g := NewWithT(t)
	c, err := newCapture("test")
	g.Expect(err).NotTo(HaveOccurred())
	defer c.close()
	var got []string
	read := func() { g.Expect(c.lines(func(l []byte) { got = append(got, string(l)) })).To(Succeed()) }

	_, _ = c.file.Write(append(lines("one", "two"), "thr"...))
	read()
	g.Expect(got).To(Equal([]string{"one", "two"}))
	_, _ = c.file.Write(lines("ee", "", "four"))
	read()
	read()
	g.Expect(got).To(Equal([]string{"one", "two", "three", "four"}))
}
