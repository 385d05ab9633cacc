package environment

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"golang.org/x/sync/errgroup"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/util/cert"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/hack/tools/toolbox"
)

const (
	coreName      = "cluster-api-core"
	coreNamespace = "capi-system"
)

// startCore installs all CRDs and starts Cluster API core with its webhooks.
// It is ready when a Cluster passes them.
func (e *Environment) startCore(ctx context.Context) error {
	webhooks, err := e.prepareWebhooks()
	if err != nil {
		return err
	}
	if err := e.installCRDs(ctx, webhooks); err != nil {
		return err
	}
	if err := e.Client.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: coreNamespace}}); err != nil {
		return fmt.Errorf("make the namespace of Cluster API core: %w", err)
	}
	if err := webhooks.Install(e.Config); err != nil {
		return fmt.Errorf("install the webhooks of Cluster API core: %w", err)
	}
	kubeconfig, err := e.coreKubeconfig()
	if err != nil {
		return err
	}
	cmd := exec.Command(e.Programs.Path(toolbox.ClusterAPICore),
		"--kubeconfig="+kubeconfig,
		"--webhook-cert-dir="+e.path("webhook"),
		fmt.Sprintf("--webhook-port=%d", webhooks.LocalServingPort),
		"--health-addr=0",
		"--diagnostics-address=127.0.0.1:0", "--insecure-diagnostics",
		"--feature-gates=ClusterTopology=true,MachinePool=true")
	cmd.Env = e.variables("POD_NAMESPACE=" + coreNamespace)
	if e.core, err = startProcess(cmd, e.LogDir, coreName); err != nil {
		return err
	}
	go e.watch(e.core)
	return e.core.waitReady(ctx, e.admitsCluster)
}

// coreKubeconfig makes the user of Cluster API core, who may do everything, and
// returns the path of its kubeconfig.
func (e *Environment) coreKubeconfig() (string, error) {
	user, err := e.plane.AddUser(envtest.User{Name: coreName, Groups: []string{"system:masters"}}, nil)
	if err != nil {
		return "", fmt.Errorf("make the user of Cluster API core: %w", err)
	}
	path := e.path(coreName + ".kubeconfig")
	return path, writeKubeconfig(user, path)
}

// admitsCluster tries to make a Cluster without making it.
func (e *Environment) admitsCluster(ctx context.Context) error {
	cluster := &clusterv1.Cluster{
		ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceDefault, Name: "probe"},
		Spec: clusterv1.ClusterSpec{InfrastructureRef: clusterv1.ContractVersionedObjectReference{
			APIGroup: infrav1.GroupVersion.Group, Kind: "CAPTCluster", Name: "probe",
		}},
	}
	return e.Client.Create(ctx, cluster, client.DryRunAll)
}

// prepareWebhooks makes a serving certificate below the root directory (the
// helpers of envtest put it elsewhere) and reads the manifests.
func (e *Environment) prepareWebhooks() (envtest.WebhookInstallOptions, error) {
	const host = "127.0.0.1"
	none := envtest.WebhookInstallOptions{}
	certificate, key, err := cert.GenerateSelfSignedCertKey(host, nil, nil)
	if err != nil {
		return none, fmt.Errorf("make a certificate for webhooks: %w", err)
	}
	for name, content := range map[string][]byte{"tls.crt": certificate, "tls.key": key} {
		if err := os.WriteFile(e.path("webhook", name), content, 0o600); err != nil {
			return none, fmt.Errorf("write a certificate for webhooks: %w", err)
		}
	}
	port, err := freePort()
	if err != nil {
		return none, err
	}
	options := envtest.WebhookInstallOptions{
		LocalServingHost: host, LocalServingPort: port, LocalServingCAData: certificate,
		// Their Go types tell nothing of their conversions.
		IgnoreSchemeConvertible: true,
	}
	objects, err := readManifests(e.Programs.ClusterAPIWebhooks)
	if err != nil {
		return none, err
	}
	for _, object := range objects {
		switch object := object.(type) {
		case *admissionv1.MutatingWebhookConfiguration:
			options.MutatingWebhooks = append(options.MutatingWebhooks, object)
		case *admissionv1.ValidatingWebhookConfiguration:
			options.ValidatingWebhooks = append(options.ValidatingWebhooks, object)
		}
	}
	if err := options.ModifyWebhookDefinitions(); err != nil {
		return none, fmt.Errorf("point the webhooks to this machine: %w", err)
	}
	return options, nil
}

// installCRDs installs the CRDs of Cluster API, with conversion by its
// webhooks, and ours, which have one version.
func (e *Environment) installCRDs(ctx context.Context, webhooks envtest.WebhookInstallOptions) error {
	touched, ctx := errgroup.WithContext(ctx)
	for _, options := range []envtest.CRDInstallOptions{
		{Paths: []string{e.Programs.ClusterAPICRDs}, WebhookOptions: webhooks, ErrorIfPathMissing: true},
		{Paths: []string{filepath.Join(e.Programs.checkout, "config", "crd", "bases")}, ErrorIfPathMissing: true},
	} {
		crds, err := envtest.InstallCRDs(e.Config, options)
		if err != nil {
			return fmt.Errorf("install the CRDs of %s: %w", options.Paths[0], err)
		}
		for _, crd := range crds {
			touched.Go(func() error { return e.touch(ctx, crd) })
		}
	}
	return touched.Wait()
}

// touch lists a kind once. kube-apiserver sets up the storage of a kind at the
// first request, and makes watches that come meanwhile wait for a second or
// two; without this, the first Cluster would be seconds slower than others.
func (e *Environment) touch(ctx context.Context, crd *apiextensionsv1.CustomResourceDefinition) error {
	for _, version := range crd.Spec.Versions {
		if !version.Storage {
			continue
		}
		list := &metav1.PartialObjectMetadataList{}
		list.SetGroupVersionKind(schema.GroupVersionKind{
			Group: crd.Spec.Group, Version: version.Name, Kind: crd.Spec.Names.ListKind,
		})
		if err := e.Client.List(ctx, list); err != nil {
			return fmt.Errorf("list all %s: %w", crd.Name, err)
		}
	}
	return nil
}

// readManifests reads the objects of a YAML file; all must be of known kinds.
func readManifests(path string) ([]runtime.Object, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read manifests: %w", err)
	}
	decoder := serializer.NewCodecFactory(Scheme()).UniversalDeserializer()
	documents := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(content)))
	var objects []runtime.Object
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
		if len(bytes.TrimSpace(document)) == 0 {
			continue
		}
		object, _, err := decoder.Decode(document, nil, nil)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
		objects = append(objects, object)
	}
}
