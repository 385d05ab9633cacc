package workload

import (
	"os"
	"testing"
	"time"

	"github.com/captproject/capt/test/envtest"
)

var env envtest.Environment

// maxLifetime is what the API server gives a token at most, whatever it is asked.
const maxLifetime = time.Hour

func TestMain(m *testing.M) {
	os.Exit(envtest.Run(m, &env, "service-account-max-token-expiration="+maxLifetime.String()))
}
