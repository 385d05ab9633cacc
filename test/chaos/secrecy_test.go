package chaos

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
)

var (
	privateKey = regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\w+/=\\]+-----END [A-Z ]*PRIVATE KEY-----`)
	// encoded is something in base64, such as a key in a kubeconfig.
	encoded = regexp.MustCompile(`LS0tLS1CRUdJTi[\w+/]+`)
)

// secretsIn returns the tokens and private keys in the value of a Secret. A
// state is compressed.
func secretsIn(value []byte) (found []string) {
	if plain, err := gunzip(value); err == nil {
		value = plain
	}
	for _, text := range encoded.FindAll(value, -1) {
		// What cannot be decoded is no PEM.
		plain, _ := base64.RawStdEncoding.DecodeString(string(text))
		for _, key := range privateKey.FindAll(plain, -1) {
			found = append(found, string(key))
		}
	}
	for _, key := range privateKey.FindAll(value, -1) {
		found = append(found, string(key))
	}
	for _, token := range webToken.FindAllSubmatch(value, -1) {
		if string(token[2]) != brokenSignature {
			found = append(found, string(token[0]))
		}
	}
	return found
}

func gunzip(value []byte) ([]byte, error) {
	reader, err := gzip.NewReader(bytes.NewReader(value))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(reader)
}

// chip is how many characters of a secret are enough to find it.
const chip = 24

// chips are parts of all secrets, in all the forms in which they may be shown.
type chips map[string]bool

// newChips fails if there is a secret that could not be found.
func newChips(secrets []string) (chips, error) {
	c := chips{}
	for _, secret := range secrets {
		pieces := 0
		for _, part := range secretParts(secret) {
			pieces += c.add(part)
		}
		if pieces == 0 {
			return nil, fmt.Errorf("a secret of %d characters is too short to be searched for", len(secret))
		}
	}
	return c, nil
}

// secretParts are what nobody can know who does not know the secret: the
// signature of a token, and the second half of a key, since the first is in the
// certificate as well. JSON has both as they are.
func secretParts(secret string) []string {
	if token := webToken.FindStringSubmatch(secret); token != nil {
		return []string{token[2]}
	}
	var parts []string
	for _, line := range strings.FieldsFunc(secret, func(r rune) bool { return r == '\n' || r == '\\' }) {
		if !strings.Contains(line, "-----") {
			parts = append(parts, line)
		}
	}
	return parts[len(parts)/2:]
}

// add adds pieces of a part, plain and in base64, and returns how many. A short part
// is one piece. What base64 makes of a text depends on where in what is encoded it
// stands.
func (c chips) add(part string) (pieces int) {
	piece := max(chip, min(2*chip, len(part)))
	for at := 0; at+piece <= len(part); at += piece {
		text := part[at : at+piece]
		c[text[:chip]] = true
		for before := range 3 {
			form := base64.StdEncoding.EncodeToString([]byte(strings.Repeat(" ", before) + text))
			c[form[4:4+chip]] = true
		}
		pieces++
	}
	return pieces
}

// in tells whether a secret is in the text.
func (c chips) in(text []byte) bool {
	for at := 0; at+chip <= len(text); at++ {
		if c[string(text[at:at+chip])] {
			return true
		}
	}
	return false
}

// shown lists the places, out of all logs and all objects but Secrets, that show
// a secret.
func (w *world) shown(ctx context.Context, c chips) []string {
	var places []string
	logs, err := filepath.Glob(filepath.Join(w.env.LogDir, "*"))
	w.Expect(err).NotTo(HaveOccurred())
	runLogs, err := filepath.Glob(filepath.Join(w.env.Root, "runs", "*", "run*.*"))
	w.Expect(err).NotTo(HaveOccurred())
	size := 0
	for _, path := range append(logs, runLogs...) {
		text, err := os.ReadFile(path)
		if os.IsNotExist(err) {
			continue
		}
		w.Expect(err).NotTo(HaveOccurred())
		size += len(text)
		if c.in(text) {
			places = append(places, path)
		}
	}
	objects := w.everyObject(ctx)
	for name, text := range objects {
		size += len(text)
		if c.in(text) {
			places = append(places, name)
		}
	}
	w.say("searched %d logs and %d objects, %d KiB, for %d pieces of secrets", len(logs)+len(runLogs), len(objects), size>>10, len(c))
	return places
}

// everyObject is every object of the management cluster but the Secrets.
func (w *world) everyObject(ctx context.Context) map[string][]byte {
	resources, err := discovery.NewDiscoveryClientForConfigOrDie(w.env.Config).ServerPreferredResources()
	w.Expect(err).NotTo(HaveOccurred())
	listable := discovery.FilteredBy(discovery.SupportsAllVerbs{Verbs: []string{"list"}}, resources)
	objects := map[string][]byte{}
	lister := dynamic.NewForConfigOrDie(w.env.Config)
	for _, group := range listable {
		version, err := schema.ParseGroupVersion(group.GroupVersion)
		w.Expect(err).NotTo(HaveOccurred())
		for _, resource := range group.APIResources {
			if resource.Name == "secrets" {
				continue
			}
			list, err := lister.Resource(version.WithResource(resource.Name)).List(ctx, metav1.ListOptions{})
			w.Expect(err).NotTo(HaveOccurred(), resource.Name)
			for _, item := range list.Items {
				text, err := json.Marshal(item.Object)
				w.Expect(err).NotTo(HaveOccurred())
				objects[fmt.Sprintf("%s %s/%s", resource.Kind, item.GetNamespace(), item.GetName())] = text
			}
		}
	}
	return objects
}
