# Manager and runner in one image. `make image` makes the same without a
# container runtime.
FROM golang:1.26 AS build
WORKDIR /src
COPY . .
ENV CGO_ENABLED=0
RUN go build -trimpath -ldflags '-s -w' -o /out/capt-manager ./cmd/manager
RUN go build -trimpath -ldflags '-s -w' -o /out/capt-runner ./cmd/runner
RUN cd hack/tools/opentofu && go build -trimpath \
    -ldflags '-s -w -X github.com/opentofu/opentofu/version.dev=no' -o /out/tofu github.com/opentofu/opentofu/cmd/tofu

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/capt-manager /out/capt-runner /out/tofu /usr/local/bin/
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/capt-manager"]
