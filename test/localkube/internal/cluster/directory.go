package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/captproject/capt/test/localkube/internal/pki"
	"github.com/captproject/capt/test/localkube/internal/process"
)

const (
	etcd      = "etcd"
	apiServer = "kube-apiserver"

	recordFile       = "cluster.json"
	authorityFile    = "ca.crt"
	authorityKeyFile = "ca.key"
	serverFile       = "server.crt"
	serverKeyFile    = "server.key"
	accountKeyFile   = "service-account.key"

	// etcdSocket is relative to the cluster's directory: an absolute path may exceed the 107 bytes of a socket's name.
	etcdSocket     = "etcd.sock"
	etcdPeerSocket = "etcd-peer.sock"
)

// stopGrace is how long a program may take to end by itself. kube-apiserver takes 1 s; with requests to finish, or
// while it starts, more. Nothing is lost if it is cut short: the data goes as well.
const stopGrace = 3 * time.Second

// serverHosts are the names of an API server: from outside, and from within as its Service would have them.
var serverHosts = []string{
	"127.0.0.1", "localhost",
	"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local",
	serviceAddress,
}

// directory is the absolute path of one cluster's directory.
type directory string

// record is what is known of a cluster beside its processes.
type record struct {
	// ID differs between two clusters of one name.
	ID string `json:"id"`
	// Endpoint is the API server's URL.
	Endpoint string `json:"endpoint"`
	// AdministratorUID is the UID of the service account whose tokens are handed out.
	AdministratorUID string `json:"administratorUID"`
}

func (d directory) file(name string) string { return filepath.Join(string(d), name) }

func (d directory) logFile(program string) string { return d.file(program + ".log") }

func (d directory) processRecord(program string) string { return d.file(program + ".pid.json") }

// prepare makes the directory with all keys and the record.
func (d directory) prepare(r record, now time.Time) error {
	if err := os.MkdirAll(string(d), 0o700); err != nil {
		return err
	}
	if err := d.writeRecord(r); err != nil {
		return err
	}
	authority, err := pki.NewAuthority("localkube", now)
	if err != nil {
		return err
	}
	server, err := authority.IssueServer(apiServer, serverHosts, now)
	if err != nil {
		return err
	}
	accountKey, err := pki.NewKey()
	if err != nil {
		return err
	}
	return errors.Join(
		d.write(authorityFile, authority.Certificate), d.write(authorityKeyFile, authority.Key),
		d.write(serverFile, server.Certificate), d.write(serverKeyFile, server.Key),
		d.write(accountKeyFile, accountKey),
	)
}

func (d directory) write(name string, content []byte) error {
	return os.WriteFile(d.file(name), content, 0o600)
}

func (d directory) writeRecord(r record) error {
	content, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return d.write(recordFile, content)
}

func (d directory) readRecord() (record, error) {
	content, err := os.ReadFile(d.file(recordFile))
	if err != nil {
		return record{}, err
	}
	var r record
	if err := json.Unmarshal(content, &r); err != nil {
		return record{}, fmt.Errorf("reading %s: %w", d.file(recordFile), err)
	}
	return r, nil
}

func (d directory) readAuthority() (pki.Pair, error) {
	certificate, err := os.ReadFile(d.file(authorityFile))
	if err != nil {
		return pki.Pair{}, err
	}
	key, err := os.ReadFile(d.file(authorityKeyFile))
	return pki.Pair{Certificate: certificate, Key: key}, err
}

// holds tells whether the directory is that of the cluster with this ID. One whose record is gone was being removed.
func (d directory) holds(id string) bool {
	r, err := d.readRecord()
	return err == nil && r.ID == id
}

func (d directory) running() bool {
	for _, program := range []string{apiServer, etcd} {
		identity, err := process.ReadRecord(d.processRecord(program))
		if err != nil || !identity.Running() {
			return false
		}
	}
	return true
}

// clear stops what runs and removes the directory; without one it does nothing. kube-apiserver goes first: without its
// etcd it hangs in its shutdown and keeps its port.
func (d directory) clear() error {
	for _, program := range []string{apiServer, etcd} {
		identity, err := process.ReadRecord(d.processRecord(program))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if err := identity.Stop(stopGrace); err != nil {
			return fmt.Errorf("stopping %s: %w", program, err)
		}
	}
	return os.RemoveAll(string(d))
}
