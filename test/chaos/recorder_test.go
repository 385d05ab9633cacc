package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	controlplanev1 "github.com/captproject/capt/api/controlplane/v1beta1"
	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
)

// record keeps every version of what CAPT tells in a file among the logs, and so
// has it searched with them: a condition is overwritten and a run is pruned long
// before the end.
func (w *world) record(ctx context.Context) {
	w.Helper()
	file, err := os.Create(w.versions())
	w.Expect(err).NotTo(HaveOccurred())
	w.Cleanup(func() { w.Expect(file.Close()).To(Succeed()) })
	for _, list := range []client.ObjectList{
		&controlplanev1.CAPTControlPlaneList{}, &infrav1.WorkspaceTemplateApplyList{}, &infrav1.WorkspaceRunList{}, &corev1.EventList{},
	} {
		watched, err := w.client.Watch(ctx, list, client.InNamespace(namespace))
		w.Expect(err).NotTo(HaveOccurred())
		w.inBackground(ctx, func(ctx context.Context) error {
			defer watched.Stop()
			return eachVersion(ctx, watched.ResultChan(), writeTo(file))
		})
	}
}

func (w *world) versions() string { return filepath.Join(w.env.LogDir, "versions.json") }

// expectVersions fails if nothing was kept of a control plane.
func (w *world) expectVersions() {
	w.Helper()
	kept, err := os.ReadFile(w.versions())
	w.Expect(err).NotTo(HaveOccurred())
	for _, p := range w.planes {
		w.Expect(bytes.Contains(kept, []byte(`"name":"`+p.name+`"`))).To(BeTrue(), "versions of %s", p.name)
	}
	w.say("kept %d versions", bytes.Count(kept, []byte("\n")))
}

// writeTo writes each version as a line of JSON.
func writeTo(file io.Writer) func(context.Context, watch.EventType, client.Object) error {
	encoder := json.NewEncoder(file)
	return func(_ context.Context, _ watch.EventType, version client.Object) error {
		version.SetManagedFields(nil)
		return encoder.Encode(version)
	}
}
