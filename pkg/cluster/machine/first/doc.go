// Package first is the first process of a machine that is made of namespaces: it makes them a place to live in, starts the one
// program that does everything else, starts it again when it ends, and reaps what other processes leave behind.
//
// In: the path of a file with a Spec, written by package machine. Out: nothing; it returns when the program has ended well,
// which is how the machine is switched off. When this process ends, however it does, the kernel ends every other of the machine
// at once and takes its mounts and links away. It is a program of its own and links next to nothing, for every machine has one.
//
// Shown by the tests of package machine.
package first
