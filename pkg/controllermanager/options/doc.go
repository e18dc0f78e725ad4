// Package options is the command line of kube-controller-manager: flags with upstream's names and defaults, made into a
// running manager.
//
// In come flags and the files that they name; Run builds informers and identities, waits for leadership if asked to, and
// runs the controllers and the health server. Flags of controllers that do not exist here are not defined. Tests:
// TestFlags, TestValidate, TestSettings.
package options
