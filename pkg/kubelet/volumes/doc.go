// Package volumes makes the volumes of pods ready on the node and takes them away again.
//
// It owns everything under <root>/pods/<uid>: the directories and mounts of volumes at the paths that every kubelet
// uses (volumes/kubernetes.io~empty-dir/<name> ...), the bind mounts of subPaths, and the service account tokens that
// it projects into pods.
//
// In come pods as values and small interfaces for the objects they name (Objects, TokenSource, NodeSource); out go host
// paths (Paths) for the container configuration and errors in the words that users know from events.
//
// Each volume kind is one type in one file behind the interface kind; the list in kinds is closed. The kinds made from
// API content (configMap, secret, downwardAPI, projected) only say which files they consist of (a payload); one atomic
// writer puts payloads on disk, so that a container sees either the old or the new set of files and never a mixture.
//
// The package never decides when a volume is needed: the pod worker calls Setup, Refresh and Teardown, one call at a
// time for one pod. It never follows a symbolic link that a container could have planted: subPaths are resolved by
// openat2 beneath the volume. What is going to be mounted is written down (package record) before it is; Teardown unmounts what
// was written down and nothing else, and deletes a pod's directory only when no mount is left in it.
//
// Volumes backed by claims and CSI drivers are not made here yet; Setup says so in its error. Image volumes are only
// named: the runtime mounts them.
//
// Manager's life is shown by TestSetupAndTeardown, kubelets that are killed by TestSetupIsRemembered, mounts of others by
// TestTeardownOfOthersMounts, atomic updates by TestWritePayloadIsAtomic, tokens by TestTokens.
package volumes
