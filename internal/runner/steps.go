package runner

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/tfstate"
	"github.com/captproject/capt/internal/tofu"
)

// init prepares the module. A lock file that we kept from an earlier run must
// not keep the module from asking for another version of a provider.
func (r *run) init(ctx context.Context) error {
	r.log.printf("tofu init")
	err := r.cli.Init(ctx, tofu.InitOptions{Args: r.inputs.Args.Init})
	if err != nil && r.kept && ctx.Err() == nil && outdatedLock(err) {
		r.log.printf("the provider versions of the last run do not fit any more, choosing anew")
		if err := os.Remove(filepath.Join(r.root, lockFile)); err != nil {
			return err
		}
		err = r.cli.Init(ctx, tofu.InitOptions{Args: r.inputs.Args.Init})
	}
	if err := r.outcome(ctx, err, ReasonInitFailed, initializing); err != nil {
		return err
	}
	return r.keepPlugins()
}

// plan makes the plan and judges it.
func (r *run) plan(ctx context.Context) error {
	options := tofu.PlanOptions{Out: r.path(planFile), Args: r.inputs.Args.Plan, Unlocked: r.onlyPlans()}
	if r.Operation == infrav1.OperationDestroy {
		options.Destroy, options.Args = true, r.inputs.Args.Destroy
	}
	r.log.printf("tofu plan")
	plan, err := r.cli.Plan(ctx, options)
	if err != nil {
		err = r.outcome(ctx, err, ReasonPlanFailed, planning)
		var f *failure
		if errors.As(err, &f) && f.reason == ReasonPlanFailed {
			err = r.validate(ctx, f)
		}
		return err
	}
	r.planned, r.changed, r.changes = true, plan.Changed, plan.Changes
	r.result.Plan = count(plan.Changes)
	r.result.Plan.Time = metav1.Unix(time.Now().Unix(), 0)
	r.result.Plan.Digest, err = digest(reduce(plan.Changes), r.result.InputsDigest, r.store.state, tfstate.RestoredBy(r.store.secret))
	return err
}

// count counts a plan's changes; a replacement is neither an addition nor a
// destruction. What is only forgotten is not counted.
func count(changes []tofu.ResourceChange) *infrav1.PlanSummary {
	n := map[string]int32{}
	for _, c := range changes {
		n[c.Action]++
	}
	return &infrav1.PlanSummary{
		Add:     ptr.To(n[tofu.ActionCreate] + n[tofu.ActionForgetCreate]),
		Change:  ptr.To(n[tofu.ActionUpdate]),
		Destroy: ptr.To(n[tofu.ActionDelete]),
		Replace: ptr.To(n[tofu.ActionReplace]),
	}
}

// validate tells a module that is wrong from a plan that failed for a reason
// outside of it, such as a provider that does not start.
func (r *run) validate(ctx context.Context, planFailed *failure) error {
	v, err := r.cli.Validate(ctx)
	if err != nil || !slices.ContainsFunc(tofu.Errors(v.Diagnostics), inModule) {
		return planFailed
	}
	return fail(ReasonModuleInvalid, summarize(v.Diagnostics, r.clean))
}

// inModule tells whether an error is about a place in the module.
func inModule(d tofu.Diagnostic) bool { return d.Range != nil }

// show keeps a plan that changes resources for people to read. One that changes
// outputs only is no news of the infrastructure.
func (r *run) show(ctx context.Context) (err error) {
	if r.result.Plan.ChangesResources() {
		r.planText, err = r.readablePlan(ctx)
	}
	return err
}

// apply carries out the plan, if that changes anything.
func (r *run) apply(ctx context.Context) error {
	if !r.changed {
		r.log.printf("no changes")
		return nil
	}
	reason, args := ReasonApplyFailed, r.inputs.Args.Apply
	if r.Operation == infrav1.OperationDestroy {
		reason, args = ReasonDestroyFailed, r.inputs.Args.DestroyApply
	}
	cli := r.cli
	// A write that is held until the grace ends must be given up first, and
	// the state be left on disk.
	cli.Grace = r.Grace + leaveTime
	r.log.printf("tofu apply")
	err := cli.Apply(ctx, tofu.ApplyOptions{Plan: r.path(planFile), Args: args})
	return r.outcome(ctx, err, reason, applying)
}
