package phase

import (
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/util/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// WatchFilter is the value that the label cluster.x-k8s.io/watch-filter of an object
// must have for a manager to look after it; "" has it look after all, as in Cluster
// API.
//
// It is asked for in a reconcile and not by a predicate of a watch: an object is
// woken by others too (Clusters, Secrets, templates), which need no label.
type WatchFilter string

// Skips tells whether an object is left to another manager.
func (f WatchFilter) Skips(obj client.Object) bool {
	return f != "" && !labels.HasWatchLabel(obj, string(f))
}

// ApplyToList has a list hold what the manager looks after.
func (f WatchFilter) ApplyToList(options *client.ListOptions) {
	if f != "" {
		client.MatchingLabels{clusterv1.WatchLabel: string(f)}.ApplyToList(options)
	}
}
