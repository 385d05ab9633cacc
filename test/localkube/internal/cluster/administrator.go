package cluster

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/captproject/capt/test/localkube/internal/pki"
	"github.com/captproject/capt/test/localkube/internal/rest"
)

// The service account whose tokens are handed out, and its binding to cluster-admin.
const (
	administratorNamespace = "kube-system"
	administratorName      = "localkube-administrator"
)

type object map[string]any

// createAdministrator makes the service account and its binding, and returns the account's UID. The API server makes
// its namespaces only after it has become ready, so this waits for the namespace.
func createAdministrator(ctx context.Context, c rest.Client) (uid string, err error) {
	var account struct {
		Metadata struct {
			UID string `json:"uid"`
		} `json:"metadata"`
	}
	err = poll(ctx, readyInterval, func() (bool, error) {
		err := c.Post(ctx, "/api/v1/namespaces/"+administratorNamespace+"/serviceaccounts", object{
			"apiVersion": "v1",
			"kind":       "ServiceAccount",
			"metadata":   object{"name": administratorName},
		}, &account)
		var status *rest.StatusError
		if errors.As(err, &status) && status.Code == http.StatusNotFound {
			return false, nil
		}
		return err == nil, err
	})
	if err != nil {
		return "", fmt.Errorf("creating the service account %s/%s: %w", administratorNamespace, administratorName, err)
	}
	err = c.Post(ctx, "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", object{
		"apiVersion": "rbac.authorization.k8s.io/v1",
		"kind":       "ClusterRoleBinding",
		"metadata":   object{"name": administratorName},
		"roleRef":    object{"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
		"subjects": []object{
			{"kind": "ServiceAccount", "namespace": administratorNamespace, "name": administratorName},
		},
	}, nil)
	if err != nil {
		return "", fmt.Errorf("binding the service account %s/%s: %w", administratorNamespace, administratorName, err)
	}
	return account.Metadata.UID, nil
}

func administrator(uid string) pki.ServiceAccount {
	return pki.ServiceAccount{Namespace: administratorNamespace, Name: administratorName, UID: uid}
}
