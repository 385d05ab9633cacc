package node

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// Image is a container image that holds nothing but the named files, as
// `FROM scratch` with COPY makes it. Its user is not root.
type Image struct {
	// Name is registry, repository and tag.
	Name string
	// Files are files or directories of this machine, by their absolute paths in
	// the image. Programs must be linked statically.
	Files map[string]string
	// Entrypoint is what runs by default.
	Entrypoint []string
}

// user is nobody in particular, by number, so that the kubelet can tell that it
// is not root.
const user = "65532:65532"

// Import gives an image to the node. One of the same name is replaced for pods
// to come.
func (n *Node) Import(ctx context.Context, image Image) error {
	layer, archive := n.dir("layer.tar"), n.dir("image.tar")
	defer func() { _, _ = os.Remove(layer), os.Remove(archive) }()
	if err := writeLayer(layer, image.Files); err != nil {
		return fmt.Errorf("make the image %s: %w", image.Name, err)
	}
	if err := image.write(layer, archive); err != nil {
		return fmt.Errorf("make the image %s: %w", image.Name, err)
	}
	return n.ImportArchive(ctx, archive)
}

// ImportArchive is Import of an image as `docker save` writes it.
func (n *Node) ImportArchive(ctx context.Context, path string) error {
	return n.ctr(ctx, "images", "import", path)
}

// Build builds a main package of the checkout, statically, and returns the path
// of the program, which may be copied into an image.
func (n *Node) Build(ctx context.Context, pkg string) (string, error) {
	program := n.dir("programs", path.Base(pkg))
	cmd := exec.CommandContext(ctx, "go", "build", "-o", program, pkg)
	cmd.Dir = n.Programs.Checkout()
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", pkg, err, output)
	}
	return program, nil
}

// write writes the archive that `docker save` would.
func (i Image) write(layer, archive string) error {
	tag, err := name.NewTag(i.Name, name.StrictValidation)
	if err != nil {
		return err
	}
	content, err := tarball.LayerFromFile(layer)
	if err != nil {
		return err
	}
	image, err := mutate.AppendLayers(empty.Image, content)
	if err != nil {
		return err
	}
	file, err := image.ConfigFile()
	if err != nil {
		return err
	}
	file = file.DeepCopy()
	file.OS, file.Architecture = "linux", runtime.GOARCH
	file.Config = v1.Config{Entrypoint: i.Entrypoint, User: user}
	if image, err = mutate.ConfigFile(image, file); err != nil {
		return err
	}
	return tarball.WriteToFile(archive, tag, image)
}

// writeLayer writes the files in a fixed order.
func writeLayer(path string, files map[string]string) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	out := tar.NewWriter(file)
	for _, to := range slices.Sorted(maps.Keys(files)) {
		if err := addTree(out, files[to], to); err != nil {
			return err
		}
	}
	if err := out.Close(); err != nil {
		return err
	}
	return file.Close()
}

// addTree adds a file, or a directory with all that is in it.
func addTree(out *tar.Writer, from, to string) error {
	return filepath.WalkDir(from, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		below, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		return addFile(out, path, strings.TrimPrefix(filepath.Join(to, below), "/"))
	})
}

func addFile(out *tar.Writer, from, to string) error {
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	header, err := tar.FileInfoHeader(info, "")
	if err != nil {
		return err
	}
	*header = tar.Header{Typeflag: header.Typeflag, Name: to, Mode: header.Mode, Size: header.Size}
	if err := out.WriteHeader(header); err != nil || info.IsDir() {
		return err
	}
	file, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	_, err = io.Copy(out, file)
	return err
}
