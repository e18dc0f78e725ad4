// Package images makes container images out of files, without a registry, a daemon or a Dockerfile.
//
// In: files, as bytes or as paths on this machine, and how to run them. Out: images, and archives of them in OCI layout
// that any containerd imports. The same input always gives the same bytes. The package also knows the two images that
// every cluster needs, pause and CoreDNS, made of our own programs. It never pulls, pushes or runs anything.
//
// Shown by images_test.go; that containerd takes them, by the tests of pkg/cluster/containerd.
package images
