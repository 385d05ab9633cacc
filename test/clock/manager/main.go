// Command manager is CAPT's manager with a clock that a test sets: it
// is the real time and what a file says, a duration such as -12m, read each
// time that somebody asks. Everything else is the very same.
package main

import (
	"fmt"
	"os"

	"github.com/spf13/pflag"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/captproject/capt/internal/manager"
)

// offsetVariable is the environment variable with the path of the file.
const offsetVariable = "CAPT_TEST_CLOCK"

func main() {
	options := manager.NewOptions()
	options.AddFlags(pflag.CommandLine)
	pflag.Parse()
	ctrl.SetLogger(klog.Background())
	if err := manager.Start(ctrl.SetupSignalHandler(), options, offsetClock(os.Getenv(offsetVariable))); err != nil {
		fmt.Fprintf(os.Stderr, "capt-manager: %v\n", err)
		os.Exit(1)
	}
}
