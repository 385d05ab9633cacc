package inputs

import (
	"testing"

	. "github.com/onsi/gomega"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
)

func TestFiles(t *testing.T) {
	g := NewWithT(t)
	given := newGiven(func(s spec) {
		s.Files = []infrav1.File{
			{Path: "z.pem", SecretKeyRef: secretKey("keys", "z")},
			{Path: "creds/binary", SecretKeyRef: secretKey("keys", "binary")},
			{Path: "creds/open.json", ConfigMapKeyRef: secretKey("settings", "open")},
		}
	})
	given.world = world{"Secret/keys/z": "hidden-z", "Secret/keys/binary": "\x00\xff", "ConfigMap/settings/open": "shown-open"}
	in := given.render(t)
	g.Expect(in.Files).To(Equal([]File{
		{Path: "creds/binary", Content: []byte("\x00\xff")},
		{Path: "creds/open.json", Content: []byte("shown-open")},
		{Path: "z.pem", Content: []byte("hidden-z")},
	}))
	g.Expect(in.Secrets).To(Equal([]string{"hidden-z"}))

	encoded, err := in.Encode()
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(Decode(encoded)).To(Equal(in))
}

func TestFilePaths(t *testing.T) {
	const outside, own = "is not a plain relative path", "is a file of OpenTofu or CAPT"
	for path, problem := range map[string]string{
		"a":                            "",
		"a/b.tf":                       "",
		"..a/...":                      "",
		"sub/main.tf":                  "",
		"main.txt":                     "",
		"extra.auto.tfvars":            "",
		"":                             outside,
		".":                            outside,
		"..":                           outside,
		"../a":                         outside,
		"a/../../b":                    outside,
		"a/../b":                       outside,
		"./a":                          outside,
		"a//b":                         outside,
		"a/":                           outside,
		"/etc/passwd":                  outside,
		".terraform/x":                 own,
		"sub/.terraform/x":             own,
		".terraform.lock.hcl":          own,
		"terraform.tfstate":            own,
		"errored.tfstate":              own,
		"terraform.tfstate.backup":     own,
		"~capt_override.tofu":          own,
		"~capt-variables.auto.tfvars":  own,
		"capt-configuration.tf":        own,
		"capt-configuration.tofu.json": own,
		"main.tf":                      "would take the place of the inline module",
		"main.tofu":                    "would take the place of the inline module",
		"main.tf.json":                 "would take the place of the inline module",
		"folder":                       "is also the folder of folder/x",
	} {
		t.Run(path, func(t *testing.T) {
			g := NewWithT(t)
			given := newGiven(func(s spec) {
				s.Files = []infrav1.File{
					{Path: path, SecretKeyRef: secretKey("s", "k")},
					{Path: "folder/x", SecretKeyRef: secretKey("s", "k")},
				}
			})
			given.world = world{"Secret/s/k": "x"}
			if problem == "" {
				given.render(t)
				return
			}
			err := given.refused(t)
			g.Expect(err.Reason()).To(Equal(ReasonFilePathInvalid))
			g.Expect(err.Error()).To(And(HavePrefix("files["+path+"] of WorkspaceTemplate vpc "+problem), HaveSuffix("; choose another path")))
		})
	}
}

func TestFilesOfARemoteModule(t *testing.T) {
	g := NewWithT(t)
	given := newGiven(func(s spec) {
		s.Source = infrav1.ModuleSourceRemote
		s.Files = []infrav1.File{{Path: "main.tf", SecretKeyRef: secretKey("s", "k")}}
	})
	given.world = world{"Secret/s/k": "x"}
	g.Expect(given.render(t).Files).To(HaveLen(1))
}
