package main

import (
	"context"
	"log"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"

	"github.com/captproject/capt/test/localkube/internal/process"
	"github.com/captproject/capt/test/localkube/internal/provider"
)

func main() {
	process.RunIfLaunched()
	err := providerserver.Serve(context.Background(), provider.New, providerserver.ServeOpts{Address: provider.Address})
	if err != nil {
		log.Fatal(err)
	}
}
