package proxy

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// refusals are in the words of a kube-apiserver.
var refusals = map[Fault]*apierrors.StatusError{
	Conflict: apierrors.NewConflict(schema.GroupResource{Resource: "objects"}, "object",
		errors.New("the object has been modified; please apply your changes to the latest version and try again")),
	TooManyRequests: apierrors.NewTooManyRequests("the server has received too many requests and has asked us to try again later", 1),
	InternalError:   apierrors.NewInternalError(errors.New("etcdserver: leader changed")),
	Timeout:         apierrors.NewTimeoutError("request did not complete within the allotted timeout", 0),
}

func refuse(w http.ResponseWriter, refusal *apierrors.StatusError) {
	status := refusal.Status()
	status.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}
	w.Header().Set("Content-Type", "application/json")
	if status.Details != nil && status.Details.RetryAfterSeconds > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(status.Details.RetryAfterSeconds)))
	}
	w.WriteHeader(int(status.Code))
	// Whoever has gone meanwhile needs no answer.
	_ = json.NewEncoder(w).Encode(status)
}
