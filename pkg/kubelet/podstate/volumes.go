package podstate

// VolumePath is where a ready volume lies on the host.
type VolumePath struct {
	// Path is a directory, file or, with Block, a device.
	Path  string
	Block bool
	// ReadOnly: the volume may not be written, whatever a mount asks for.
	ReadOnly bool
	// Content: the kubelet writes what is in it. It is read-only for the runtime too, which cannot make the mount points there of
	// what a container mounts inside of it.
	Content bool
	// GroupID is a supplementary group that the volume asks for, nil for none.
	GroupID *int64
	// Image is the reference of an image volume; the runtime mounts it, Path is empty.
	Image string
	// SELinuxRelabel: the runtime has to relabel the volume's files.
	SELinuxRelabel bool
}
