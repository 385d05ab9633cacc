package workspace

import (
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/engine"
	"github.com/captproject/capt/internal/tfstate"
)

const someOutputs = `{
	"vpc_id":   {"sensitive":false,"type":"string","value":"v"},
	"zones":    {"sensitive":false,"type":["list","string"],"value":["a","b"]},
	"password": {"sensitive":true,"type":"string","value":"hush-hush"}
}`

// connected is a world whose workspace writes the connection Secret `w-out`.
func connected(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, func(workspace *infrav1.WorkspaceTemplateApply) {
		workspace.Spec.Variables = map[string]string{"suffix": "out"}
	})
	w.template(func(spec *infrav1.WorkspaceTemplateSpec) {
		spec.WriteConnectionSecretToRef = &infrav1.LocalReference{Name: "w-${suffix}"}
	})
	w.upToDate(someOutputs)
	return w
}

func TestOutputsArePutWhereTheyAreWanted(t *testing.T) {
	w := connected(t)
	w.reconcile()
	w.Expect(w.workspace().Status.Outputs.Raw).To(MatchJSON(`{"vpc_id":"v","zones":["a","b"]}`), "and no secret")
	all := map[string]string{"vpc_id": "v", "zones": `["a","b"]`, "password": "hush-hush"}
	w.Expect(w.stored("w-out")).To(Equal(all))
	secret := &corev1.Secret{}
	w.Expect(env.Client.Get(t.Context(), w.key("w-out"), secret)).To(Succeed())
	w.Expect(metav1.IsControlledBy(secret, w.workspace())).To(BeTrue())
	w.Expect(secret.Labels).To(Equal(map[string]string{infrav1.WorkspaceLabel: "w", clusterv1.ClusterNameLabel: "c"}))

	secret.Data = map[string][]byte{"password": []byte("forged")}
	secret.Labels = map[string]string{"users": "own"}
	w.update(secret)
	w.reconcile()
	w.Expect(w.stored("w-out")).To(Equal(all), "it is repaired")
	w.Expect(env.Client.Get(t.Context(), w.key("w-out"), secret)).To(Succeed())
	w.Expect(secret.Labels).To(Equal(map[string]string{infrav1.WorkspaceLabel: "w", clusterv1.ClusterNameLabel: "c", "users": "own"}))

	w.delete(secret)
	w.reconcile()
	w.Expect(w.stored("w-out")).To(Equal(all), "it is made again")
}

func TestAConnectionSecretOfOthersIsNotTouched(t *testing.T) {
	w := connected(t)
	foreign := map[string]string{"their": "own"}
	w.create(w.secret("w-out", foreign))
	w.reconcile()
	w.Expect(w.conditions()).To(HaveKeyWithValue("OutputsStored", "False/ConnectionSecretNotOurs"))
	w.Expect(w.message("OutputsStored")).To(ContainSubstring("Secret w-out exists"))
	w.Expect(w.stored("w-out")).To(Equal(foreign))

	w.delete(w.workspace())
	w.engine.observation = engine.Observation{State: engine.Gone}
	w.reconcile()
	w.Expect(w.stored("w-out")).To(Equal(foreign), "nor when the workspace goes")
}

func TestTheConnectionSecretHasNoOtherPurpose(t *testing.T) {
	for _, purpose := range []string{"outputs", "reports", "state"} {
		t.Run(purpose, func(t *testing.T) {
			w := newWorld(t, nil)
			name := "w-" + purpose
			if purpose == "state" {
				name = tfstate.SecretName(tfstate.Suffix(w.namespace, "w"))
			}
			w.template(func(spec *infrav1.WorkspaceTemplateSpec) {
				spec.WriteConnectionSecretToRef = &infrav1.LocalReference{Name: name}
			})
			w.upToDate(someOutputs)
			before := w.stored(name)
			w.reconcile()
			w.Expect(w.conditions()).To(HaveKeyWithValue("OutputsStored", "False/ConnectionSecretNotOurs"))
			w.Expect(w.message("OutputsStored")).To(ContainSubstring("for another purpose"))
			w.Expect(w.stored(name)).To(Equal(before))
		})
	}
}

func TestOutputsThatCannotBeReadHaveAReason(t *testing.T) {
	w := newWorld(t, nil)
	w.template(nil)
	w.upToDate("{")
	w.reconcile()
	w.Expect(w.conditions()).To(HaveKeyWithValue("OutputsStored", "False/OutputsUnreadable"))
	w.delete(w.secret("w-outputs", nil))
	_, err := w.tryReconcile()
	w.Expect(err).To(HaveOccurred(), "it is tried again")
	w.Expect(w.conditions()).To(HaveKeyWithValue("OutputsStored", "False/OutputsNotStored"))
}

func TestOutputsAreSeenAlthoughTheInputsAreNot(t *testing.T) {
	w := newWorld(t, nil)
	w.upToDate(someOutputs)
	w.reconcile()
	w.Expect(w.conditions()).To(HaveKeyWithValue("InputsResolved", "False/TemplateNotFound"))
	w.Expect(w.conditions()).To(HaveKeyWithValue("Applied", "False/InputsNotResolved"))
	w.Expect(w.conditions()).To(HaveKeyWithValue("OutputsStored", "True/OutputsStored"))
	w.Expect(w.workspace().Status.Outputs).NotTo(BeNil())
	w.Expect(w.engine.questions()).To(BeEmpty())
}

func TestAWorkspaceIsPausedWithItsCluster(t *testing.T) {
	w := newWorld(t, nil)
	w.template(nil)
	cluster := &clusterv1.Cluster{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.workspace().Namespace, Name: "c"},
		Spec: clusterv1.ClusterSpec{
			Paused:          ptr.To(true),
			ControlPlaneRef: clusterv1.ContractVersionedObjectReference{APIGroup: "controlplane.cluster.x-k8s.io", Kind: "CAPTControlPlane", Name: "p"},
		},
	}
	w.create(cluster)
	for range 2 {
		w.reconcile()
	}
	w.Expect(w.conditions()).To(HaveKeyWithValue("Paused", "True/Paused"))
	w.Expect(w.engine.questions()).To(BeEmpty())

	cluster.Spec.Paused = nil
	w.update(cluster)
	for range 2 { // that it is not paused any more is written
		w.reconcile()
	}
	w.Expect(w.engine.questions()).To(Equal([]string{"apply"}))
}
