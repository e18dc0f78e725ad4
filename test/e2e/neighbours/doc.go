// Package neighbours has two clusters on one machine, ends one of them in good order and by force, and asks the other all the
// while: nothing that they share is taken from it, and when both have ended the machine is as it was. It needs root and
// `make tools build`.
package neighbours
