package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

const poolModule = `
provider "localkube" {
  alias      = "inside"
  kubeconfig = localkube_cluster.this["a"].kubeconfig
}

variable "pool" {
  type    = map(string)
  default = {}
}

variable "labels" {
  type    = map(string)
  default = null
}

resource "localkube_node_pool" "this" {
  provider           = localkube.inside
  count              = length(var.pool) > 0 ? 1 : 0
  cluster            = "a"
  name               = "workers"
  replicas           = lookup(var.pool, "replicas", null)
  kubernetes_version = var.pool.version
  labels             = var.labels
}

output "pool" {
  value = one(localkube_node_pool.this)
}
`

// pool are the arguments that set the pool.
func pool(pairs ...string) []string {
	return []string{"-auto-approve", "-var", "pool={" + strings.Join(pairs, ",") + "}"}
}

func TestLifeOfAPool(t *testing.T) {
	w := newWorkspace(t)
	w.write("pool.tf", poolModule)
	w.mustTofu(append([]string{"apply"}, pool(`version="v1.36.3"`, `replicas=2`)...)...)
	first := w.nodes()
	w.Expect(first).To(HaveLen(2))
	for number, node := range first {
		w.Expect(node.Metadata.Name).To(Equal(fmt.Sprintf("workers-%d", number)))
		w.Expect(node.Spec.ProviderID).To(Equal(fmt.Sprintf("localkube://a/workers/%d", number)))
		w.Expect(node.Status.NodeInfo.KubeletVersion).To(Equal("v1.36.3"))
		w.Expect(node.Status.Conditions).To(ContainElement(And(HaveField("Type", "Ready"), HaveField("Status", "True"))))
	}
	w.Expect(w.providerIDs()).To(Equal([]string{"localkube://a/workers/0", "localkube://a/workers/1"}))
	output, code := w.tofu(append([]string{"plan", "-detailed-exitcode"}, pool(`version="v1.36.3"`, `replicas=2`)[1:]...)...)
	w.Expect(code).To(BeZero(), output)

	w.mustTofu(append([]string{"apply"}, pool(`version="v1.36.3"`, `replicas=3`)...)...)
	w.Expect(w.nodes()[:2]).To(Equal(first), "those that there are stay")
	w.Expect(w.providerIDs()).To(HaveLen(3))

	w.mustTofu(append([]string{"apply"}, pool(`version="v1.37.0"`, `replicas=1`)...)...)
	rolled := w.nodes()
	w.Expect(rolled).To(HaveLen(1))
	w.Expect(rolled[0].Metadata.UID).NotTo(Equal(first[0].Metadata.UID), "another machine")
	w.Expect(rolled[0].Status.NodeInfo.KubeletVersion).To(Equal("v1.37.0"))

	w.mustTofu("apply", "-auto-approve")
	w.Expect(w.nodes()).To(BeEmpty())
}

func TestLabelsOfAPool(t *testing.T) {
	w := newWorkspace(t)
	w.write("pool.tf", poolModule)
	labelled := func(team string, arguments []string) []string {
		return append(arguments, "-var", `labels={team="`+team+`"}`)
	}
	w.mustTofu(append([]string{"apply"}, labelled("a", pool(`version="v1.36.3"`))...)...)
	w.Expect(w.nodes()[0].Metadata.Labels).To(Equal(map[string]string{"team": "a", "localkube.captproject.io/pool": "workers"}))
	output, code := w.tofu(append([]string{"plan", "-detailed-exitcode"}, labelled("a", pool(`version="v1.36.3"`)[1:])...)...)
	w.Expect(code).To(BeZero(), output)

	w.mustTofu(append([]string{"apply"}, labelled("b", pool(`version="v1.36.3"`))...)...)
	w.Expect(w.nodes()).To(ConsistOf(HaveField("Metadata.Labels", HaveKeyWithValue("team", "b"))))
}

func TestAPoolFindsWhatOthersDid(t *testing.T) {
	w := newWorkspace(t)
	w.write("pool.tf", poolModule)
	counted, uncounted := pool(`version="v1.36.3"`, `replicas=2`), pool(`version="v1.36.3"`)
	w.mustTofu(append([]string{"apply"}, counted...)...)
	made := w.outputs("a")
	response := w.request(http.MethodDelete, made, nil, made.Token, "/api/v1/nodes/workers-0")
	w.Expect(response.Body.Close()).To(Succeed())
	w.Expect(response.StatusCode).To(Equal(http.StatusOK))

	w.mustTofu(append([]string{"apply"}, uncounted...)...)
	w.Expect(w.providerIDs()).To(Equal([]string{"localkube://a/workers/1"}), "as many as there are")
	output, code := w.tofu(append([]string{"plan", "-detailed-exitcode"}, counted[1:]...)...)
	w.Expect(code).To(Equal(2), output)
	w.mustTofu(append([]string{"apply"}, counted...)...)
	w.Expect(w.nodes()).To(HaveLen(2))
}

func TestAPoolNeedsAKubeconfig(t *testing.T) {
	w := newWorkspace(t)
	w.write("pool.tf", strings.Replace(poolModule, `localkube_cluster.this["a"].kubeconfig`, "null", 1))
	output, code := w.tofu(append([]string{"apply"}, pool(`version="v1.36.3"`)...)...)
	w.Expect(code).NotTo(BeZero())
	w.Expect(output).To(ContainSubstring("setting kubeconfig is missing"))
}

// node is a Node as the API server has it.
type node struct {
	Metadata struct {
		Name, UID string
		Labels    map[string]string
	}
	Spec   struct{ ProviderID string }
	Status struct {
		Conditions []struct{ Type, Status string }
		NodeInfo   struct{ KubeletVersion string }
	}
}

func (w *workspace) nodes() []node {
	w.t.Helper()
	made := w.outputs("a")
	var list struct{ Items []node }
	w.Expect(json.Unmarshal([]byte(w.get(made, nil, made.Token, "/api/v1/nodes")), &list)).To(Succeed())
	return list.Items
}

func (w *workspace) providerIDs() []string {
	w.t.Helper()
	var output struct {
		ProviderIDList []string `json:"provider_id_list"`
	}
	w.Expect(json.Unmarshal([]byte(w.mustTofu("output", "-json", "pool")), &output)).To(Succeed())
	return output.ProviderIDList
}
