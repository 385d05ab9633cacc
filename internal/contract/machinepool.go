package contract

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
)

// MachinePool is what a module of a node group gives.
type MachinePool struct {
	// ProviderIDs are those of the machines that there are, sorted, each once;
	// from provider_id_list. There may be none.
	ProviderIDs []string
	// Replicas is how many machines there are, 0 or more; from replicas, by
	// default the number of provider IDs.
	Replicas int32
}

const (
	providerIDListName = "provider_id_list"
	replicasName       = "replicas"

	// What Cluster API accepts.
	maxProviderIDs, maxProviderID = 10000, 512
)

// MachinePool reads the outputs of a module of a node group. The error is an *Error with
// ReasonOutputMissing or ReasonOutputInvalid.
func (o Outputs) MachinePool() (MachinePool, error) {
	output, there := o[providerIDListName]
	if !there || isNull(output.Value) {
		return MachinePool{}, fail(ReasonOutputMissing,
			"The module does not say which machines there are. Add an output %q: the list of the provider IDs of the nodes, as spec.providerID of a Node has them; [] if there are none. %s",
			providerIDListName, o.have())
	}
	ids, defect := providerIDs(output.Value)
	if defect != "" {
		return MachinePool{}, o.unexpected(providerIDListName, "a list of provider IDs: "+defect)
	}
	pool := MachinePool{ProviderIDs: ids, Replicas: int32(len(ids))}
	if output := o[replicasName]; output.Value != nil && !isNull(output.Value) {
		if json.Unmarshal(output.Value, &pool.Replicas) != nil || pool.Replicas < 0 {
			return MachinePool{}, o.unexpected(replicasName, fmt.Sprintf("a whole number from 0 to %d", math.MaxInt32))
		}
	}
	return pool, nil
}

// providerIDs reads a list of provider IDs; defect says what is wrong with it, "" if nothing is.
func providerIDs(value json.RawMessage) (ids []string, defect string) {
	var list []*string
	if json.Unmarshal(value, &list) != nil {
		return nil, "each of its elements has to be a text"
	}
	if len(list) > maxProviderIDs {
		return nil, fmt.Sprintf("it has %d elements, more than %d", len(list), maxProviderIDs)
	}
	seen := map[string]bool{}
	for i, id := range list {
		if id == nil || *id == "" {
			return nil, fmt.Sprintf("element %d is empty", i)
		}
		if len(*id) > maxProviderID {
			return nil, fmt.Sprintf("element %d is longer than %d bytes", i, maxProviderID)
		}
		if seen[*id] {
			return nil, fmt.Sprintf("element %d is in it twice", i)
		}
		seen[*id] = true
		ids = append(ids, *id)
	}
	slices.Sort(ids)
	return ids, ""
}
