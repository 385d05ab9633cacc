package runner

import (
	"encoding/base64"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"
)

const (
	// minSecret is the shortest value that is taken out. Shorter ones ("true",
	// "eu", "80") are part of every other text.
	minSecret = 6
	// minToken is the shortest word of a secret that is a secret by itself:
	// lines of a key, values in a file of credentials.
	minToken = 24

	redacted = "[redacted]"
)

var (
	// privateKey is a PEM block, even one that is cut off or has its line feeds
	// escaped.
	privateKey = regexp.MustCompile(`(?s)-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(-----END [A-Z0-9 ]*PRIVATE KEY-----|$)`)
	// token is a JSON web token.
	token = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{5,}\.eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]*`)
	// userInfo is what a module's address may log in with.
	userInfo = regexp.MustCompile(`://[^/@\s"]+@`)
	// query is a parameter of an address. Those that say which version of a module
	// is wanted are no secrets.
	query = regexp.MustCompile(`([?&]([A-Za-z0-9_.~-]+)=)[^&\s"']+`)
)

// redactor takes secrets out of texts. It may be used by several goroutines.
type redactor struct {
	mu       sync.Mutex
	forms    map[string]bool
	replacer *strings.Replacer
}

func newRedactor() *redactor {
	return &redactor{forms: map[string]bool{}, replacer: strings.NewReplacer()}
}

// add makes values secret.
func (r *redactor) add(values ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	known := len(r.forms)
	for _, value := range values {
		for _, form := range formsOf(value) {
			r.forms[form] = true
		}
	}
	if len(r.forms) == known {
		return
	}
	forms := make([]string, 0, len(r.forms))
	for form := range r.forms {
		forms = append(forms, form)
	}
	// The longest first: a secret may begin with another.
	slices.SortFunc(forms, func(a, b string) int { return len(b) - len(a) })
	pairs := make([]string, 0, 2*len(forms))
	for _, form := range forms {
		pairs = append(pairs, form, redacted)
	}
	r.replacer = strings.NewReplacer(pairs...)
}

// clean returns the text without secrets.
func (r *redactor) clean(text string) string {
	r.mu.Lock()
	replacer := r.replacer
	r.mu.Unlock()
	text = replacer.Replace(text)
	text = privateKey.ReplaceAllString(text, redacted)
	text = token.ReplaceAllString(text, redacted)
	text = query.ReplaceAllStringFunc(text, cleanParameter)
	return userInfo.ReplaceAllString(text, "://"+redacted+"@")
}

// publicParameters are those of a module's address that are no secrets.
var publicParameters = []string{"ref", "depth", "version", "archive", "checksum"}

func cleanParameter(text string) string {
	parts := query.FindStringSubmatch(text)
	if slices.Contains(publicParameters, parts[2]) {
		return text
	}
	return parts[1] + redacted
}

// formsOf are the texts as which a value may show up.
func formsOf(value string) []string {
	var forms []string
	value = strings.TrimSpace(value)
	if len(value) >= minSecret {
		forms = append(forms, value, escaped(value), base64.StdEncoding.EncodeToString([]byte(value)))
	}
	for _, word := range strings.FieldsFunc(value, notInWord) {
		if len(word) >= minToken {
			forms = append(forms, word)
		}
	}
	return forms
}

// notInWord separates words: what is neither in base64 nor in an identifier.
func notInWord(c rune) bool {
	return !unicode.IsLetter(c) && !unicode.IsDigit(c) && !strings.ContainsRune("+/_-", c)
}

// escaped is a value within a JSON or HCL string.
func escaped(value string) string {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(value)
	quoted := strings.TrimSpace(b.String())
	return quoted[1 : len(quoted)-1]
}
