package job

import (
	"cmp"
	"path/filepath"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/utils/ptr"

	infrav1 "github.com/captproject/capt/api/infrastructure/v1beta1"
	"github.com/captproject/capt/internal/engine/opentofu"
	"github.com/captproject/capt/internal/tofu"
)

// userID is who runs OpenTofu, user and group: anybody but root.
const userID = 65532

// Volumes of a run. The API refuses these names and places in a template.
const (
	workVolume, workPath   = "work", "/work"
	tmpVolume, tmpPath     = "tmp", "/tmp"
	tokenVolume, tokenPath = "token", "/var/run/secrets/kubernetes.io/serviceaccount"
)

// tokenSeconds is how long a token is valid; the kubelet renews it before.
const tokenSeconds = 3607

// container is the one container of a run.
func (e *Executor) container(arguments []string, spec infrav1.RunnerSpec) corev1.Container {
	more := spec.PodTemplate.Spec
	needs := resources(more.Resources)
	container := corev1.Container{
		Name:                     containerName,
		Image:                    cmp.Or(spec.Image, e.Image),
		ImagePullPolicy:          corev1.PullIfNotPresent,
		Command:                  []string{runnerProgram},
		Args:                     arguments,
		Env:                      []corev1.EnvVar{{Name: "HOME", Value: workPath}, {Name: "TMPDIR", Value: tmpPath}},
		WorkingDir:               workPath,
		TerminationMessagePath:   corev1.TerminationMessagePathDefault,
		TerminationMessagePolicy: corev1.TerminationMessageReadFile,
		VolumeMounts: []corev1.VolumeMount{
			{Name: workVolume, MountPath: workPath},
			{Name: tmpVolume, MountPath: tmpPath},
			{Name: tokenVolume, MountPath: tokenPath, ReadOnly: true},
		},
		Resources: needs,
		SecurityContext: &corev1.SecurityContext{
			AllowPrivilegeEscalation: ptr.To(false),
			ReadOnlyRootFilesystem:   ptr.To(true),
			RunAsNonRoot:             ptr.To(true),
			Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
			SeccompProfile:           &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
	}
	if memory := needs.Limits.Memory().Value(); memory > 0 { // 0 is no limit
		container.Env = append(container.Env, corev1.EnvVar{
			Name: "GOMEMLIMIT", Value: strconv.FormatInt(tofu.SoftMemoryLimit(memory), 10), // the runner hands it on to OpenTofu
		})
	}
	for _, mount := range more.VolumeMounts {
		container.VolumeMounts = append(container.VolumeMounts, corev1.VolumeMount{
			Name: mount.Name, MountPath: mount.MountPath, SubPath: mount.SubPath, ReadOnly: true,
		})
	}
	return container
}

func (e *Executor) arguments(run *infrav1.WorkspaceRun) ([]string, error) {
	arguments, err := opentofu.RunnerArguments(run)
	if err != nil {
		return nil, err
	}
	arguments = append(arguments,
		// A directory of the runner's own making, so that its mode is ours.
		"--dir="+filepath.Join(workPath, "run"),
		"--tofu="+tofuProgram,
		"--ephemeral",
		"--termination-log="+corev1.TerminationMessagePathDefault,
	)
	return append(arguments, e.Args...), nil
}

// resources are those of the template, and the defaults for what it leaves open.
func resources(given *corev1.ResourceRequirements) corev1.ResourceRequirements {
	all := corev1.ResourceRequirements{
		Requests: corev1.ResourceList{
			corev1.ResourceCPU: resource.MustParse("100m"), corev1.ResourceMemory: resource.MustParse("256Mi"),
			corev1.ResourceEphemeralStorage: resource.MustParse("1Gi"),
		},
		// Of the disk, what is in the emptyDirs counts.
		Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("2Gi"), corev1.ResourceEphemeralStorage: resource.MustParse("10Gi")},
	}
	if given == nil {
		return all
	}
	for name, quantity := range given.Limits {
		all.Limits[name] = quantity
	}
	for name, quantity := range given.Requests {
		all.Requests[name] = quantity
	}
	for name, limit := range all.Limits {
		if request, requested := all.Requests[name]; !requested || limit.Cmp(request) >= 0 {
			continue
		}
		if _, chosen := given.Limits[name]; chosen {
			all.Requests[name] = limit
		} else {
			all.Limits[name] = all.Requests[name]
		}
	}
	return all
}

// runVolumes are the volumes of every run.
func runVolumes() []corev1.Volume {
	empty := corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}
	token := corev1.ProjectedVolumeSource{DefaultMode: ptr.To[int32](0o440), Sources: []corev1.VolumeProjection{
		{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Path: "token", ExpirationSeconds: ptr.To[int64](tokenSeconds)}},
		{ConfigMap: &corev1.ConfigMapProjection{
			LocalObjectReference: corev1.LocalObjectReference{Name: "kube-root-ca.crt"},
			Items:                []corev1.KeyToPath{{Key: "ca.crt", Path: "ca.crt"}},
		}},
	}}
	return []corev1.Volume{
		{Name: workVolume, VolumeSource: empty},
		{Name: tmpVolume, VolumeSource: empty},
		{Name: tokenVolume, VolumeSource: corev1.VolumeSource{Projected: &token}},
	}
}

// volumes are those that a template adds.
func volumes(more []infrav1.RunnerVolume) []corev1.Volume {
	var all []corev1.Volume
	for _, volume := range more {
		all = append(all, corev1.Volume{Name: volume.Name, VolumeSource: corev1.VolumeSource{
			ConfigMap: volume.ConfigMap, Secret: volume.Secret, PersistentVolumeClaim: volume.PersistentVolumeClaim,
			Image: volume.Image, CSI: volume.CSI, Projected: volume.Projected,
		}})
	}
	return all
}
