// Package options reads flags and the configuration file of a kubelet.
//
// It owns: the upstream flag names and their defaults, the KubeletConfiguration v1beta1 file and its defaults, which of both wins (a
// flag that was given), and the building of a kubelet.Config from them. In come arguments; out go every fault at once, or a running
// kubelet. What it does not heed stands with the reason in settings.go. It decides nothing about pods. TestDefaults and
// TestPrecedence show it; TestSettings shows that nothing is silently ignored.
package options
