package runner

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// reportedRuns is how many runs the reports Secret tells of.
	reportedRuns = 5
	// maxPlanText is how much of a plan it holds, in bytes, and maxLogTail how
	// much of a log. Together they fit into a Secret, which takes 1 MiB.
	maxPlanText = 128 << 10
	maxLogTail  = 32 << 10
)

// Endings of the keys of the reports Secret, after the name of the run.
const (
	logEnding  = ".log"
	planEnding = ".plan"
)

// DriftReport is what the report of a run that only plans is kept under, instead of
// the name of the run: there is one, so that it takes no place from those of runs
// that change something.
const DriftReport = "drift"

// PlanKey is the key of the reports Secret for the plan of a run.
func PlanKey(run string) string { return run + planEnding }

// ReportsName is the name of the Secret in which people can read the plans and
// the logs of the last runs of a workspace. They are free of what is known to be
// secret; a Secret they are all the same, because nobody can know all.
func ReportsName(workspace string) string { return workspace + "-reports" }

// readablePlan is the plan as OpenTofu shows it to people, which hides what is
// sensitive.
func (r *run) readablePlan(ctx context.Context) (string, error) {
	text, err := r.cli.Show(ctx, r.path(planFile))
	if err != nil {
		return "", r.outcome(ctx, err, ReasonPlanFailed, showing)
	}
	return shorten(r.clean(string(text)), maxPlanText), nil
}

// report writes the end of the log, and the plan if it is to be approved, into
// the reports Secret.
func (r *run) report(ctx context.Context) error {
	if r.inputs == nil {
		return nil // the workspace is not known to exist
	}
	name := r.Run
	if r.onlyPlans() {
		name = DriftReport
	}
	news := map[string][]byte{name + logEnding: r.log.tail()}
	if r.planText != "" {
		news[PlanKey(name)] = []byte(r.planText)
	}
	foreign := false
	err := retry(ctx, refused, r.awaitAPI, func(ctx context.Context) error {
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: r.Namespace, Name: ReportsName(r.Workspace)}}
		err := r.client.Get(ctx, client.ObjectKeyFromObject(secret), secret)
		put := func() error { return r.client.Update(ctx, secret) }
		if apierrors.IsNotFound(err) {
			put, err = func() error { return r.client.Create(ctx, secret) }, nil
		}
		if err != nil {
			return err
		}
		if foreign = secret.ResourceVersion != "" && !r.owns(secret); foreign {
			return nil
		}
		if secret.Labels == nil {
			secret.Labels = map[string]string{}
		}
		maps.Copy(secret.Labels, r.labels)
		secret.OwnerReferences = r.owners
		secret.Data = r.addReport(secret.Data, news)
		return put()
	})
	if err != nil {
		return fmt.Errorf("writing the report to Secret %s: %w", ReportsName(r.Workspace), err)
	}
	if foreign {
		return fmt.Errorf("the report is not kept: %s", SecretNotOurs(ReportsName(r.Workspace), r.Workspace))
	}
	r.result.ReportSecret = ReportsName(r.Workspace)
	return nil
}

// owns tells whether a Secret belongs to the workspace of the run.
func (r *run) owns(secret *corev1.Secret) bool {
	return slices.ContainsFunc(secret.OwnerReferences, func(owner metav1.OwnerReference) bool {
		return slices.ContainsFunc(r.owners, func(ours metav1.OwnerReference) bool { return ours.UID == owner.UID })
	})
}

// addReport adds the report of a run to those of earlier ones, and leaves out the
// oldest.
func (r *run) addReport(data, news map[string][]byte) map[string][]byte {
	kept := maps.Clone(news)
	runs := map[int]bool{}
	for _, keys := range []map[string][]byte{data, news} {
		for key := range keys {
			runs[r.sequence(key)] = true
		}
	}
	delete(runs, noSequence)
	newest := slices.Sorted(maps.Keys(runs))
	newest = newest[max(0, len(newest)-reportedRuns):]
	for key, value := range data {
		_, replaced := news[key]
		ofDrift := reportOf(key) == DriftReport && !r.onlyPlans()
		if !replaced && (ofDrift || slices.Contains(newest, r.sequence(key))) {
			kept[key] = value
		}
	}
	return kept
}

// noSequence is the number of what has none.
const noSequence = -1

// sequence is the number of the run in the name of a key; noSequence if it has none.
func (r *run) sequence(key string) int {
	n, err := strconv.Atoi(strings.TrimPrefix(reportOf(key), r.Workspace+"-"))
	if err != nil {
		return noSequence
	}
	return n
}

// reportOf is the name of the report that a key belongs to.
func reportOf(key string) string {
	return strings.TrimSuffix(strings.TrimSuffix(key, logEnding), planEnding)
}

// lastBytes is the end of a text, at most so many bytes of it, from the beginning
// of a line.
func lastBytes(text []byte, most int) []byte {
	if len(text) <= most {
		return text
	}
	text = text[len(text)-most:]
	for i, b := range text {
		if b == '\n' {
			return text[i+1:]
		}
	}
	for len(text) > 0 && !utf8.RuneStart(text[0]) {
		text = text[1:]
	}
	return text
}
