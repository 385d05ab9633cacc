package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// report is all that was measured, as it is written to the JSON file.
type report struct {
	Started    time.Time   `json:"started"`
	Machine    machine     `json:"machine"`
	Creation   []*creation `json:"creation,omitempty"`
	Secrets    *secrets    `json:"secrets,omitempty"`
	Throughput *throughput `json:"throughput,omitempty"`
	Clusters   []*clusters `json:"clusters,omitempty"`
	Plugins    *plugins    `json:"plugins,omitempty"`
	Rest       *atRest     `json:"rest,omitempty"`
	// NotMeasured says what could not be measured, and why.
	NotMeasured []string `json:"notMeasured,omitempty"`
}

func newReport(ctx context.Context, checkout string) *report {
	return &report{Started: time.Now().UTC(), Machine: thisMachine(ctx, checkout)}
}

// failed notes that something could not be measured.
func (r *report) failed(what string, err error) {
	r.NotMeasured = append(r.NotMeasured, fmt.Sprintf("%s: %v", what, err))
}

// save writes the report to a new file in dir and returns its path.
func (r *report) save(dir string) (string, error) {
	content, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("make the folder for results: %w", err)
	}
	path := filepath.Join(dir, r.Started.Format("20060102T150405Z")+".json")
	if err := os.WriteFile(path, append(content, '\n'), 0o644); err != nil {
		return "", fmt.Errorf("write the result: %w", err)
	}
	return path, nil
}
