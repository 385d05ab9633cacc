package main

import (
	"testing"

	. "github.com/onsi/gomega"
)

func TestSpread(t *testing.T) {
	g := NewWithT(t)
	g.Expect(spreadOf([]float64{3})).To(Equal(spread{3, 3, 3}))
	g.Expect(spreadOf([]float64{4, 1, 2})).To(Equal(spread{1, 2, 4}))
	g.Expect(spreadOf([]float64{4, 1, 2, 3})).To(Equal(spread{1, 2.5, 4}))
}

func example() *report {
	return &report{
		Creation: []*creation{{
			Scenario: "small",
			CAPT:     []float64{3, 4, 9}, CLI: []float64{1, 2, 3},
			Phases: []phase{
				{Name: "theirs", Core: true, Seconds: []float64{1, 1, 2}},
				{Name: "ours", Seconds: []float64{2, 3, 7}},
			},
			Commands: []phase{{Name: "network: tofu init", Seconds: []float64{1, 2, 3}}},
		}},
		Throughput: &throughput{
			Runs: 100, Parallel: 20, CAPT: []float64{20, 10, 40}, CLI: []float64{10, 9, 10},
			CAPTCPU: []float64{1, 1, 1}, ClusterCPU: []float64{2, 2, 2}, CLICPU: []float64{0.5, 0.5, 0.5},
			ManagerBytes: 50 * mebibyte, AllBytes: 800 * mebibyte, CLIBytes: 900 * mebibyte,
		},
		Clusters: []*clusters{
			{
				Clusters: 50, Parallel: 20, Published: 55.4, Available: 80.2, CLI: 20.1,
				Manager: demand{Writes: 40, Reads: 60.5}, Runners: demand{Writes: 10, Reads: 16}, Core: demand{Writes: 25, Reads: 0.4},
				BeforeBytes: 50 * mebibyte, PeakBytes: 90 * mebibyte, AfterBytes: 80 * mebibyte,
			},
			{Clusters: 200, Parallel: 20, Available: 300, Core: demand{Writes: 26}, AfterBytes: 150 * mebibyte},
		},
		Plugins: &plugins{
			PluginBytes: 20 * mebibyte,
			Without:     cost{[]float64{1}, []float64{0}}, Unpacking: cost{[]float64{3}, []float64{20 * mebibyte}}, Linking: cost{[]float64{2}, []float64{0}},
			CAPT: cost{[]float64{5}, []float64{mebibyte}}, CAPTWithout: cost{[]float64{4}, []float64{mebibyte}},
		},
		Rest: &atRest{
			Clusters: 10, Seconds: 120, CPUSeconds: 0.5, ResidentBytes: 50 * mebibyte, PeakBytes: 60 * mebibyte, HeapBytes: 20 * mebibyte,
			Requests: requests{Lease: 60, Watches: 2, Reads: []string{"get secrets a/b"}},
		},
	}
}

func TestTable(t *testing.T) {
	g := NewWithT(t)
	table := example().table()
	for _, line := range []string{
		`small +CAPT +3\.00 +4\.00 +9\.00`,
		`of that, Cluster API core +1\.00 +1\.00 +2\.00`,
		`bare CLI +1\.00 +2\.00 +3\.00`,
		`difference +2\.00 +2\.00 +6\.00 +median at most 1\.5: MISSED`,
		`without Cluster API core +1\.00 +1\.00 +4\.00`,
		`ratio +2\.00 +3\.00 +3\.00`,
		`theirs +1\.00`,
		`ours +3\.00`,
		`network: tofu init +2\.00`,
		`CAPT, in seconds +10\.00 +20\.00 +40\.00`,
		`throughput of CAPT .* 0\.25 +0\.50 +0\.90 +median at least 0\.7: MISSED`,
		`and of its runners with all that they start +800 MiB`,
		` +50 Clusters +200 Clusters`,
		`seconds until all are Available +80\.2 +300\.0`,
		`seconds until all have their kubeconfig Secret +55\.4`,
		`bare CLI for both modules of each +20\.1`,
		`API writes .*CAPT's manager +40\.0`,
		`API reads, CAPT's manager +60\.5`,
		`API writes .*CAPT's runners +10\.0`,
		`API reads, CAPT's runners +16\.0`,
		`API writes .*Cluster API core +25\.0 +26\.0`,
		`API reads, Cluster API core +0\.4`,
		`memory of CAPT's manager before +50 MiB`,
		`at most +90 MiB`,
		`after +80 MiB +150 MiB`,
		`unpacking the plugin +3\.00 +3\.00 +3\.00 +20\.00`,
		`with the unpacked mirror +5\.00 +5\.00 +5\.00 +1\.00`,
		`API writes.* 0 +0: met`,
		`API reads.* 1 +0: MISSED`,
		`get secrets a/b`,
		`CPU +0\.50 s`,
		`memory resident +50 MiB`,
	} {
		g.Expect(table).To(MatchRegexp(line))
	}
}

func TestATableOfWhatWasMeasured(t *testing.T) {
	g := NewWithT(t)
	r := example()
	r.Creation = nil
	g.Expect(r.table()).NotTo(ContainSubstring("From a Cluster to its kubeconfig Secret"))
	r.Clusters = nil
	g.Expect(r.table()).NotTo(ContainSubstring("created at once"))
	r.Rest = nil
	g.Expect(r.table()).NotTo(ContainSubstring("at rest"))
}
