// Command probe runs in pods of the tests. With its ServiceAccount it asks the
// API server who it is, and writes the answer to the pod's termination log. With
// the argument "wait" it then waits until it is told to end.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := probe(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if slices.Contains(os.Args[1:], "wait") {
		<-ctx.Done()
	}
}

func probe(ctx context.Context) error {
	config, err := rest.InClusterConfig()
	if err != nil {
		return fmt.Errorf("find the API server: %w", err)
	}
	api, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	review := &authenticationv1.SelfSubjectReview{}
	if review, err = api.AuthenticationV1().SelfSubjectReviews().Create(ctx, review, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("ask who I am: %w", err)
	}
	fmt.Println("I am", review.Status.UserInfo.Username)
	return os.WriteFile(corev1.TerminationMessagePathDefault, []byte(review.Status.UserInfo.Username), 0o600)
}
