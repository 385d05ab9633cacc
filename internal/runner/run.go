package runner

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/inputs"
	"github.com/captproject/capt/internal/tfstate"
	"github.com/captproject/capt/internal/tofu"
)

// run is one run on its way. Each field says who fills it.
type run struct {
	Options                // Run
	client   client.Client // Run
	redactor *redactor     // Run; readInputs and the backend add to it
	log      *runLog       // Run
	result   *Result       // Run, then everybody

	inputs *inputs.Inputs          // readInputs
	labels map[string]string       // readInputs
	owners []metav1.OwnerReference // readInputs

	lock     *stateLock  // takeLock; nil if the run does not hold the lock
	store    *stateStore // openState
	ourState []byte      // openState, if the template has a backend: the state that we kept nevertheless
	server   *backend    // openState

	root    string         // writeModule: OpenTofu's working directory
	outputs *corev1.Secret // writeLockFile, as it was; nil if there was none
	cli     tofu.CLI       // openState, writeModule
	kept    bool           // writeLockFile: the lock file is that of an earlier run

	changed  bool                  // plan: there is something to apply
	planned  bool                  // plan: it was made
	changes  []tofu.ResourceChange // plan
	planText string                // judge, show: the plan for people; "" unless somebody has to look at it
}

// Run carries out one run and writes its result to the run's directory. When
// ctx is done it is interrupted: what must not be cut short is finished, within
// the grace. The error says that the result could not be written; that the run
// failed is part of the result.
func Run(ctx context.Context, c client.Client, o Options) (*Result, error) {
	if o.Grace == 0 {
		o.Grace = DefaultGrace
	}
	result := &Result{Run: o.Run, Operation: o.Operation, Started: time.Now().UTC()}
	if err := errors.Join(os.MkdirAll(o.Dir, 0o700), os.Chmod(o.Dir, 0o700)); err != nil {
		return nil, fmt.Errorf("creating the directory of the run: %w", err)
	}
	if err := os.Remove(filepath.Join(o.Dir, resultFile)); err != nil && !os.IsNotExist(err) {
		return nil, fmt.Errorf("removing the result of an earlier start: %w", err)
	}
	r := &run{Options: o, client: c, redactor: newRedactor(), result: result}
	log, err := openLog(filepath.Join(o.Dir, logFile), o.Log, r.clean)
	if err != nil {
		return nil, err
	}
	defer log.close()
	r.log = log
	if err := os.WriteFile(r.path(reservedFile), make([]byte, reservedSpace), 0o600); err != nil {
		return nil, fmt.Errorf("reserving space for the result: %w", err)
	}

	limited, cancel := r.limited(ctx)
	defer cancel()
	r.finish(r.guard(func() error { return r.carryOut(limited) }))
	result.Finished = time.Now().UTC()
	_ = os.Remove(r.path(reservedFile))
	return result, result.publish(o)
}

// carryOut does what the run is for.
func (r *run) carryOut(ctx context.Context) error {
	r.log.printf("run %s: %s of workspace %s/%s", r.Run, strings.ToLower(string(r.Operation)), r.Namespace, r.Workspace)
	for _, step := range r.steps() {
		if ctx.Err() != nil {
			return r.interrupted(ctx)
		}
		if err := step(ctx); err != nil {
			if ctx.Err() != nil && !r.planned {
				return r.interrupted(ctx)
			}
			return err
		}
	}
	return nil
}

// steps are what a run does, in this order. One that only plans does not take the
// lock, and therefore writes nothing of the state: it may be killed at any moment.
func (r *run) steps() []func(context.Context) error {
	if r.onlyPlans() {
		return []func(context.Context) error{
			r.readInputs, r.openState, r.emptyDirectory, r.writeModule, r.writeVariables, r.writeLockFile,
			r.init, r.pullState, r.expectState, r.plan, r.show,
		}
	}
	return []func(context.Context) error{
		r.readInputs, r.takeLock, r.openState, r.recover, r.restore, r.emptyDirectory,
		r.writeModule, r.writeVariables, r.writeLockFile,
		r.init, r.pullState, r.expectState, r.plan, r.judge, r.noteElsewhere, r.apply,
	}
}

func (r *run) onlyPlans() bool { return r.Operation == infrav1.OperationPlan }

// finish ends the run, whatever became of it: outputs, state, lock, result.
func (r *run) finish(err error) {
	// What is left to do is short and must be done although the run may have
	// been interrupted.
	ctx, cancel := context.WithTimeout(context.Background(), r.Grace)
	defer cancel()
	if r.onlyPlans() {
		err = errors.Join(err, r.forgetForeignStates()) // it has none of its own
	}
	if saveErr := r.stateNotSaved(err); saveErr != nil {
		err = saveErr
	}
	r.lookElsewhere(ctx)
	if markErr := r.guard(func() error { return r.markEmpty(ctx) }); markErr != nil && err == nil {
		err = markErr
	}
	if !errors.Is(err, errAwaitsApproval) {
		if storeErr := r.guard(func() error { return r.storeOutputs(ctx, err == nil) }); storeErr != nil && err == nil {
			err = storeErr
		}
	}
	if r.server != nil {
		r.server.close()
	}
	if r.store != nil {
		empty, unreadable := tfstate.Empty(r.store.state)
		r.result.StateEmpty = empty || unreadable != nil && tfstate.MarkedEmpty(r.store.secret, r.store.state)
	}
	r.releaseLock(ctx)
	r.conclude(err)
	if err := r.guard(func() error { return r.report(ctx) }); err != nil {
		r.log.printf("%v", err)
		if r.result.Phase == infrav1.RunAwaitingApproval {
			r.result.fill(fail(ReasonBackendFailed, err.Error()), r.redactor.clean) // nobody could read the plan
		}
	}
}

// conclude puts into the result how the run ended.
func (r *run) conclude(err error) {
	switch {
	case err == nil:
		r.result.Phase = infrav1.RunSucceeded
		r.warn()
		r.log.printf("succeeded %s", r.result.Message)
	case errors.Is(err, errAwaitsApproval):
		r.result.Phase = infrav1.RunAwaitingApproval
	default:
		r.result.fill(err, r.redactor.clean)
		r.log.printf("failed: %s: %s", r.result.Reason, r.result.Message)
	}
}

// warn says with a success that the state will soon be too large.
func (r *run) warn() {
	if size, near := tfstate.NearLimit(r.store.state); near && !r.elsewhere() {
		r.result.Reason = ReasonStateNearLimit
		r.result.Message = fmt.Sprintf("the state has %d bytes when compressed, and at most %d can be kept: divide the module", size, tfstate.MaxSize)
	}
}

// releaseLock gives the lock back, unless there is a state that only the run's
// directory holds.
func (r *run) releaseLock(ctx context.Context) {
	left, err := StateOnDisk(r.Dir)
	if err != nil {
		r.log.printf("looking for a state on disk: %v", err)
	}
	lost := r.server != nil && r.server.failed() != nil
	r.result.KeepDirectory = len(left) > 0 || err != nil || lost
	switch {
	case r.lock == nil:
	case r.result.KeepDirectory:
		r.log.printf("the lock is kept, because the state in this directory is saved nowhere else: %s", strings.Join(left, ", "))
	default:
		if err := r.lock.release(ctx); err != nil {
			r.log.printf("releasing the lock: %v", err)
		}
	}
}

// guard makes an error of a panic.
func (r *run) guard(do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			r.log.printf("panic: %v\n%s", p, debug.Stack())
			err = fail(ReasonRunnerFailed, fmt.Sprintf("the runner panicked: %v; please report it", p))
		}
	}()
	return do()
}

// clean takes secrets out of what OpenTofu said, and the run's directory, which
// is another one each time.
func (r *run) clean(text string) string {
	text = strings.ReplaceAll(text, filepath.Join(r.Dir, workDir)+"/", "")
	return r.redactor.clean(text)
}

// awaitAPI logs that the Kubernetes API refused and will be tried again.
func (r *run) awaitAPI(err error) { r.log.printf("will be tried again: %v", err) }

func (r *run) suffix() string { return tfstate.Suffix(r.Namespace, r.Workspace) }

func (r *run) path(name string) string { return filepath.Join(r.Dir, name) }

// interrupted says how far the run had come.
func (r *run) interrupted(ctx context.Context) error {
	reason, why := r.stopped(ctx)
	message := why + " before anything was changed"
	if r.planned && r.changed && !r.onlyPlans() {
		message = why + "; what had been changed until then is recorded in the state"
	}
	return fail(reason, message)
}

// errTimeout is why the context of a run ended, if it took too long.
var errTimeout = errors.New("timeout")

// limited is a context that ends, too, when the run has taken too long.
func (r *run) limited(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, r.timeout(), errTimeout)
}

func (r *run) timeout() time.Duration {
	if r.Terms.Timeout == nil {
		return DefaultTimeout
	}
	return r.Terms.Timeout.Duration
}

// stopped says why the context of the run has ended.
func (r *run) stopped(ctx context.Context) (reason, why string) {
	if errors.Is(context.Cause(ctx), errTimeout) {
		return ReasonTimeout, fmt.Sprintf("the run took longer than spec.timeout (%s) and was stopped", r.timeout())
	}
	return ReasonInterrupted, "the run was told to stop"
}
