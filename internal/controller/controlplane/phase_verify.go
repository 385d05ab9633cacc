package controlplane

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/version"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/utils/ptr"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	"github.com/captproject/capt/internal/phase"
)

// Reasons of the condition Connected.
const (
	// ReasonServerUnreachable: the API server did not answer. It is asked again.
	ReasonServerUnreachable = "ServerUnreachable"
	// ReasonCredentialRefused: the API server does not know the credential. It
	// is asked again; an apply that makes a new credential mends it.
	ReasonCredentialRefused = "CredentialRefused"
)

const (
	// verifyTimeout is how long an API server may take to answer: a hanging one
	// must not hold up other clusters.
	verifyTimeout = 5 * time.Second
	// verifyAgain is when an API server that did not answer is asked again.
	verifyAgain = 10 * time.Second
)

// Answer is what an API server said.
type Answer struct {
	// User is who it takes us for.
	User string
	// Version is the version it runs.
	Version string
}

// verify tries the published kubeconfig. It holds nothing back: Cluster API is
// told that the control plane is initialized at the first success, and stays so.
func (r *Reconciler) verify(ctx context.Context, s *scope) phase.Outcome {
	value, err := s.kubeconfig.Bytes(s.cluster.Name)
	if err != nil {
		return phase.Fail(ReasonPublishFailed, err)
	}
	ctx, cancel := context.WithTimeout(ctx, verifyTimeout)
	defer cancel()
	s.answer, err = r.Connect(ctx, value)
	switch {
	case err == nil:
		s.plane.Status.Initialization.ControlPlaneInitialized = ptr.To(true)
		return phase.Done()
	case apierrors.IsUnauthorized(err):
		return phase.FailFor(ReasonCredentialRefused,
			errors.New("the API server refuses the published credential; apply the module again so that it makes a new one"), verifyAgain)
	}
	// The error of a dial holds a port that differs each time: it is not shown.
	return phase.FailFor(ReasonServerUnreachable,
		fmt.Errorf("the API server at %s does not answer, or not as it should; see that it runs and can be reached from here", s.kubeconfig.Server), verifyAgain)
}

// reportVersion tells which version runs: the module's word, or the server's.
func (r *Reconciler) reportVersion(_ context.Context, s *scope) phase.Outcome {
	version := s.outputs.KubernetesVersion
	if version == "" {
		version = s.answer.Version
	}
	if !strings.HasPrefix(version, "v") {
		version = "v" + version
	}
	s.plane.Status.Version = version
	s.plane.Status.Versions = []clusterv1.StatusVersion{{Version: version}}
	return phase.Done()
}

// Connect asks the API server of a kubeconfig who we are (SelfSubjectReview)
// and which version it is.
func Connect(ctx context.Context, kubeconfig []byte) (Answer, error) {
	config, err := clientcmd.RESTConfigFromKubeConfig(kubeconfig)
	if err != nil {
		return Answer{}, err
	}
	config.Timeout = verifyTimeout
	clientset, err := kubernetes.NewForConfig(config)
	if err != nil {
		return Answer{}, err
	}
	review, err := clientset.AuthenticationV1().SelfSubjectReviews().Create(ctx, &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	if err != nil {
		return Answer{}, err
	}
	answer := Answer{User: review.Status.UserInfo.Username}
	// Not by Discovery().ServerVersion, which takes no ctx.
	text, err := clientset.Discovery().RESTClient().Get().AbsPath("/version").Do(ctx).Raw()
	if err != nil {
		return Answer{}, err
	}
	var server version.Info
	if err := json.Unmarshal(text, &server); err != nil {
		return Answer{}, fmt.Errorf("reading the version of the API server: %w", err)
	}
	answer.Version = server.GitVersion
	return answer, nil
}
