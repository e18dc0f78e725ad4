// Package mirrors shows static pods in the API: for each of them the node keeps a mirror pod, which nobody runs and whose
// status others may read.
//
// It owns the mirror pods of this node: it makes them, makes them anew when somebody deletes them or the file has changed,
// and deletes them when the static pod has ended ([plan], pure). In come names of which something has changed and what is
// known of them; out go creations and deletions. It never writes a status; that is the publisher's. TestPlan and TestKeeper
// show it.
package mirrors
