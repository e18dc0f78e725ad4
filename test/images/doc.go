// Package images builds the container images that tests and examples use, out of Debian packages, and busybox built from Debian's
// source package, without a registry.
//
// In: the catalog, one entry an image: packages, a few files, how to run it. Out: archives in OCI layout under the names
// of the images that people know (docker.io/library/nginx:1.27 ...), for `proa image load`. Packages are unpacked, not
// installed: no script of theirs runs, so nothing but apt's package lists and the network are needed. What a program does not
// need is left out. An archive is made again only when its packages or its entry have changed.
//
// The programs are Debian's versions, whatever the tag says. Shown by images_test.go, and by test/e2e, which runs them.
package images
