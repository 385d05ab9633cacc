package main

import (
	"archive/zip"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/watch"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/util/conditions"
	"sigs.k8s.io/controller-runtime/pkg/client"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/hack/tools/toolbox"
	"github.com/captproject/capt/internal/tofu"
)

// diskInterval is how often the disk is looked at.
const diskInterval = 50 * time.Millisecond

// pluginModule needs the provider localkube, whose schema OpenTofu asks for, and
// makes nothing.
const pluginModule = `terraform {
  required_providers {
    localkube = { source = "captproject/localkube" }
  }
}

provider "localkube" {
  assets_dir = "/nowhere"
  data_dir   = "/nowhere"
}

resource "localkube_cluster" "none" {
  count = 0
  name  = "none"
}

variable "name" {
  type = string
}
`

// plugins is what a provider plugin costs each run. The n-th of each list are of
// the same round.
type plugins struct {
	// PluginBytes is the size of the plugin, unpacked.
	PluginBytes float64 `json:"pluginBytes"`
	// Unpacking is a bare init that unpacks the plugin, Linking one that links it
	// from an unpacked mirror, and Without one of a module that needs none.
	Unpacking cost `json:"unpacking"`
	Linking   cost `json:"linking"`
	Without   cost `json:"without"`
	// CAPT is a whole run by CAPT with the unpacked mirror, CAPTWithout one of a
	// module that needs no plugin.
	CAPT        cost `json:"capt"`
	CAPTWithout cost `json:"captWithout"`
}

// cost is how long something took, in seconds, and what was in its directory at
// most, in bytes.
type cost struct {
	Seconds []float64 `json:"seconds"`
	Bytes   []float64 `json:"bytes"`
}

func (c *cost) add(seconds, bytes float64) {
	c.Seconds, c.Bytes = append(c.Seconds, seconds), append(c.Bytes, bytes)
}

// plugins measures all kinds in turn. Round 0 warms up.
func (b *bench) plugins(ctx context.Context, rounds int) (*plugins, error) {
	const namespace = "plugins"
	unpacked := b.env.Programs.ProviderMirror
	m := &plugins{PluginBytes: diskBytes(unpacked)}
	root := filepath.Join(b.env.Root, "by-hand", namespace)
	packed := filepath.Join(root, "mirror")
	if err := pack(unpacked, packed); err != nil {
		return nil, err
	}
	if err := b.env.Namespace(ctx, namespace); err != nil {
		return nil, err
	}
	for name, module := range map[string]string{"template": pluginModule, "without": smallestModule} {
		template := inlineTemplate(module)
		template.Name = name
		if err := b.create(ctx, []client.Object{template}, namespace); err != nil {
			return nil, err
		}
	}
	for round := range rounds + 1 {
		if round == 1 {
			warm := m.PluginBytes
			m = &plugins{PluginBytes: warm}
		}
		dir := filepath.Join(root, strconv.Itoa(round))
		for _, by := range []func() error{
			func() error { return b.initByHand(ctx, &m.Unpacking, packed, dir+"-unpacking", pluginModule) },
			func() error { return b.initByHand(ctx, &m.Linking, unpacked, dir+"-linking", pluginModule) },
			func() error { return b.initByHand(ctx, &m.Without, unpacked, dir+"-without", smallestModule) },
			func() error { return b.runOnce(ctx, &m.CAPT, namespace, "template", strconv.Itoa(round)) },
			func() error {
				return b.runOnce(ctx, &m.CAPTWithout, namespace, "without", "without-"+strconv.Itoa(round))
			},
		} {
			if err := by(); err != nil {
				return nil, fmt.Errorf("round %d: %w", round, err)
			}
		}
		b.say("plugins, round %d", round)
	}
	return m, nil
}

// initByHand is a bare init in a new directory.
func (b *bench) initByHand(ctx context.Context, c *cost, mirror, dir, module string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	h := &hand{path: b.env.Programs.Path(toolbox.Tofu), dir: dir, config: dir + ".tofurc"}
	config := tofu.Installation{Mirror: mirror}.CLIConfig()
	for path, content := range map[string]string{h.config: config, filepath.Join(dir, "main.tf"): module} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			return err
		}
	}
	start := time.Now()
	if _, err := h.run(ctx, dir, commands[0]...); err != nil {
		return err
	}
	c.add(time.Since(start).Seconds(), diskBytes(dir))
	return nil
}

// runOnce has CAPT carry out one run.
func (b *bench) runOnce(ctx context.Context, c *cost, namespace, template, name string) error {
	workspace := newWorkspace(name)
	workspace.Spec.TemplateRef.Name = template
	w, err := b.watchOne(ctx, &infrav1.WorkspaceTemplateApplyList{}, namespace, workspace.Name)
	if err != nil {
		return err
	}
	runs := filepath.Join(b.env.Root, "runs")
	most := watchMost(diskInterval, func() float64 { return diskBytes(runs) })
	start := time.Now()
	if err := b.create(ctx, []client.Object{workspace}, namespace); err != nil {
		w.Stop()
		return err
	}
	err = b.until(ctx, w, func(event watch.Event) bool {
		workspace, ok := event.Object.(*infrav1.WorkspaceTemplateApply)
		return ok && conditions.IsTrue(workspace, clusterv1.ReadyCondition)
	})
	seconds, bytes := time.Since(start).Seconds(), most()
	if err != nil {
		return fmt.Errorf("wait for workspace %s: %w", workspace.Name, err)
	}
	c.add(seconds, bytes)
	return nil
}

// diskBytes is the size of the files in a directory, without those that are only
// linked. What vanishes meanwhile does not count.
func diskBytes(dir string) float64 {
	total := 0.0
	_ = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return nil
		}
		if info, err := entry.Info(); err == nil {
			total += float64(info.Size())
		}
		return nil
	})
	return total
}

// pack makes a mirror of archives from an unpacked one.
func pack(unpacked, packed string) error {
	platform := runtime.GOOS + "_" + runtime.GOARCH
	programs, err := filepath.Glob(filepath.Join(unpacked, "*", "*", "*", "*", platform, "*"))
	if err != nil {
		return err
	}
	for _, program := range programs {
		name, err := filepath.Rel(unpacked, program)
		if err != nil {
			return err
		}
		part := strings.Split(name, string(filepath.Separator))
		archive := filepath.Join(packed, part[0], part[1], part[2],
			fmt.Sprintf("terraform-provider-%s_%s_%s.zip", part[2], part[3], platform))
		if err := packProgram(program, archive); err != nil {
			return fmt.Errorf("pack %s: %w", program, err)
		}
	}
	return nil
}

func packProgram(program, archive string) error {
	if err := os.MkdirAll(filepath.Dir(archive), 0o700); err != nil {
		return err
	}
	from, err := os.Open(program)
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }()
	to, err := os.Create(archive)
	if err != nil {
		return err
	}
	defer func() { _ = to.Close() }()
	w := zip.NewWriter(to)
	header := &zip.FileHeader{Name: filepath.Base(program), Method: zip.Deflate}
	header.SetMode(0o755)
	entry, err := w.CreateHeader(header)
	if err != nil {
		return err
	}
	if _, err := io.Copy(entry, from); err != nil {
		return err
	}
	return w.Close()
}

func (m *plugins) table(text *strings.Builder) {
	fmt.Fprintf(text, "\nWhat the plugin of a provider (localkube, %.0f MiB) costs each run, %d rounds\n", m.PluginBytes/mebibyte, len(m.CAPT.Seconds))
	columns(text, func(line func(string, ...any)) {
		line("\tseconds: min\tmedian\tmax\tMiB on the disk")
		row := func(what string, c cost) {
			s := spreadOf(c.Seconds)
			line("%s\t%.2f\t%.2f\t%.2f\t%.2f", what, s.min, s.median, s.max, spreadOf(c.Bytes).max/mebibyte)
		}
		row("bare init, without a provider", m.Without)
		row("bare init, unpacking the plugin", m.Unpacking)
		row("bare init, linking it from an unpacked mirror", m.Linking)
		row("a whole run by CAPT, without a provider", m.CAPTWithout)
		row("a whole run by CAPT, with the unpacked mirror", m.CAPT)
	})
}
