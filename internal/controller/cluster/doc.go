// Package cluster reconciles CAPTClusters: the infrastructure that a cluster
// stands on, made by a module before the control plane.
package cluster
