// Package directory removes directories of ours, and nothing that others have mounted in them.
//
// In: the path of a directory. Out: what of it was left because it is a mount, such as a share of another machine. It never
// enters a mount, whoever makes one at whatever moment: each step down is refused by the kernel if it leads into another mount.
//
// Shown by remove_test.go, with real mounts in a namespace of its own.
package directory
