package run

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/cluster-api/util/conditions"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/engine/opentofu"
	"github.com/captproject/capt/internal/phase"
)

// Limits are how many runs are carried out at once; 0 is no limit.
type Limits struct {
	// Total is the limit for all, PerNamespace the one for each namespace.
	Total, PerNamespace int
}

// steps are the positions in the queue that are told: a run is among the first so many.
// Each run that ends changes the positions of all that wait; who is told another one
// writes its status, and nobody needs to know so exactly.
var steps = []int{1, 5, 20, 100}

// order is what goes first, and what last: somebody waits for a deletion, and nobody
// for a plan that is only looked at.
var order = map[infrav1.Operation]int{infrav1.OperationDestroy: -1, infrav1.OperationPlan: 1}

// checkedShare is the part of all workspaces, one in so many, that may be checked for
// drift at once; one always may.
const checkedShare = 10

// queue knows of runs what the cache does not.
type queue struct {
	mu sync.Mutex
	// begun are those that have begun, before the cache knows.
	begun map[types.UID]bool
	// refused are those that could not be started, until they have ended.
	refused map[types.UID]refusal
	// gaveWay takes a run that has given way to others; nil if nobody is to be woken.
	gaveWay chan event.GenericEvent
}

// takeTurn has a run wait until it may begin. One that has is not held up, nor one
// that was deleted, which does not begin any more. A manager that was killed may
// have started a run without noting it.
func (r *Reconciler) takeTurn(ctx context.Context, s *scope) phase.Outcome {
	if s.run.Begun() || s.mustNotBegin() {
		return phase.Done()
	}
	if refused, left := r.queue.sleeps(s.run, r.now()); left > 0 {
		return phase.FailFor(ReasonNotStarted, refused.err, left)
	}
	position, err := r.place(ctx, s.run)
	if err != nil {
		return r.giveWay(s.run, err)
	}
	if position == 0 {
		return phase.Done()
	}
	started, err := r.Executor.Started(ctx, s.run)
	if err != nil {
		return r.giveWay(s.run, err)
	}
	if started {
		return phase.Done()
	}
	s.run.Status.Phase = infrav1.RunPending
	return phase.Wait(opentofu.ReasonQueued, queued(position), 0).InProgress()
}

// place is the position of a run in the queue; 0 means that it begins now, and
// counts from now on.
func (r *Reconciler) place(ctx context.Context, run *infrav1.WorkspaceRun) (int, error) {
	r.queue.mu.Lock()
	defer r.queue.mu.Unlock()
	_, positions, err := r.waiting(ctx)
	if err != nil {
		return 0, err
	}
	position := positions[run.UID]
	if position == 0 {
		r.queue.begin(run)
	}
	return position, nil
}

func (q *queue) begin(run *infrav1.WorkspaceRun) {
	if q.begun == nil {
		q.begun = map[types.UID]bool{}
	}
	q.begun[run.UID] = true
}

// queued tells where in the queue a run is. Who is first is not always the next to
// begin: its namespace, or the share of the checks, may hold it up.
func queued(position int) string {
	for _, among := range steps {
		switch {
		case position <= among && among == 1:
			return "it waits for its turn, first in the queue"
		case position <= among:
			return fmt.Sprintf("it waits for its turn, among the first %d in the queue", among)
		}
	}
	return fmt.Sprintf("it waits for its turn, after the first %d in the queue", steps[len(steps)-1])
}

// waiting are the runs that have not ended, and the positions of those that may not
// begin yet.
func (r *Reconciler) waiting(ctx context.Context) ([]infrav1.WorkspaceRun, map[types.UID]int, error) {
	runs, err := r.unended(ctx)
	if err != nil {
		return nil, nil, err
	}
	checks := 0
	if slices.ContainsFunc(runs, opentofu.IsCheck) {
		workspaces := &infrav1.WorkspaceTemplateApplyList{}
		if err := r.Client.List(ctx, workspaces, r.WatchFilter, client.UnsafeDisableDeepCopy); err != nil {
			return nil, nil, fmt.Errorf("counting WorkspaceTemplateApplies: %w", err)
		}
		checks = max(1, len(workspaces.Items)/checkedShare)
	}
	return runs, r.Limits.positions(runs, checks), nil
}

// unended are the runs of the cache that have not ended, except for those that sleep;
// what the queue knows of them is in them.
func (r *Reconciler) unended(ctx context.Context) ([]infrav1.WorkspaceRun, error) {
	list := &infrav1.WorkspaceRunList{}
	// There are many that have ended. What is set here is in a copy all the same.
	if err := r.Client.List(ctx, list, r.WatchFilter, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("listing WorkspaceRuns: %w", err)
	}
	runs := slices.DeleteFunc(list.Items, func(run infrav1.WorkspaceRun) bool { return run.Ended() })
	r.queue.forget(runs)
	now := r.now()
	runs = slices.DeleteFunc(runs, func(run infrav1.WorkspaceRun) bool { return r.queue.refused[run.UID].left(now) > 0 })
	for i := range runs {
		run := &runs[i]
		if r.queue.begun[run.UID] {
			run.Status.StartTime = run.CreationTimestamp
		}
		if refused, ok := r.queue.refused[run.UID]; ok {
			run.CreationTimestamp = refused.at
		}
	}
	return runs, nil
}

// forget leaves only what is known of these runs.
func (q *queue) forget(except []infrav1.WorkspaceRun) {
	known := map[types.UID]bool{}
	for i := range except {
		known[except[i].UID] = true
	}
	maps.DeleteFunc(q.begun, func(uid types.UID, _ bool) bool { return !known[uid] })
	maps.DeleteFunc(q.refused, func(uid types.UID, _ refusal) bool { return !known[uid] })
}

// positions are the places in the queue, from 1 on, of the runs that may not begin
// yet; 0 may. A run that its namespace holds up holds up nobody of another. checks is
// how many runs that only plan are carried out at once.
func (l Limits) positions(runs []infrav1.WorkspaceRun, checks int) map[types.UID]int {
	runs = slices.SortedFunc(slices.Values(runs), before)
	positions := map[types.UID]int{}
	if l.Total > 0 {
		checks = min(checks, max(1, l.Total/2)) // the rest is for those who wait for something
	}
	total, checking, waiting, inNamespace := 0, 0, 0, map[string]int{}
	for i := range runs {
		run := &runs[i]
		full := l.Total > 0 && total >= l.Total || l.PerNamespace > 0 && inNamespace[run.Namespace] >= l.PerNamespace ||
			opentofu.IsCheck(*run) && checking >= checks
		if full && !run.Begun() {
			waiting++
			positions[run.UID] = waiting
			continue
		}
		total++
		inNamespace[run.Namespace]++
		if opentofu.IsCheck(*run) {
			checking++
		}
	}
	return positions
}

// before orders runs: those that have begun, then by what they do, then by age.
func before(a, b infrav1.WorkspaceRun) int {
	begun := map[bool]int{true: 0, false: 1}
	return cmp.Or(
		cmp.Compare(begun[a.Begun()], begun[b.Begun()]),
		cmp.Compare(order[a.Spec.Operation], order[b.Spec.Operation]),
		a.CreationTimestamp.Compare(b.CreationTimestamp.Time),
		cmp.Compare(a.Namespace+"/"+a.Name, b.Namespace+"/"+b.Name),
	)
}

// makesRoom lets through that a run has just ended, or is gone. Those that have
// ended before the manager was started make no room for anybody.
func makesRoom() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc:  func(event.CreateEvent) bool { return false },
		GenericFunc: func(event.GenericEvent) bool { return false },
		UpdateFunc: func(e event.UpdateEvent) bool {
			return !e.ObjectOld.(*infrav1.WorkspaceRun).Ended() && e.ObjectNew.(*infrav1.WorkspaceRun).Ended()
		},
	}
}

// next returns the runs to look at when one makes room or gives way: who may begin now,
// and who has to be told another position.
func (r *Reconciler) next(ctx context.Context, _ client.Object) []reconcile.Request {
	r.queue.mu.Lock()
	defer r.queue.mu.Unlock()
	runs, positions, err := r.waiting(ctx)
	if err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Runs that wait are not woken")
		return nil
	}
	var requests []reconcile.Request
	for i := range runs {
		run := &runs[i]
		position := positions[run.UID]
		if !run.Begun() && (position == 0 || queued(position) != conditions.GetMessage(run, infrav1.SucceededCondition)) {
			requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(run)})
		}
	}
	return requests
}
