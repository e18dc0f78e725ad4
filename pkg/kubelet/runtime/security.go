package runtime

import (
	"fmt"
	"path/filepath"
	"strings"

	v1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/proa-sh/proa/pkg/kubelet/podstate"
	"github.com/proa-sh/proa/pkg/pods"
)

// Paths that containers do not see, or see read-only, unless procMount is Unmasked: what runtimes mask by default.
var (
	maskedPaths = []string{
		"/proc/asound", "/proc/acpi", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
		"/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi",
		"/sys/firmware", "/sys/devices/virtual/powercap",
	}
	readonlyPaths = []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}
)

func sandboxSecurity(pod *v1.Pod, userns *runtimeapi.UserNamespace) *runtimeapi.LinuxSandboxSecurityContext {
	sc := &runtimeapi.LinuxSandboxSecurityContext{
		NamespaceOptions: namespaces(pod, userns),
		Privileged:       anyPrivileged(pod),
		Seccomp:          &runtimeapi.SecurityProfile{ProfileType: runtimeapi.SecurityProfile_RuntimeDefault},
	}
	p := pod.Spec.SecurityContext
	if p == nil {
		return sc
	}
	sc.RunAsUser = int64Value(p.RunAsUser)
	sc.RunAsGroup = int64Value(p.RunAsGroup)
	sc.SelinuxOptions = selinux(p.SELinuxOptions)
	sc.SupplementalGroups, sc.SupplementalGroupsPolicy = groups(p)
	return sc
}

// groups are the pod's own supplementary groups and its fsGroup.
func groups(p *v1.PodSecurityContext) ([]int64, runtimeapi.SupplementalGroupsPolicy) {
	var gids []int64
	if p.FSGroup != nil {
		gids = append(gids, *p.FSGroup)
	}
	gids = append(gids, p.SupplementalGroups...)
	if p.SupplementalGroupsPolicy != nil && *p.SupplementalGroupsPolicy == v1.SupplementalGroupsPolicyStrict {
		return gids, runtimeapi.SupplementalGroupsPolicy_Strict
	}
	return gids, runtimeapi.SupplementalGroupsPolicy_Merge
}

func namespaces(pod *v1.Pod, userns *runtimeapi.UserNamespace) *runtimeapi.NamespaceOption {
	n := &runtimeapi.NamespaceOption{
		Network:       runtimeapi.NamespaceMode_POD,
		Ipc:           runtimeapi.NamespaceMode_POD,
		Pid:           runtimeapi.NamespaceMode_CONTAINER,
		UsernsOptions: userns,
	}
	if pod.Spec.HostNetwork {
		n.Network = runtimeapi.NamespaceMode_NODE
	}
	if pod.Spec.HostIPC {
		n.Ipc = runtimeapi.NamespaceMode_NODE
	}
	if pod.Spec.ShareProcessNamespace != nil && *pod.Spec.ShareProcessNamespace {
		n.Pid = runtimeapi.NamespaceMode_POD
	}
	if pod.Spec.HostPID {
		n.Pid = runtimeapi.NamespaceMode_NODE
	}
	return n
}

func anyPrivileged(pod *v1.Pod) bool {
	for c := range pods.AllContainers(pod) {
		if isPrivileged(c) {
			return true
		}
	}
	return false
}

func isPrivileged(c *v1.Container) bool {
	return c.SecurityContext != nil && c.SecurityContext.Privileged != nil && *c.SecurityContext.Privileged
}

// SecurityInput is what a container's security context is made of.
type SecurityInput struct {
	Pod       *v1.Pod
	Container *v1.Container
	UserNS    *runtimeapi.UserNamespace
	// TargetID is the container whose process namespace an ephemeral container joins; "" for none.
	TargetID string
	// SeccompRoot holds Localhost profiles.
	SeccompRoot string
	// SeccompDefault makes RuntimeDefault what a container without a profile gets.
	SeccompDefault bool
	// VolumeGroups are groups that volumes ask for.
	VolumeGroups []int64
}

// ContainerSecurity merges the pod's and the container's security contexts; the container's fields win.
func ContainerSecurity(in SecurityInput) *runtimeapi.LinuxContainerSecurityContext {
	p, c := in.Pod.Spec.SecurityContext, in.Container.SecurityContext
	if p == nil {
		p = &v1.PodSecurityContext{}
	}
	if c == nil {
		c = &v1.SecurityContext{}
	}
	sc := &runtimeapi.LinuxContainerSecurityContext{
		Privileged:       isPrivileged(in.Container),
		NamespaceOptions: namespaces(in.Pod, in.UserNS),
		RunAsUser:        int64Value(firstOf(c.RunAsUser, p.RunAsUser)),
		RunAsGroup:       int64Value(firstOf(c.RunAsGroup, p.RunAsGroup)),
		SelinuxOptions:   selinux(firstOf(c.SELinuxOptions, p.SELinuxOptions)),
		ReadonlyRootfs:   c.ReadOnlyRootFilesystem != nil && *c.ReadOnlyRootFilesystem,
		NoNewPrivs:       noNewPrivs(c),
		Seccomp:          seccomp(in, p, c),
		Apparmor:         apparmor(in, p, c),
		Capabilities:     capabilities(c.Capabilities),
	}
	if in.TargetID != "" && sc.NamespaceOptions.Pid == runtimeapi.NamespaceMode_CONTAINER {
		sc.NamespaceOptions.Pid = runtimeapi.NamespaceMode_TARGET
		sc.NamespaceOptions.TargetId = in.TargetID
	}
	sc.SupplementalGroups, sc.SupplementalGroupsPolicy = groups(p)
	sc.SupplementalGroups = append(sc.SupplementalGroups, in.VolumeGroups...)
	if c.ProcMount == nil || *c.ProcMount != v1.UnmaskedProcMount {
		sc.MaskedPaths, sc.ReadonlyPaths = maskedPaths, readonlyPaths
	}
	return sc
}

// noNewPrivs is set when privilege escalation is denied, unless the container is privileged by itself.
func noNewPrivs(c *v1.SecurityContext) bool {
	if c.AllowPrivilegeEscalation == nil || *c.AllowPrivilegeEscalation {
		return false
	}
	return c.Privileged == nil || !*c.Privileged
}

func seccomp(in SecurityInput, p *v1.PodSecurityContext, c *v1.SecurityContext) *runtimeapi.SecurityProfile {
	if isPrivileged(in.Container) {
		return &runtimeapi.SecurityProfile{ProfileType: runtimeapi.SecurityProfile_Unconfined}
	}
	profile := firstOf(c.SeccompProfile, p.SeccompProfile)
	if profile == nil {
		if in.SeccompDefault {
			return &runtimeapi.SecurityProfile{ProfileType: runtimeapi.SecurityProfile_RuntimeDefault}
		}
		return &runtimeapi.SecurityProfile{ProfileType: runtimeapi.SecurityProfile_Unconfined}
	}
	switch profile.Type {
	case v1.SeccompProfileTypeRuntimeDefault:
		return &runtimeapi.SecurityProfile{ProfileType: runtimeapi.SecurityProfile_RuntimeDefault}
	case v1.SeccompProfileTypeLocalhost:
		ref := ""
		if profile.LocalhostProfile != nil {
			ref = filepath.Join(in.SeccompRoot, *profile.LocalhostProfile)
		}
		return &runtimeapi.SecurityProfile{ProfileType: runtimeapi.SecurityProfile_Localhost, LocalhostRef: ref}
	}
	return &runtimeapi.SecurityProfile{ProfileType: runtimeapi.SecurityProfile_Unconfined}
}

// apparmor reads the fields and, for old objects, the annotation. nil lets the runtime choose.
func apparmor(in SecurityInput, p *v1.PodSecurityContext, c *v1.SecurityContext) *runtimeapi.SecurityProfile {
	if isPrivileged(in.Container) {
		return nil
	}
	if profile := firstOf(c.AppArmorProfile, p.AppArmorProfile); profile != nil {
		switch profile.Type {
		case v1.AppArmorProfileTypeRuntimeDefault:
			return &runtimeapi.SecurityProfile{ProfileType: runtimeapi.SecurityProfile_RuntimeDefault}
		case v1.AppArmorProfileTypeUnconfined:
			return &runtimeapi.SecurityProfile{ProfileType: runtimeapi.SecurityProfile_Unconfined}
		case v1.AppArmorProfileTypeLocalhost:
			ref := ""
			if profile.LocalhostProfile != nil {
				ref = *profile.LocalhostProfile
			}
			return &runtimeapi.SecurityProfile{ProfileType: runtimeapi.SecurityProfile_Localhost, LocalhostRef: ref}
		}
	}
	switch value := in.Pod.Annotations[v1.DeprecatedAppArmorBetaContainerAnnotationKeyPrefix+in.Container.Name]; {
	case value == v1.DeprecatedAppArmorBetaProfileRuntimeDefault:
		return &runtimeapi.SecurityProfile{ProfileType: runtimeapi.SecurityProfile_RuntimeDefault}
	case value == v1.DeprecatedAppArmorBetaProfileNameUnconfined:
		return &runtimeapi.SecurityProfile{ProfileType: runtimeapi.SecurityProfile_Unconfined}
	case strings.HasPrefix(value, v1.DeprecatedAppArmorBetaProfileNamePrefix):
		ref := strings.TrimPrefix(value, v1.DeprecatedAppArmorBetaProfileNamePrefix)
		return &runtimeapi.SecurityProfile{ProfileType: runtimeapi.SecurityProfile_Localhost, LocalhostRef: ref}
	}
	return nil
}

func capabilities(c *v1.Capabilities) *runtimeapi.Capability {
	if c == nil {
		return nil
	}
	out := &runtimeapi.Capability{}
	for _, add := range c.Add {
		out.AddCapabilities = append(out.AddCapabilities, string(add))
	}
	for _, drop := range c.Drop {
		out.DropCapabilities = append(out.DropCapabilities, string(drop))
	}
	return out
}

func selinux(o *v1.SELinuxOptions) *runtimeapi.SELinuxOption {
	if o == nil {
		return nil
	}
	return &runtimeapi.SELinuxOption{User: o.User, Role: o.Role, Type: o.Type, Level: o.Level}
}

func int64Value(v *int64) *runtimeapi.Int64Value {
	if v == nil {
		return nil
	}
	return &runtimeapi.Int64Value{Value: *v}
}

// firstOf returns the first pointer that is set.
func firstOf[T any](pointers ...*T) *T {
	for _, p := range pointers {
		if p != nil {
			return p
		}
	}
	return nil
}

// CheckNonRoot enforces runAsNonRoot against the user of the spec or, without one, of the image.
func CheckNonRoot(pod *v1.Pod, c *v1.Container, image podstate.Image) error {
	p, sc := pod.Spec.SecurityContext, c.SecurityContext
	if p == nil {
		p = &v1.PodSecurityContext{}
	}
	if sc == nil {
		sc = &v1.SecurityContext{}
	}
	if nonRoot := firstOf(sc.RunAsNonRoot, p.RunAsNonRoot); nonRoot == nil || !*nonRoot {
		return nil
	}
	at := fmt.Sprintf("(pod: %q, container: %s)", pod.Name+"_"+pod.Namespace+"("+string(pod.UID)+")", c.Name)
	if user := firstOf(sc.RunAsUser, p.RunAsUser); user != nil {
		if *user == 0 {
			return fmt.Errorf("container's runAsUser breaks non-root policy %s", at)
		}
		return nil
	}
	switch {
	case image.UID != nil && *image.UID == 0:
		return fmt.Errorf("container has runAsNonRoot and image will run as root %s", at)
	case image.UID == nil && image.Username != "":
		return fmt.Errorf("container has runAsNonRoot and image has non-numeric user (%s), cannot verify user is non-root %s", image.Username, at)
	case image.UID == nil:
		return fmt.Errorf("container has runAsNonRoot and image will run as root %s", at)
	}
	return nil
}
