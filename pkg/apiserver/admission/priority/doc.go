// Package priority is the admission plugin Priority: it turns a pod's priorityClassName into its priority and preemption
// policy (KEP-268, KEP-902), and allows one default class. TestAdmit shows it.
package priority
