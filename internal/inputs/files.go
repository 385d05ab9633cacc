package inputs

import (
	"cmp"
	"context"
	"path"
	"path/filepath"
	"slices"
	"strings"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
)

// files reads the files.
func (r *renderer) files(ctx context.Context, in *Inputs) error {
	for _, file := range r.module().Files {
		field := "files[" + file.Path + "]"
		if problem := r.problemOf(file.Path); problem != "" {
			return fail(ReasonFilePathInvalid, "%s %s; choose another path", r.at(field), problem)
		}
		content, err := r.read(ctx, field, file.ConfigMapKeyRef, file.SecretKeyRef)
		if err != nil {
			return err
		}
		in.Files = append(in.Files, File{Path: file.Path, Content: content})
	}
	slices.SortFunc(in.Files, func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
	return nil
}

// problemOf says what is wrong with a path, "" if it is right.
func (r *renderer) problemOf(file string) string {
	switch {
	case !filepath.IsLocal(file) || path.Clean(file) != file || file == ".":
		return "is not a plain relative path inside the working directory"
	case ownFile(file):
		return "is a file of OpenTofu or CAPT"
	case r.module().Source == infrav1.ModuleSourceInline && strings.HasPrefix(file, "main.") && configuration(file):
		return "would take the place of the inline module"
	}
	for _, other := range r.module().Files {
		if strings.HasPrefix(other.Path, file+"/") {
			return "is also the folder of " + other.Path
		}
	}
	return ""
}

// ownFile tells whether a path is one that OpenTofu or a run uses itself.
func ownFile(file string) bool {
	name := path.Base(file)
	return slices.Contains(strings.Split(file, "/"), ".terraform") || name == ".terraform.lock.hcl" ||
		strings.Contains(name, ".tfstate") ||
		strings.HasPrefix(name, "~capt") || strings.HasPrefix(name, "capt-configuration.")
}

// configuration tells whether OpenTofu takes a file as part of a module.
func configuration(file string) bool {
	name := strings.TrimSuffix(file, ".json")
	return strings.HasSuffix(name, ".tf") || strings.HasSuffix(name, ".tofu")
}
