package main

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Aims.
const (
	// aimOverhead is how many seconds CAPT may take more than the bare CLI.
	aimOverhead = 1.5
	// aimThroughput is how many runs CAPT carries out in the time in which the
	// bare CLI carries out one.
	aimThroughput = 0.7
	// aimRequests is how many requests of a kind CAPT's manager may make at
	// rest.
	aimRequests = 0
)

// table is the report for people.
func (r *report) table() string {
	text := &strings.Builder{}
	fmt.Fprintf(text, "\n%s\n%s\n", r.Started.Format(time.DateTime+" UTC"), r.Machine)
	if len(r.Creation) > 0 {
		r.creationTable(text)
		r.phasesTable(text)
	}
	if r.Secrets != nil {
		r.Secrets.table(text)
	}
	if r.Throughput != nil {
		r.Throughput.table(text)
	}
	if len(r.Clusters) > 0 {
		clustersTable(text, r.Clusters)
	}
	if r.Plugins != nil {
		r.Plugins.table(text)
	}
	if r.Rest != nil {
		r.Rest.table(text)
	}
	return text.String()
}

// columns calls write with lines whose tabs become columns.
func columns(text *strings.Builder, write func(line func(format string, args ...any))) {
	w := tabwriter.NewWriter(text, 0, 0, 3, ' ', 0)
	write(func(format string, args ...any) { _, _ = fmt.Fprintf(w, format+"\n", args...) })
	_ = w.Flush()
}

func (r *report) creationTable(text *strings.Builder) {
	fmt.Fprintf(text, "\nFrom a Cluster to its kubeconfig Secret, in seconds, %d rounds\n", len(r.Creation[0].CAPT))
	columns(text, func(line func(string, ...any)) {
		line("\t\tmin\tmedian\tmax\taim")
		for _, c := range r.Creation {
			c.lines(line)
		}
	})
	text.WriteString(`The bare CLI applies the same two modules, one after the other: tofu init, plan -out, apply, output -json each,
with local state. Differences and ratio are those of each round. A round before, with cold caches, is not counted.
Cluster API core looks at a Cluster at most once a second, and names itself the owner when it looks for the third
time: only then may a provider begin.
`)
}

func (c *creation) lines(line func(string, ...any)) {
	minus := func(a, b float64) float64 { return a - b }
	core := c.core()
	differences := pairwise(c.CAPT, c.CLI, minus)
	row := func(scenario, what string, numbers []float64, aim string) {
		s := spreadOf(numbers)
		line("%s\t%s\t%.2f\t%.2f\t%.2f\t%s", scenario, what, s.min, s.median, s.max, aim)
	}
	row(c.Scenario, "CAPT", c.CAPT, "")
	row("", "  of that, Cluster API core", core, "")
	row("", "bare CLI", c.CLI, "")
	row("", "difference", differences, verdict(spreadOf(differences).median <= aimOverhead, fmt.Sprintf("median at most %.1f", aimOverhead)))
	row("", "  without Cluster API core", pairwise(differences, core, minus), "")
	row("", "ratio", pairwise(c.CAPT, c.CLI, func(a, b float64) float64 { return a / b }), "")
}

func verdict(met bool, aim string) string {
	if met {
		return aim + ": met"
	}
	return aim + ": MISSED"
}

// phasesTable shows where the time goes, by medians.
func (r *report) phasesTable(text *strings.Builder) {
	text.WriteString("\nWhere the time goes, medians in seconds\n")
	columns(text, func(line func(string, ...any)) {
		head := "CAPT"
		for _, c := range r.Creation {
			head += "\t" + c.Scenario
		}
		line("%s", head)
		r.medians(line, func(c *creation) []phase { return c.Phases })
		line("bare CLI%s", strings.Repeat("\t", len(r.Creation)))
		r.medians(line, func(c *creation) []phase { return c.Commands })
	})
}

// medians writes a line for each of the phases.
func (r *report) medians(line func(string, ...any), of func(*creation) []phase) {
	for i, p := range of(r.Creation[0]) {
		row := "  " + p.Name
		for _, c := range r.Creation {
			row += fmt.Sprintf("\t%.2f", spreadOf(of(c)[i].Seconds).median)
		}
		line("%s", row)
	}
}

func (m *throughput) table(text *strings.Builder) {
	fmt.Fprintf(text, "\n%d runs of a module of one terraform_data, %d at a time, Process executor, %d rounds\n", m.Runs, m.Parallel, len(m.CAPT))
	columns(text, func(line func(string, ...any)) {
		line("\tmin\tmedian\tmax\taim")
		row := func(what string, numbers []float64, aim string) {
			s := spreadOf(numbers)
			line("%s\t%.2f\t%.2f\t%.2f\t%s", what, s.min, s.median, s.max, aim)
		}
		row("CAPT, in seconds", m.CAPT, "")
		row("bare CLI, in seconds", m.CLI, "")
		row("CPU of a run by CAPT, in seconds", m.CAPTCPU, "")
		row("  and of the management cluster", m.ClusterCPU, "")
		row("CPU of a run by the bare CLI", m.CLICPU, "")
		ratios := pairwise(m.CLI, m.CAPT, func(a, b float64) float64 { return a / b })
		row("throughput of CAPT by that of the bare CLI", ratios, verdict(spreadOf(ratios).median >= aimThroughput, fmt.Sprintf("median at least %.1f", aimThroughput)))
	})
	columns(text, func(line func(string, ...any)) {
		line("memory of CAPT's manager, at most\t%.0f MiB", m.ManagerBytes/mebibyte)
		line("  and of its runners with all that they start\t%.0f MiB", m.AllBytes/mebibyte)
		line("memory of the bare CLI, at most\t%.0f MiB", m.CLIBytes/mebibyte)
	})
}

const mebibyte = 1 << 20

// shownRequests are at most so many that are named in the table.
const shownRequests = 10

func (r *atRest) table(text *strings.Builder) {
	fmt.Fprintf(text, "\nCAPT's manager at rest with %d clusters, for %.0f s\n", r.Clusters, r.Seconds)
	aim := func(made []string) string {
		return verdict(len(made) <= aimRequests, fmt.Sprintf("%d", aimRequests))
	}
	columns(text, func(line func(string, ...any)) {
		line("\t\taim")
		line("API writes, lease left out\t%d\t%s", len(r.Requests.Writes), aim(r.Requests.Writes))
		line("API writes per hour\t%.0f\t", float64(len(r.Requests.Writes))*3600/r.Seconds)
		line("API reads, watches and lease left out\t%d\t%s", len(r.Requests.Reads), aim(r.Requests.Reads))
		line("watches begun anew\t%d\t", r.Requests.Watches)
		line("requests about the lease\t%d\t", r.Requests.Lease)
		line("CPU\t%.2f s\t", r.CPUSeconds)
		line("memory resident\t%.0f MiB\t", r.ResidentBytes/mebibyte)
		line("memory resident at most, while the clusters were made\t%.0f MiB\t", r.PeakBytes/mebibyte)
		line("memory of the heap\t%.0f MiB\t", r.HeapBytes/mebibyte)
	})
	made := slices.Concat(r.Requests.Writes, r.Requests.Reads)
	for _, request := range made[:min(len(made), shownRequests)] {
		fmt.Fprintf(text, "  %s\n", request)
	}
	if len(made) > shownRequests {
		fmt.Fprintf(text, "  and %d more: see the JSON\n", len(made)-shownRequests)
	}
}
