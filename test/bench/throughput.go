package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/util/conditions"
	"sigs.k8s.io/controller-runtime/pkg/client"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/hack/tools/toolbox"
	"github.com/captproject/capt/internal/tofu"
)

const (
	throughputRounds = 3
	throughputRuns   = 100
)

// smallestModule is one resource that is nothing outside of the state.
const smallestModule = `variable "name" {
  type = string
}

resource "terraform_data" "this" {
  input = var.name
}

output "name" {
  value = terraform_data.this.output
}
`

// throughput is how long many runs took. The n-th of each list are of the same
// round.
type throughput struct {
	// Runs are those of a round, Parallel at a time.
	Runs     int `json:"runs"`
	Parallel int `json:"parallel"`
	// CAPT and CLI are the seconds that all runs of a round took.
	CAPT []float64 `json:"capt"`
	CLI  []float64 `json:"cli"`
	// Seconds of CPU that a run took on average, which depend less on what else
	// the machine does: of the manager and the runners with all that they start,
	// of the management cluster, and of the commands by hand.
	CAPTCPU    []float64 `json:"captCPU"`
	ClusterCPU []float64 `json:"clusterCPU"`
	CLICPU     []float64 `json:"cliCPU"`
	// ManagerBytes is the most that CAPT's manager had resident, and AllBytes
	// that it had together with its runners and all that they started.
	ManagerBytes float64 `json:"managerBytes"`
	AllBytes     float64 `json:"allBytes"`
	// CLIBytes is the most that the commands by hand had resident together.
	CLIBytes float64 `json:"cliBytes"`
}

// throughput measures runs by CAPT and by hand in turn. The manager is started
// anew: its memory must not be that of what was measured before.
func (b *bench) throughput(ctx context.Context) (*throughput, error) {
	if err := b.restartManager(ctx); err != nil {
		return nil, err
	}
	m := &throughput{Runs: throughputRuns, Parallel: parallelRuns}
	for round := range throughputRounds {
		name := fmt.Sprintf("throughput-%d", round+1)
		if err := b.runsByCAPT(ctx, m, name); err != nil {
			return nil, fmt.Errorf("round %d, by CAPT: %w", round+1, err)
		}
		if err := b.runsByHand(ctx, m, name); err != nil {
			return nil, fmt.Errorf("round %d, by hand: %w", round+1, err)
		}
		b.say("throughput, round %d: %d runs by CAPT %.1f s, by the bare CLI %.1f s", round+1, m.Runs, m.CAPT[round], m.CLI[round])
	}
	var err error
	_, m.ManagerBytes, err = memory(b.env.ManagerPID())
	return m, err
}

// runsByCAPT has CAPT apply the module in as many workspaces.
func (b *bench) runsByCAPT(ctx context.Context, m *throughput, namespace string) error {
	if err := b.env.Namespace(ctx, namespace); err != nil {
		return err
	}
	if err := b.create(ctx, []client.Object{inlineTemplate(smallestModule)}, namespace); err != nil {
		return err
	}
	w, err := b.env.Client.Watch(ctx, &infrav1.WorkspaceTemplateApplyList{}, client.InNamespace(namespace))
	if err != nil {
		return fmt.Errorf("watch the workspaces: %w", err)
	}
	manager := b.env.ManagerPID()
	peak := watchMemory(manager)
	start, capt, others := time.Now(), familyCPU(manager), familyCPU(os.Getpid(), manager)
	for i := range m.Runs {
		if err := b.create(ctx, []client.Object{newWorkspace(strconv.Itoa(i))}, namespace); err != nil {
			w.Stop()
			return err
		}
	}
	ready := map[string]bool{}
	if err := b.until(ctx, w, func(event watch.Event) bool {
		workspace, ok := event.Object.(*infrav1.WorkspaceTemplateApply)
		if ok && conditions.IsTrue(workspace, clusterv1.ReadyCondition) {
			ready[workspace.Name] = true
		}
		return len(ready) == m.Runs
	}); err != nil {
		return fmt.Errorf("wait for %d workspaces, of which %d are ready: %w", m.Runs, len(ready), err)
	}
	m.CAPT = append(m.CAPT, time.Since(start).Seconds())
	m.CAPTCPU = append(m.CAPTCPU, (familyCPU(manager)-capt)/float64(m.Runs))
	m.ClusterCPU = append(m.ClusterCPU, (familyCPU(os.Getpid(), manager)-others)/float64(m.Runs))
	m.AllBytes = max(m.AllBytes, peak())
	return nil
}

// inlineTemplate is a template with the module and nothing else.
func inlineTemplate(module string) *infrav1.WorkspaceTemplate {
	template := &infrav1.WorkspaceTemplate{ObjectMeta: metav1.ObjectMeta{Name: "template"}}
	template.Spec.Template.Spec.ForProvider = infrav1.ModuleSpec{Source: infrav1.ModuleSourceInline, Module: module}
	return template
}

// newWorkspace is one of inlineTemplate.
func newWorkspace(name string) *infrav1.WorkspaceTemplateApply {
	return &infrav1.WorkspaceTemplateApply{
		ObjectMeta: metav1.ObjectMeta{Name: "w" + name},
		Spec: infrav1.WorkspaceTemplateApplySpec{
			TemplateRef: infrav1.WorkspaceTemplateReference{Name: "template"},
			Variables:   map[string]string{"name": name},
		},
	}
}

// runsByHand applies the module in as many directories.
func (b *bench) runsByHand(ctx context.Context, m *throughput, name string) error {
	root := filepath.Join(b.env.Root, "by-hand", name)
	if err := os.MkdirAll(root, 0o700); err != nil {
		return fmt.Errorf("make a directory: %w", err)
	}
	config := filepath.Join(root, "tofurc")
	if err := os.WriteFile(config, []byte(tofu.Installation{Mirror: b.env.Programs.ProviderMirror}.CLIConfig()), 0o600); err != nil {
		return fmt.Errorf("write the configuration of the CLI: %w", err)
	}
	own := residentBytes(os.Getpid())
	peak := watchMemory(os.Getpid())
	before := endedCPU(os.Getpid())
	seconds, err := atOnce(ctx, m.Runs, func(ctx context.Context, i int) error {
		h := &hand{path: b.env.Programs.Path(toolbox.Tofu), dir: filepath.Join(root, strconv.Itoa(i)), config: config}
		if err := os.Mkdir(h.dir, 0o700); err != nil {
			return err
		}
		h.set("name", strconv.Itoa(i))
		return h.apply(ctx, "module", smallestModule)
	})
	if err != nil {
		return err
	}
	m.CLI = append(m.CLI, seconds)
	m.CLICPU = append(m.CLICPU, (endedCPU(os.Getpid())-before)/float64(m.Runs))
	m.CLIBytes = max(m.CLIBytes, peak()-own)
	return nil
}
