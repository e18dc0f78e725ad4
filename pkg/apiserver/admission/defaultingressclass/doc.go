// Package defaultingressclass is the admission plugin DefaultIngressClass: an ingress that says nothing of a class gets
// the default one, the newest if there are several. TestAdmit shows it.
package defaultingressclass
