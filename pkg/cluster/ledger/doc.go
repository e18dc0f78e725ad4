// Package ledger remembers every change made to the host, so that exactly these can be undone.
//
// It owns one append-only file. In: changes, told before they are made (interfaces, routes, nftables tables, mounts,
// cgroups, processes, sysctls, files). Each is on disk before the call returns. Out: Undo, which reverts what is
// written in reverse order. Undo may be repeated, broken off, and run by another process after a crash or a reboot:
// what a reboot reverts is not looked for in the next life of the machine, where the same name may mean another thing. A line that
// a full disk has torn costs the change that it told of, which was then not made, and nothing else.
//
// What others share is not undone under them: of a directory or table in which they have something, too, only what is ours goes;
// a sysctl is restored by the last of the ledgers on the machine that counts on it (shared.go), and not at all when another
// program has come to count on it since.
//
// The ledger never makes a change (but for SetSysctl, which must read the old value) and never undoes one that it
// was not told of.
//
// Shown by entry_test.go (what counts, after which crash), full_test.go (a full disk), neighbours_test.go (what others share)
// and undo_test.go, which changes and restores a real kernel in namespaces of its own.
package ledger
