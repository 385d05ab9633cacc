package workspace

import (
	"maps"

	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// handOnFilter has what an owner made be looked after by the manager of the owner.
func handOnFilter(owner, to client.Object) {
	all := maps.Clone(to.GetLabels())
	if value, ok := owner.GetLabels()[clusterv1.WatchLabel]; ok {
		if all == nil {
			all = map[string]string{}
		}
		all[clusterv1.WatchLabel] = value
	} else {
		delete(all, clusterv1.WatchLabel)
	}
	to.SetLabels(all)
}
