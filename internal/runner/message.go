package runner

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/captproject/capt/internal/tofu"
)

const (
	// maxMessage is the longest message of a result, in bytes.
	maxMessage = 1 << 10
	// maxDetail is the longest detail of one diagnostic in it.
	maxDetail = 400
	// maxDescribed is how many diagnostics a message describes.
	maxDescribed = 3
)

// summarize makes one line of the errors among diagnostics: the first few in
// full, and how many there are. Secrets are taken out before anything is cut.
func summarize(diagnostics []tofu.Diagnostic, clean func(string) string) string {
	errs := tofu.Errors(diagnostics)
	var parts []string
	for _, d := range errs[:min(len(errs), maxDescribed)] {
		parts = append(parts, describe(d, maxDetail, clean))
	}
	text := strings.Join(parts, "; ")
	if hidden := len(errs) - len(parts); hidden > 0 {
		text += fmt.Sprintf(" (%d errors in all)", len(errs))
	}
	return text
}

// describe makes one line of a diagnostic: what, why, and where.
func describe(d tofu.Diagnostic, longest int, clean func(string) string) string {
	text := oneLine(clean(d.Summary))
	if detail := oneLine(clean(d.Detail)); detail != "" {
		text += ": " + shorten(detail, longest)
	}
	var where []string
	if d.Address != "" {
		where = append(where, d.Address)
	}
	if d.Range != nil {
		where = append(where, fmt.Sprintf("%s:%d", d.Range.Filename, d.Range.Start.Line))
	}
	if len(where) > 0 {
		text += " (" + strings.Join(where, ", ") + ")"
	}
	return text
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// shorten cuts a text that is longer than so many bytes.
func shorten(text string, longest int) string {
	const dots = " …"
	if len(text) <= longest {
		return text
	}
	end := longest - len(dots)
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + dots
}
