package record

import (
	"encoding/json"
	"errors"
	"fmt"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/proa-sh/proa/pkg/kubelet/podstate"
)

// Version is the format that this package writes. A file of a later one is not read: it may say what this one does not know.
const Version = 1

// Record is what is remembered of one pod. That there is one says that the node has taken the pod.
type Record struct {
	Version   int       `json:"version"`
	UID       types.UID `json:"uid"`
	Namespace string    `json:"namespace,omitempty"`
	Name      string    `json:"name,omitempty"`
	// Worker is what the pod's worker goes on with: the resources that the node has granted, and what of it is under way.
	Worker podstate.Memory `json:"worker,omitzero"`
	// Volumes are those that were set up, or may have been in part.
	Volumes []Volume `json:"volumes,omitempty"`
	// Ending is what ends the pod in good order.
	Ending Ending `json:"ending,omitzero"`
}

// Stage is how far a volume is set up.
type Stage string

// The stages of a volume. In Preparing anything from nothing to all of it may have been done.
const (
	Preparing Stage = "Preparing"
	Ready     Stage = "Ready"
)

// Volume is a volume of a pod on this node.
type Volume struct {
	Name string `json:"name"`
	// Kind is the name of the volume's directory below the pod's "volumes", kubernetes.io~empty-dir for example.
	Kind  string `json:"kind"`
	Stage Stage  `json:"stage"`
	// Mounts are the places at which the kubelet mounts something for the volume, relative to the pod's directory: the volume
	// itself and parts of it that containers see.
	Mounts []string `json:"mounts,omitempty"`
}

// Ending is how a pod ends: its grace period, and its containers in the order in which they start.
type Ending struct {
	GraceSeconds *int64      `json:"graceSeconds,omitempty"`
	Containers   []Container `json:"containers,omitempty"`
}

// Container is what ends a container.
type Container struct {
	Name string `json:"name"`
	// Init: it is an init container; with Sidecar it ends after those that started later.
	Init    bool `json:"init,omitempty"`
	Sidecar bool `json:"sidecar,omitempty"`
	// PreStop is its hook, Ports those that the hook may name.
	PreStop *v1.LifecycleHandler `json:"preStop,omitempty"`
	Ports   []v1.ContainerPort   `json:"ports,omitempty"`
}

// EndingOf takes what ends the pod from its definition.
func EndingOf(pod *v1.Pod) Ending {
	e := Ending{GraceSeconds: pod.Spec.TerminationGracePeriodSeconds}
	add := func(list []v1.Container, init bool) {
		for i := range list {
			c := Container{Name: list[i].Name, Init: init}
			c.Sidecar = init && list[i].RestartPolicy != nil && *list[i].RestartPolicy == v1.ContainerRestartPolicyAlways
			if list[i].Lifecycle != nil && list[i].Lifecycle.PreStop != nil {
				c.PreStop, c.Ports = list[i].Lifecycle.PreStop, list[i].Ports
			}
			e.Containers = append(e.Containers, c)
		}
	}
	add(pod.Spec.InitContainers, true)
	add(pod.Spec.Containers, false)
	return e
}

// Pod is as much of the pod's object as it takes to end it. It names no node: nobody desires it.
func (r *Record) Pod() *v1.Pod {
	pod := &v1.Pod{ObjectMeta: metav1.ObjectMeta{UID: r.UID, Namespace: r.Namespace, Name: r.Name}}
	pod.Spec.TerminationGracePeriodSeconds = r.Ending.GraceSeconds
	for _, c := range r.Ending.Containers {
		out := v1.Container{Name: c.Name, Ports: c.Ports}
		if c.PreStop != nil {
			out.Lifecycle = &v1.Lifecycle{PreStop: c.PreStop}
		}
		if c.Sidecar {
			always := v1.ContainerRestartPolicyAlways
			out.RestartPolicy = &always
		}
		if c.Init {
			pod.Spec.InitContainers = append(pod.Spec.InitContainers, out)
		} else {
			pod.Spec.Containers = append(pod.Spec.Containers, out)
		}
	}
	return pod
}

// decode reads a record and checks that it is the one that its name promises.
func decode(text []byte, uid types.UID) (*Record, error) {
	var r Record
	if err := json.Unmarshal(text, &r); err != nil {
		return nil, fmt.Errorf("decode: %w", err)
	}
	switch {
	case r.Version == 0:
		return nil, errors.New("it names no version")
	case r.Version > Version:
		return nil, fmt.Errorf("it has version %d, this kubelet knows up to %d", r.Version, Version)
	case r.UID != uid:
		return nil, fmt.Errorf("it is about pod %q", r.UID)
	}
	return &r, nil
}
