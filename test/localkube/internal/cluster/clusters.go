package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// Clusters are all clusters below one data directory.
type Clusters struct {
	assetsDir, dataDir string
	freePort           func() (int, error)
}

// Settings say what cluster to make.
type Settings struct {
	// Name is unique in the data directory, and good as a file name of at most 200 bytes without a dot.
	Name string
	// CreateDelay is how long the creation takes at least.
	CreateDelay time.Duration
	// FailFirst is how many creations of this name fail before one succeeds.
	FailFirst int64
	// CredentialTTL is the life of all credentials; 0 is described at Renew.
	CredentialTTL time.Duration
}

// Cluster is a cluster that runs.
type Cluster struct {
	ID string
	// Endpoint is the API server's URL, https://127.0.0.1:<port>.
	Endpoint string
	// Authority is the certificate of the cluster's certificate authority, PEM.
	Authority string
	// ServerVersion is the API server's own, such as "v1.36.3".
	ServerVersion string
	Credentials   Credentials
}

// Observation is how a cluster was found.
type Observation struct {
	// Running: etcd and kube-apiserver of this very cluster run.
	Running       bool
	ServerVersion string
	// Silence is why an API server that runs did not answer; nil when it did.
	Silence error
}

// New takes the folder of the programs etcd and kube-apiserver, and the folder in which clusters get their directories.
func New(assetsDir, dataDir string) (Clusters, error) {
	assetsDir, err := filepath.Abs(assetsDir)
	if err != nil {
		return Clusters{}, err
	}
	dataDir, err = filepath.Abs(dataDir)
	return Clusters{assetsDir: assetsDir, dataDir: dataDir, freePort: freePort}, err
}

// CheckPrograms gives an error that names the program which is missing or cannot be run.
func (c Clusters) CheckPrograms() error {
	for _, program := range []string{etcd, apiServer} {
		if _, err := exec.LookPath(filepath.Join(c.assetsDir, program)); err != nil {
			return fmt.Errorf("looking for the program %s: %w", program, err)
		}
	}
	return nil
}

// Create makes a cluster and returns when its API server is ready. What an earlier creation of the name left is ended
// first. After an error, or when ctx ends, nothing is left.
func (c Clusters) Create(ctx context.Context, settings Settings) (Cluster, error) {
	hold, err := lock(ctx, c.file(settings.Name+".lock"))
	if err != nil {
		return Cluster{}, fmt.Errorf("waiting for others who work on cluster %q: %w", settings.Name, err)
	}
	defer unlock(hold)
	d := c.directory(settings.Name)
	if err := d.clear(); err != nil {
		return Cluster{}, fmt.Errorf("ending what an earlier creation of cluster %q left: %w", settings.Name, err)
	}
	if err := failFirst(c.failuresFile(settings.Name), settings.FailFirst); err != nil {
		return Cluster{}, err
	}
	cluster, err := c.start(ctx, d, hold, settings)
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("the creation was interrupted: %w", context.Cause(ctx))
	}
	if err != nil {
		return Cluster{}, errors.Join(err, d.clear())
	}
	return cluster, nil
}

func (c Clusters) start(ctx context.Context, d directory, hold *os.File, settings Settings) (Cluster, error) {
	begin := time.Now()
	s := starter{assetsDir: c.assetsDir, freePort: c.freePort, directory: d, hold: hold}
	starting, cancel := context.WithTimeoutCause(ctx, startBound, errLate)
	defer cancel()
	r, api, err := s.start(starting)
	if err != nil {
		return Cluster{}, err
	}
	defer api.Close()
	version, err := serverVersion(starting, api)
	if err != nil {
		return Cluster{}, err
	}
	authority, err := d.readAuthority()
	if err != nil {
		return Cluster{}, err
	}
	credentials, err := c.Renew(settings.Name, Credentials{}, settings.CredentialTTL)
	if err != nil {
		return Cluster{}, err
	}
	return Cluster{
		ID:            r.ID,
		Endpoint:      r.Endpoint,
		Authority:     string(authority.Certificate),
		ServerVersion: version,
		Credentials:   credentials,
	}, wait(ctx, settings.CreateDelay-time.Since(begin))
}

// Observe tells how the cluster is. One that no longer runs is removed with what is left of it: whoever learns here
// that it is gone forgets it, and will not ask for its deletion.
func (c Clusters) Observe(ctx context.Context, name, id string) (Observation, error) {
	d := c.directory(name)
	if !d.holds(id) || !d.running() {
		return Observation{}, c.Delete(ctx, name, id)
	}
	r, err := d.readRecord()
	if err != nil {
		return Observation{}, err
	}
	api, err := newClient(d, r.Endpoint, time.Now())
	if err != nil {
		return Observation{}, err
	}
	defer api.Close()
	version, err := serverVersion(ctx, api)
	return Observation{Running: true, ServerVersion: version, Silence: err}, nil
}

// Delete ends the cluster and removes all it has on disk. A cluster that is gone, or whose name belongs to another one
// by now, is deleted already. Only waiting for the lock can be interrupted: what follows takes seconds, and a cluster
// that is half gone helps nobody.
func (c Clusters) Delete(ctx context.Context, name, id string) error {
	if _, err := os.Stat(c.dataDir); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	hold, err := lock(ctx, c.file(name+".lock"))
	if err != nil {
		return fmt.Errorf("waiting for others who work on cluster %q: %w", name, err)
	}
	defer unlock(hold)
	d := c.directory(name)
	if r, err := d.readRecord(); err == nil && r.ID != id {
		return nil
	}
	if err := d.clear(); err != nil {
		return fmt.Errorf("deleting cluster %q: %w", name, err)
	}
	return os.RemoveAll(c.failuresFile(name))
}

func (c Clusters) file(name string) string { return filepath.Join(c.dataDir, name) }

func (c Clusters) directory(name string) directory { return directory(c.file(name)) }

func (c Clusters) failuresFile(name string) string { return c.file(name + ".failures") }
