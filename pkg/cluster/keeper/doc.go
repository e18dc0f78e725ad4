// Package keeper is the parent of a cluster's server: it starts it, starts it again when it falls, and ends with it when it ends
// on purpose.
//
// In: the program and its arguments, signals. Out: the exit status of the last life. The program says by its exit status what its
// end means: 0, it was asked to end; Failed (1), it could not do its work, which on its first life is the answer to whoever
// started it; DoneBadly, as 0 with faults; anything else, a panic or a signal, is a fall. What the keeper saw of a fall the next life finds in its environment
// (LastEnd). It is a program of its own and links next to nothing, so that it costs next to nothing and does not fall itself.
//
// Shown by keeper_test.go, which lets real processes fall.
package keeper
