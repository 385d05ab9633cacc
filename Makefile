# Needs Go, git and make. Everything else is built from pinned Go modules.

SHELL := /bin/sh
.DEFAULT_GOAL := help

TOOL = go run ./hack/tools

# Generous: a cold machine compiles with the race detector, and end-to-end
# tests start real clusters.
TEST_TIMEOUT ?= 45m

# For each of the things that are fuzzed.
FUZZTIME ?= 1m

# How long `make chaos` throws faults; `make test` does for 75 s.
CHAOS_FAULTS ?= 4m

# The race detector needs cgo and a C compiler; go turns cgo off without one.
RACE = $(if $(filter 1,$(shell go env CGO_ENABLED)),-race)

# Packages that start whole environments run one after the other.
# Those that need root and more than Go have a target of their own.
ENVIRONMENTS = $$(go list ./dev/... ./test/... | grep -v -e '/capt/test/node')
OTHERS = $$(go list ./... | grep -v -e '/capt/dev' -e '/capt/test')

##@ Use

.PHONY: help
help: ## Show this help.
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@/ { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z0-9-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: demo
demo: ## From an empty machine to a working cluster and back, on real programs.
	go run ./dev demo

.PHONY: dev
dev: ## Run a management cluster with our manager until interrupted.
	@go build -o bin/dev ./dev && exec bin/dev up

##@ Deploy

# The name that config/manager uses.
IMAGE ?= capt:latest

# Certificates of public authorities, where this machine has them.
CERTIFICATES = $(wildcard /etc/ssl/certs/ca-certificates.crt)

.PHONY: image
image: ## Write the container image to out/capt-image.tar, without a container runtime.
	@mkdir -p out/image
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o out/image/capt-manager ./cmd/manager
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o out/image/capt-runner ./cmd/runner
	@tofu=$$($(TOOL) path tofu) && go run ./hack/image -o out/capt-image.tar -name $(IMAGE) \
		/usr/local/bin/capt-manager=out/image/capt-manager /usr/local/bin/capt-runner=out/image/capt-runner \
		/usr/local/bin/tofu=$$tofu $(CERTIFICATES:%=/etc/ssl/certs/ca-certificates.crt=%)
	@echo 'out/capt-image.tar holds $(IMAGE): docker load -i, podman load -i, ctr -n k8s.io images import'

# The release series of it are in metadata.yaml.
VERSION ?= v0.4.0

.PHONY: release
release: ## Write what clusterctl takes to out/release: components, templates, a ClusterClass.
	go run ./hack/release -o out/release -version $(VERSION) -image $(IMAGE)

##@ Check

.PHONY: test
test: tools ## Unit, envtest and end-to-end tests, with the race detector where possible.
	@echo '$(if $(RACE),With the race detector.,Without the race detector: it needs cgo and a C compiler.)'
	go test $(RACE) -timeout $(TEST_TIMEOUT) $(OTHERS)
	cd test/localkube && LOCALKUBE_ASSETS_DIR=$$(cd ../.. && $(TOOL) assets) go test $(RACE) -timeout $(TEST_TIMEOUT) -p 1 ./...
	go test $(RACE) -timeout $(TEST_TIMEOUT) -p 1 $(ENVIRONMENTS)

.PHONY: e2e-node
e2e-node: ## On a real node. Needs root and a few Debian packages, and says which.
	@go test -count=1 -timeout $(TEST_TIMEOUT) -v ./test/node
	@go test -count=1 -timeout $(TEST_TIMEOUT) -v ./test/node/deployed

.PHONY: chaos
chaos: tools ## Faults for minutes (CHAOS_FAULTS, CHAOS_SEED), and then every kubeconfig is right.
	CHAOS_FAULTS=$(CHAOS_FAULTS) go test -count=1 -timeout $(TEST_TIMEOUT) -v ./test/chaos

.PHONY: verify
verify: ## Generated files are current, lint finds nothing, go.mod files are tidy.
	@hack/verify.sh

# Without a limit go spends the time on making what it found shorter.
FUZZ = go test -run='^$$' -fuzztime=$(FUZZTIME) -fuzzminimizetime=10x

.PHONY: fuzz
fuzz: ## Fuzz what judges kubeconfigs and outputs, a minute each (FUZZTIME).
	$(FUZZ) -fuzz='^FuzzOutputs$$' ./internal/contract
	$(FUZZ) -fuzz='^FuzzFile$$' ./internal/kubeconfig
	$(FUZZ) -fuzz='^FuzzParts$$' ./internal/kubeconfig

.PHONY: bench
bench: tools ## Measure; a table for people, JSON under .bench/.
	go run ./test/bench

##@ Work

# What a manager with --provider=Infrastructure runs.
INFRASTRUCTURE = $(filter-out ./internal/controller/controlplane,$(wildcard ./internal/controller/*)) ./internal/engine/... ./internal/manager

.PHONY: generate
generate: ## Generate deep copies, CRDs and RBAC.
	@set -eu; generator=$$($(TOOL) path controller-gen); \
	"$$generator" object paths=./api/...; \
	rm -f config/crd/bases/*.yaml; \
	"$$generator" crd paths=./api/... output:crd:artifacts:config=config/crd/bases; \
	"$$generator" rbac:roleName=capt-manager paths=./internal/controller/... paths=./internal/engine/... paths=./internal/manager output:rbac:artifacts:config=config/rbac; \
	"$$generator" rbac:roleName=capt-manager $(INFRASTRUCTURE:%=paths=%) output:rbac:artifacts:config=config/infrastructure; \
	"$$generator" rbac:roleName=capt-manager paths=./internal/controller/controlplane paths=./internal/manager output:rbac:artifacts:config=config/control-plane

.PHONY: lint
lint: ## Run golangci-lint, kube-api-linter included, on every module of ours.
	@lint=$$($(TOOL) path golangci-lint) || exit; failed=0; \
	for module in . test/localkube hack/tools/lint; do \
		echo "lint $$module"; (cd $$module && "$$lint" run ./...) || failed=1; \
	done; exit $$failed

.PHONY: tools
tools: ## Build the programs that demo and test run (once per user).
	@$(TOOL) build

.PHONY: clean
clean: ## Remove what was made in this checkout; built programs stay in the user's cache.
	rm -rf .bench .dev bin out
