package workspace

import (
	clusterctlv1 "sigs.k8s.io/cluster-api/cmd/clusterctl/api/v1alpha3"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// MovedAway tells whether an object was moved to another management cluster, and is
// what clusterctl is about to remove here. It is to be left alone: its deletion
// means nothing, and clusterctl takes away all annotations, that of a pause too.
func MovedAway(obj client.Object) bool {
	_, moved := obj.GetAnnotations()[clusterctlv1.DeleteForMoveAnnotation]
	return moved
}
