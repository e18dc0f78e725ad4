// Package nodetaint is the admission plugin TaintNodesByCondition: a node that is created has the taint not-ready, so
// that nothing is put on it before it is known to be ready. TestAdmit shows it.
package nodetaint
