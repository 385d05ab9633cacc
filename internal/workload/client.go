package workload

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/apimachinery/pkg/version"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// patience is how long one question may take.
	patience = 10 * time.Second
	// maxAnswer is how much of one answer is read, in bytes.
	maxAnswer = 1 << 20
)

var scheme = newScheme()

func newScheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	utilruntime.Must(authenticationv1.AddToScheme(scheme))
	utilruntime.Must(authorizationv1.AddToScheme(scheme))
	utilruntime.Must(corev1.AddToScheme(scheme))
	utilruntime.Must(rbacv1.AddToScheme(scheme))
	return scheme
}

// mapper knows the kinds that are needed, so that no server has to be asked.
func mapper() meta.RESTMapper {
	mapper := meta.NewDefaultRESTMapper(nil)
	mapper.Add(corev1.SchemeGroupVersion.WithKind("ServiceAccount"), meta.RESTScopeNamespace)
	mapper.Add(rbacv1.SchemeGroupVersion.WithKind("Role"), meta.RESTScopeNamespace)
	mapper.Add(rbacv1.SchemeGroupVersion.WithKind("RoleBinding"), meta.RESTScopeNamespace)
	mapper.Add(rbacv1.SchemeGroupVersion.WithKind("ClusterRoleBinding"), meta.RESTScopeRoot)
	mapper.Add(authenticationv1.SchemeGroupVersion.WithKind("SelfSubjectReview"), meta.RESTScopeRoot)
	mapper.Add(authorizationv1.SchemeGroupVersion.WithKind("SelfSubjectAccessReview"), meta.RESTScopeRoot)
	return mapper
}

// connection is a client of one API server.
type connection struct {
	client.Client
	config    *rest.Config
	discovery *discovery.DiscoveryClient
	http      *http.Client
}

// connect makes a client for a kubeconfig; nothing is sent yet. It is to be closed.
func connect(kubeconfig []byte) (*connection, error) {
	config, err := clientcmd.RESTConfigFromKubeConfig(kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("reading a kubeconfig of our own: %w", err)
	}
	return dial(config)
}

// as makes a client for the same server with a token. It is to be closed.
func (c *connection) as(token string) (*connection, error) {
	config := rest.AnonymousClientConfig(c.config)
	config.BearerToken = token
	return dial(config)
}

func dial(config *rest.Config) (c *connection, err error) {
	c = &connection{config: rest.CopyConfig(config)}
	config.Timeout = patience
	config.QPS = -1
	config.UserAgent = "capt-manager"
	// With a proxy function a transport is not kept in client-go's cache, which
	// forgets nothing: every credential would stay in it.
	config.Proxy = http.ProxyFromEnvironment
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return limited{next} })
	if c.http, err = httpClient(config); err != nil {
		return nil, err
	}
	if c.discovery, err = discovery.NewDiscoveryClientForConfigAndClient(config, c.http); err != nil {
		return nil, err
	}
	c.Client, err = client.New(config, client.Options{HTTPClient: c.http, Scheme: scheme, Mapper: mapper()})
	return c, err
}

// close ends the connections. Not by http.Client, which does not see through
// the layers of its transport.
func (c *connection) close() { utilnet.CloseIdleConnectionsFor(c.http.Transport) }

// whoAmI asks whom the server takes us for. One older than Kubernetes 1.28 cannot
// tell, but it refuses whom it does not know.
func (c *connection) whoAmI(ctx context.Context) (string, error) {
	review := &authenticationv1.SelfSubjectReview{}
	err := c.Create(ctx, review)
	if apierrors.IsNotFound(err) {
		_, err = c.may(ctx, authorizationv1.ResourceAttributes{Verb: "get", Resource: "namespaces"})
	}
	return review.Status.UserInfo.Username, err
}

// may asks whether we may do something.
func (c *connection) may(ctx context.Context, what authorizationv1.ResourceAttributes) (bool, error) {
	review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &what}}
	err := c.Create(ctx, review)
	return review.Status.Allowed, err
}

// serverVersion asks which version the server runs. Not by ServerVersion, which
// takes no ctx.
func (c *connection) serverVersion(ctx context.Context) (string, error) {
	text, err := c.discovery.RESTClient().Get().AbsPath("/version").Do(ctx).Raw()
	if err != nil {
		return "", err
	}
	var server version.Info
	if err := json.Unmarshal(text, &server); err != nil {
		return "", err
	}
	return server.GitVersion, nil
}

// httpClient is client-go's, except that it follows no redirect: the credential
// would be sent along.
func httpClient(config *rest.Config) (*http.Client, error) {
	c, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, err
	}
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return c, nil
}

// limited reads no more than maxAnswer of an answer.
type limited struct{ http.RoundTripper }

// WrappedRoundTripper is for utilnet.CloseIdleConnectionsFor.
func (l limited) WrappedRoundTripper() http.RoundTripper { return l.RoundTripper }

func (l limited) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := l.RoundTripper.RoundTrip(request)
	if err == nil {
		response.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(response.Body, maxAnswer), response.Body}
	}
	return response, err
}
