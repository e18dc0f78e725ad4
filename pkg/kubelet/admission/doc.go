// Package admission decides whether the node takes a pod that was bound to it.
//
// In come the pod, the node, and the pods that the node has taken; out goes nil or the reason and message with which the pod
// fails. It is one pure function, [Check]: the last guard against schedulers that decided on an old picture, and against
// pods that were bound by hand. TestCheck shows every refusal.
package admission
