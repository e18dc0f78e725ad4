// Package bootstraptokens authenticates the tokens with which nodes join a cluster: secrets of type
// bootstrap.kubernetes.io/token in the namespace kube-system, as documented for them.
//
// In: a lister of secrets. Out: an authenticator.Token. TestAuthenticate shows it.
package bootstraptokens
