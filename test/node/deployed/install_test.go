package deployed

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/captproject/capt/hack/tools/toolbox"
	"github.com/captproject/capt/test/node"
)

const (
	// managerNamespace and managerLabels find the pods of the manager.
	managerNamespace = "capt-system"
	managerName      = "capt-manager"

	// handImage is an image for runners that holds the program hand, too.
	handImage   = "capt.test/runner-with-hand:latest"
	handProgram = "/usr/local/bin/hand"
)

// importImages gives the node the image of `make image`, and handImage.
func importImages(ctx context.Context) error {
	checkout := shared.Programs.Checkout()
	_, _ = fmt.Fprintln(os.Stderr, "make image")
	cmd := exec.CommandContext(ctx, "make", "image")
	cmd.Dir = checkout
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("make image: %w\n%s", err, output)
	}
	if err := shared.ImportArchive(ctx, filepath.Join(checkout, "out", "capt-image.tar")); err != nil {
		return err
	}
	hand, err := shared.Build(ctx, "./test/node/deployed/hand")
	if err != nil {
		return err
	}
	return shared.Import(ctx, node.Image{Name: handImage, Files: map[string]string{
		"/usr/local/bin/capt-runner": filepath.Join(checkout, "out", "image", "capt-runner"),
		"/usr/local/bin/tofu":        shared.Programs.Path(toolbox.Tofu),
		handProgram:                  hand,
	}})
}

// install does what the README says.
func install(ctx context.Context) error {
	_, _ = fmt.Fprintln(os.Stderr, "kubectl apply --server-side -k config/default")
	if _, err := shared.Run(ctx, toolbox.Kubectl, "apply", "--server-side", "-k", "config/default"); err != nil {
		return err
	}
	_, err := shared.Run(ctx, toolbox.Kubectl, "wait", "--namespace", managerNamespace, "--for=condition=Available", "--timeout="+patience.String(), "deployment/"+managerName)
	return err
}
