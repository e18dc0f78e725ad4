// Package images makes the images that the conformance suite runs, without a registry: out of programs that package build
// has made, Debian packages, and busybox built from Debian's source package.
//
// In: where those are. Out: one archive with all of them under the names that the suite uses. It is made again only when
// an input has changed. Shown by images_test.go; that the images are right, by the suite.
package images
