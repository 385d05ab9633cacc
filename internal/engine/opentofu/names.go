package opentofu

import (
	"fmt"
	"strconv"
	"strings"
)

// inputsDigits is how much of a digest the name of an inputs Secret holds.
const inputsDigits = 10

func inputsName(workspace, digest string) string {
	return fmt.Sprintf("%s-inputs-%s", workspace, digest[:inputsDigits])
}

func runName(workspace string, sequence int) string {
	return fmt.Sprintf("%s-%d", workspace, sequence)
}

// sequenceOf returns the number of a run; 0 if the name is none of a run.
func sequenceOf(workspace, run string) int {
	digits, ok := strings.CutPrefix(run, workspace+"-")
	if !ok {
		return 0
	}
	sequence, err := strconv.Atoi(digits)
	if err != nil || sequence < 0 {
		return 0
	}
	return sequence
}
