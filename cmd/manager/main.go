// Command manager is the controller manager of CAPT.
package main

import (
	"fmt"
	"os"

	"github.com/spf13/pflag"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/captproject/capt/internal/manager"
)

func main() {
	options := manager.NewOptions()
	options.AddFlags(pflag.CommandLine)
	pflag.Parse()
	ctrl.SetLogger(klog.Background())
	if err := manager.Start(ctrl.SetupSignalHandler(), options, clock.RealClock{}); err != nil {
		fmt.Fprintf(os.Stderr, "capt-manager: %v\n", err)
		os.Exit(1)
	}
}
