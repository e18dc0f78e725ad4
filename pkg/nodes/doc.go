// Package nodes answers pure questions about nodes.
//
// In come v1.Node values, which it never changes; out come plain answers. It keeps nothing, calls nothing and imports
// nothing of ours, so that every part may use it. The tests beside each file show what is answered.
package nodes
