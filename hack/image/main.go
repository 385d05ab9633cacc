// Command image writes a container image from files of this machine, as an archive
// that `docker load`, `podman load` and `ctr images import` read. It needs neither
// a network nor a container runtime. Equal files make equal images.
//
//	go run ./hack/image -o FILE -name NAME:TAG /path/in/image=FILE...
package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path"
	"runtime"
	"slices"
	"strings"
)

func main() {
	out := flag.String("o", "", "archive to write")
	name := flag.String("name", "", "name of the image, with a tag")
	flag.Parse()
	if err := write(*out, *name, flag.Args()); err != nil {
		fmt.Fprintf(os.Stderr, "hack/image: %v\n", err)
		os.Exit(1)
	}
}

// write writes an image of one layer. Each file is /path/in/image=FILE.
func write(out, name string, files []string) error {
	if out == "" || name == "" || len(files) == 0 {
		return errors.New("wrong arguments: -o FILE -name NAME:TAG /path/in/image=FILE")
	}
	layer, err := layerOf(files)
	if err != nil {
		return err
	}
	config, err := json.Marshal(map[string]any{
		"architecture": runtime.GOARCH, "os": "linux",
		"config": map[string]any{"User": "65532:65532", "Env": []string{"PATH=/usr/local/bin"}, "Entrypoint": []string{"/usr/local/bin/capt-manager"}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{"sha256:" + digest(layer)}},
	})
	if err != nil {
		return err
	}
	configName := digest(config) + ".json"
	manifest, err := json.Marshal([]map[string]any{{"Config": configName, "RepoTags": []string{name}, "Layers": []string{"layer.tar"}}})
	if err != nil {
		return err
	}
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for _, entry := range []struct {
		name    string
		content []byte
	}{{configName, config}, {"layer.tar", layer}, {"manifest.json", manifest}} {
		if err := add(w, entry.name, 0o644, entry.content); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	return os.WriteFile(out, archive.Bytes(), 0o644)
}

// layerOf is the archive of the image's file system: the files, their folders and
// /tmp.
func layerOf(files []string) ([]byte, error) {
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	made := map[string]bool{}
	slices.Sort(files)
	for _, file := range files {
		to, from, found := strings.Cut(file, "=")
		if !found || !path.IsAbs(to) {
			return nil, fmt.Errorf("%q is not /path/in/image=FILE", file)
		}
		content, err := os.ReadFile(from)
		if err != nil {
			return nil, err
		}
		if err := addFolders(w, made, path.Dir(to[1:])); err != nil {
			return nil, err
		}
		if err := add(w, to[1:], 0o755, content); err != nil {
			return nil, err
		}
	}
	if err := w.WriteHeader(&tar.Header{Name: "tmp/", Typeflag: tar.TypeDir, Mode: 0o1777}); err != nil {
		return nil, err
	}
	err := w.Close()
	return layer.Bytes(), err
}

func addFolders(w *tar.Writer, made map[string]bool, folder string) error {
	if folder == "." || made[folder] {
		return nil
	}
	made[folder] = true
	if err := addFolders(w, made, path.Dir(folder)); err != nil {
		return err
	}
	return w.WriteHeader(&tar.Header{Name: folder + "/", Typeflag: tar.TypeDir, Mode: 0o755})
}

func add(w *tar.Writer, name string, mode int64, content []byte) error {
	if err := w.WriteHeader(&tar.Header{Name: name, Mode: mode, Size: int64(len(content))}); err != nil {
		return err
	}
	_, err := io.Copy(w, bytes.NewReader(content))
	return err
}

func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}
