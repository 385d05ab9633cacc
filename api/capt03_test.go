package api_test

import (
	"context"
	"testing"
)

// Objects as users of CAPT 0.3 have them, some as its controllers and the
// defaults of its CRDs completed them.
var objectsOfCAPT03 = map[string]string{
	"template of a VPC": `
apiVersion: infrastructure.cluster.x-k8s.io/v1beta1
kind: WorkspaceTemplate
spec:
  writeConnectionSecretToRef: {name: vpc-connection, namespace: default}
  template:
    metadata:
      description: A VPC with public and private subnets
      version: 1.0.0
      tags: {provider: aws, resource: vpc}
    spec:
      deletionPolicy: Delete
      providerConfigRef: {name: aws-provider-for-eks}
      forProvider:
        source: Inline
        entrypoint: ""
        inlineFormat: HCL
        vars:
        - {key: name, value: "${name}"}
        module: |
          variable "name" { type = string }
          output "vpc_id" { value = "${var.name}" }
`,
	"template of a control plane": `
apiVersion: infrastructure.cluster.x-k8s.io/v1beta1
kind: WorkspaceTemplate
spec:
  template:
    metadata: {description: An EKS control plane}
    spec:
      providerConfigRef: {name: default}
      forProvider:
        source: Remote
        module: git::https://example.com/modules.git?ref=v1
        entrypoint: eks
        env:
        - {name: HELM_REPOSITORY_CACHE, value: /tmp/.helmcache}
        - name: AWS_SECRET_ACCESS_KEY
          secretKeyRef: {namespace: default, name: aws, key: secret}
        - name: HTTPS_PROXY
          configMapKeyRef: {namespace: default, name: settings, key: proxy}
        vars:
        - {key: cluster_name, value: "${cluster_name}"}
        varmap: {tags: {team: blue}, subnets: [a, b]}
        varFiles:
        - source: SecretKey
          format: HCL
          secretKeyRef: {namespace: default, name: "${WORKSPACE_NAME}-vpc-connection", key: vpc_config}
        - source: ConfigMapKey
          format: JSON
          configMapKeyRef: {namespace: default, name: settings, key: vars}
        initArgs: [-upgrade=true]
        planArgs: [-refresh=false]
        applyArgs: [-parallelism=20]
        destroyArgs: [-refresh=false]
`,
	"apply": `
apiVersion: infrastructure.cluster.x-k8s.io/v1beta1
kind: WorkspaceTemplateApply
spec:
  templateRef: {name: vpc-template, namespace: default}
  variables: {name: production-vpc, environment: production}
  writeConnectionSecretToRef: {name: production-vpc-connection, namespace: default}
  waitForSecrets: [{name: credentials, namespace: default}]
  waitForWorkspaces: [{name: base, namespace: default}, {name: network}]
  retainWorkspaceOnDelete: true
`,
	"cluster with a template": `
apiVersion: infrastructure.cluster.x-k8s.io/v1beta1
kind: CAPTCluster
spec:
  region: ap-northeast-1
  vpcTemplateRef: {name: vpc-template, namespace: default}
  vpcConfig: {name: demo-vpc}
  retainVpcOnDelete: true
`,
	"cluster with a VPC": `
apiVersion: infrastructure.cluster.x-k8s.io/v1beta1
kind: CAPTCluster
spec:
  region: us-west-2
  existingVpcId: vpc-0123456789abcdef0
`,
	"control plane": `
apiVersion: controlplane.cluster.x-k8s.io/v1beta1
kind: CAPTControlPlane
spec:
  version: "1.31"
  workspaceTemplateRef: {name: eks-controlplane-template, namespace: default}
  controlPlaneConfig:
    region: ap-northeast-1
    endpointAccess: {public: true, private: true, publicCIDRs: [0.0.0.0/0]}
    addons: [{name: coredns, version: v1.11.1, configurationValues: "{}"}]
  additionalTags: {Environment: dev}
`,
	"control plane that its controller completed": `
apiVersion: controlplane.cluster.x-k8s.io/v1beta1
kind: CAPTControlPlane
spec:
  version: "1.31"
  workspaceTemplateRef: {name: eks-controlplane-template, namespace: default}
  workspaceTemplateApplyName: demo-eks-controlplane-apply
  controlPlaneConfig:
    region: ap-northeast-1
    endpointAccess: {}
    timeouts: {controlPlaneTimeout: 30, vpcReadyTimeout: 15}
  controlPlaneEndpoint: {host: 0123.gr7.ap-northeast-1.eks.amazonaws.com, port: 443}
`,
}

func TestObjectsOfCAPT03AreAccepted(t *testing.T) {
	namespace := env.Namespace(t)
	for name, document := range objectsOfCAPT03 {
		t.Run(name, func(t *testing.T) {
			object := parse(t, patched(t, []byte(document), ""))
			object.SetNamespace(namespace)
			object.SetGenerateName("test-")
			expectAnswer(t, env.Client.Create(context.Background(), object), "")
		})
	}
}
