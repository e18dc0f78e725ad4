// Package registry serves the images of an archive in OCI layout to container runtimes on this machine, for the pods that
// want their image pulled although it is there.
//
// In: the archive as package images writes it. Out: the part of the OCI distribution protocol that pulling needs, and the
// file that makes containerd ask here instead of the real registry. Blobs are read from the archive as they are asked for.
// Shown by registry_test.go.
package registry
