// Package tolerationseconds is the admission plugin DefaultTolerationSeconds: pods that say nothing of nodes that are
// not ready or cannot be reached tolerate them for five minutes. TestAdmit shows it.
package tolerationseconds
