package cluster

import (
	"fmt"

	"github.com/captproject/capt/test/localkube/internal/pki"
)

const (
	serviceRange = "10.96.0.0/16"
	// serviceAddress is the first address of serviceRange: the Service "kubernetes".
	serviceAddress = "10.96.0.1"
)

// etcdArgs are the arguments of an etcd whose working directory is d.
func etcdArgs(d directory) []string {
	client, peer := "unix://"+etcdSocket, "unix://"+etcdPeerSocket
	return []string{
		"--name=localkube",
		"--data-dir=" + d.file("etcd-data"),
		"--listen-client-urls=" + client,
		"--advertise-client-urls=" + client,
		"--listen-peer-urls=" + peer,
		"--initial-advertise-peer-urls=" + peer,
		"--initial-cluster=localkube=" + peer,
		// A member without peers waits for up to one election timeout, a second by default, before it leads itself.
		"--heartbeat-interval=50",
		"--election-timeout=250",
		"--unsafe-no-fsync",
		"--log-level=warn",
		"--log-outputs=stderr",
	}
}

// apiServerArgs are the arguments of a kube-apiserver whose working directory is d.
func apiServerArgs(d directory, port int) []string {
	return []string{
		"--etcd-servers=unix://" + etcdSocket,
		"--bind-address=127.0.0.1",
		"--advertise-address=127.0.0.1",
		fmt.Sprintf("--secure-port=%d", port),
		"--cert-dir=" + string(d),
		"--tls-cert-file=" + d.file(serverFile),
		"--tls-private-key-file=" + d.file(serverKeyFile),
		"--client-ca-file=" + d.file(authorityFile),
		"--authorization-mode=RBAC",
		"--service-cluster-ip-range=" + serviceRange,
		"--service-account-issuer=" + pki.Issuer,
		"--service-account-signing-key-file=" + d.file(accountKeyFile),
		"--service-account-key-file=" + d.file(accountKeyFile),
	}
}
