// Package options has the flags of kube-apiserver, under upstream's names, as plain values with their defaults and
// their validation. pkg/apiserver builds a server from them; a program that embeds the server fills them in itself.
package options
