package phase_test

import (
	"os"
	"testing"

	"github.com/captproject/capt/test/envtest"
)

var env envtest.Environment

func TestMain(m *testing.M) { os.Exit(envtest.Run(m, &env)) }
