package environment

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"k8s.io/apimachinery/pkg/types"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
)

// Requests returns what CAPT's manager and its runners have asked of the API
// server since then, from its audit log, in the order of the answers; a watch
// counts when it begins. The user agent tells the two apart.
func (e *Environment) Requests(since time.Time) ([]auditv1.Event, error) {
	return e.requests(managerName, since)
}

// CoreRequests returns what Cluster API core has asked of the API server since
// then, as Requests does. What it asks of workload clusters is not among it, even
// where one of them is the management cluster: it uses their kubeconfigs for that.
func (e *Environment) CoreRequests(since time.Time) ([]auditv1.Event, error) {
	return e.requests(coreName, since)
}

// requests are those of a user.
func (e *Environment) requests(user string, since time.Time) ([]auditv1.Event, error) {
	file, err := os.Open(e.auditLog())
	if err != nil {
		return nil, fmt.Errorf("read the audit log: %w", err)
	}
	defer func() { _ = file.Close() }()
	var requests []auditv1.Event
	seen := map[types.UID]bool{}
	decoder := json.NewDecoder(bufio.NewReader(file))
	for decoder.More() {
		var event auditv1.Event
		if err := decoder.Decode(&event); err != nil {
			return nil, fmt.Errorf("read the audit log: %w", err)
		}
		if event.User.Username == user && !seen[event.AuditID] && event.RequestReceivedTimestamp.After(since) {
			requests = append(requests, event)
		}
		seen[event.AuditID] = true
	}
	return requests, nil
}

// IsWrite tells whether a request wanted to change something.
func IsWrite(request auditv1.Event) bool {
	switch request.Verb {
	case "create", "update", "patch", "delete", "deletecollection":
		return true
	}
	return false
}
