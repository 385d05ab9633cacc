// Package nodes makes Nodes in a cluster: real objects, which nothing runs behind. There is no kubelet and, in a cluster
// of localkube, nobody who would find them dead: they stay as they are until they are changed here.
//
// A Node of another version is another machine, so a change of the version replaces one Node after the other.
//
// Whatever there is of a pool is found by its label: work that was interrupted is taken up where it ended.
package nodes

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/captproject/capt/test/localkube/internal/rest"
)

// PoolLabel on a Node is the name of its pool.
const PoolLabel = "localkube.captproject.io/pool"

const path = "/api/v1/nodes"

// Pool is a group of Nodes in one cluster.
type Pool struct {
	API rest.Client
	// Cluster and Name are parts of the provider IDs, and Name of the names of the Nodes. Name is good as the value of a
	// label.
	Cluster, Name string
	// Labels are what Nodes get that are made, beside PoolLabel.
	Labels map[string]string
}

// Node is a Node of a pool.
type Node struct {
	// Number is that in its name; negative for a Node that was not made here.
	Number int
	// Name and ProviderID are the Node's, and Version that of its kubelet.
	Name, ProviderID, Version string
}

type object map[string]any

// List returns the Nodes, in the order of their numbers.
func (p Pool) List(ctx context.Context) ([]Node, error) {
	var list struct {
		Items []struct {
			Metadata struct {
				Name string `json:"name"`
			} `json:"metadata"`
			Spec struct {
				ProviderID string `json:"providerID"`
			} `json:"spec"`
			Status struct {
				NodeInfo struct {
					KubeletVersion string `json:"kubeletVersion"`
				} `json:"nodeInfo"`
			} `json:"status"`
		} `json:"items"`
	}
	selector := url.Values{"labelSelector": {PoolLabel + "=" + p.Name}}
	if err := p.API.Get(ctx, path+"?"+selector.Encode(), &list); err != nil {
		return nil, fmt.Errorf("listing the Nodes of pool %q: %w", p.Name, err)
	}
	nodes := make([]Node, 0, len(list.Items))
	for _, item := range list.Items {
		nodes = append(nodes, Node{
			Number: p.number(item.Metadata.Name), Name: item.Metadata.Name,
			ProviderID: item.Spec.ProviderID, Version: item.Status.NodeInfo.KubeletVersion,
		})
	}
	slices.SortStableFunc(nodes, func(a, b Node) int { return a.Number - b.Number })
	return nodes, nil
}

func (p Pool) number(name string) int {
	number, err := strconv.Atoi(strings.TrimPrefix(name, p.Name+"-"))
	if err != nil {
		return -1
	}
	return number
}

// Ensure has the pool be so many Nodes of a version. Those with the highest numbers go first.
func (p Pool) Ensure(ctx context.Context, replicas int, version string) error {
	nodes, err := p.List(ctx)
	if err != nil {
		return err
	}
	for len(nodes) > replicas {
		if err := p.remove(ctx, nodes[len(nodes)-1]); err != nil {
			return err
		}
		nodes = nodes[:len(nodes)-1]
	}
	taken := map[int]bool{}
	for _, node := range nodes {
		if node.Version != version {
			if err := p.replace(ctx, node, version); err != nil {
				return err
			}
		}
		taken[node.Number] = true
	}
	for number, missing := 0, replicas-len(nodes); missing > 0; number++ {
		if taken[number] {
			continue
		}
		if err := p.add(ctx, fmt.Sprintf("%s-%d", p.Name, number), p.providerID(number), version); err != nil {
			return err
		}
		missing--
	}
	return nil
}

func (p Pool) providerID(number int) string {
	return fmt.Sprintf("localkube://%s/%s/%d", p.Cluster, p.Name, number)
}

func (p Pool) replace(ctx context.Context, node Node, version string) error {
	if err := p.remove(ctx, node); err != nil {
		return err
	}
	return p.add(ctx, node.Name, node.ProviderID, version)
}

// add registers a Node as a kubelet would that is ready at once.
func (p Pool) add(ctx context.Context, name, providerID, version string) error {
	now := time.Now().UTC().Format(time.RFC3339)
	labels := map[string]string{}
	maps.Copy(labels, p.Labels)
	labels[PoolLabel] = p.Name
	err := p.API.Post(ctx, path, object{
		"apiVersion": "v1",
		"kind":       "Node",
		"metadata":   object{"name": name, "labels": labels},
		"spec":       object{"providerID": providerID},
		"status": object{
			"conditions": []object{{
				"type": "Ready", "status": "True", "reason": "Registered", "message": "made by localkube",
				"lastHeartbeatTime": now, "lastTransitionTime": now,
			}},
			"nodeInfo": object{"kubeletVersion": version},
		},
	}, nil)
	if err != nil {
		return fmt.Errorf("registering Node %s: %w", name, err)
	}
	return nil
}

func (p Pool) remove(ctx context.Context, node Node) error {
	err := p.API.Delete(ctx, path+"/"+node.Name)
	var status *rest.StatusError
	if errors.As(err, &status) && status.Code == http.StatusNotFound {
		return nil
	}
	if err != nil {
		return fmt.Errorf("deleting Node %s: %w", node.Name, err)
	}
	return nil
}
