// Package faults shows that no kill breaks a cluster: a real one of two nodes is under load while its processes are killed, at any
// moment and at named ones (package killpoint), and its disk is filled; and nothing that it has acknowledged is lost.
//
// Writers change ConfigMaps, Services, Deployments, StatefulSets and Jobs and tell a journal (package journal) how each write
// ended; watches follow the same objects and go on from where they were. After each fault the cluster must come back by itself, no
// container may have been disturbed, no pod may run twice, and no address or port may be given twice. At the end all has to come
// to rest, each acknowledged write has to be there and every watch must have told of it, and what Services and pods were given has to
// be free again when they are gone. One seed makes one sequence of faults.
//
// One weakness is known and only counted: containerd may lose the exit code of a container that ends while containerd is ended
// (lostExit in checks_test.go).
//
// `make faults` runs 500 faults, `make faults-ci` a few. The tests run in namespaces of their own (package box), on a file system
// of their own; they need root, programs that were built with the tag "faults" in bin/faults, and the rest of bin.
package faults
