package envtest

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	controlplanev1 "github.com/captproject/capt/api/controlplane/v1beta1"
	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
)

// Environment is a running API server.
type Environment struct {
	// Config is that of an administrator, without a limit of requests.
	Config *rest.Config
	// Kubeconfig is the same as the content of a file.
	Kubeconfig []byte
	// Scheme holds the kinds of Kubernetes, Cluster API and CAPT.
	Scheme *runtime.Scheme
	// Client reads and writes past all caches, and has unknown fields refused.
	Client client.Client
}

// Run starts an API server, fills env, runs the tests, and stops the server. It
// returns the exit code of the tests; 1 if the server does not start. flags are
// further ones of kube-apiserver, such as "v=2".
//
//	var env envtest.Environment
//
//	func TestMain(m *testing.M) { os.Exit(envtest.Run(m, &env)) }
func Run(m *testing.M, env *Environment, flags ...string) int {
	if os.Getenv(serverVariable) != "" {
		return report("serve", serve(os.Stdin, os.Stdout, flags))
	}
	server, err := startServer()
	if err != nil {
		return report("start", err)
	}
	defer server.stop()
	if *env, err = connect(server.kubeconfig); err != nil {
		return report("connect to", err)
	}
	return m.Run()
}

func report(doing string, err error) int {
	if err == nil {
		return 0
	}
	fmt.Fprintf(os.Stderr, "envtest: %s the API server: %v\n", doing, err)
	return 1
}

func connect(kubeconfig []byte) (Environment, error) {
	config, err := clientcmd.RESTConfigFromKubeConfig(kubeconfig)
	if err != nil {
		return Environment{}, err
	}
	config.QPS = -1
	scheme, err := newScheme()
	if err != nil {
		return Environment{}, err
	}
	direct, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		return Environment{}, err
	}
	strict := client.WithFieldValidation(direct, metav1.FieldValidationStrict)
	return Environment{Config: config, Kubeconfig: bytes.Clone(kubeconfig), Scheme: scheme, Client: strict}, nil
}

func newScheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		clientgoscheme.AddToScheme, apiextensionsv1.AddToScheme, clusterv1.AddToScheme,
		infrav1.AddToScheme, controlplanev1.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			return nil, fmt.Errorf("make the scheme: %w", err)
		}
	}
	return scheme, nil
}

// Namespace makes a namespace for one test and returns its name.
func (e *Environment) Namespace(t testing.TB) string {
	t.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"}}
	NewWithT(t).Expect(e.Client.Create(context.Background(), namespace)).To(Succeed())
	return namespace.Name
}
