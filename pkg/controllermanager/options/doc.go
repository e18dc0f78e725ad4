// Package options is the command line of kube-controller-manager: flags with upstream's names and defaults, made into a
// running manager.
//
// In come flags and the files that they name; Run builds informers and identities, waits for leadership if asked to, and
// runs the controllers and the health server. Flags of controllers that do not exist here have no effect, of which a warning
// tells (accepted.go). Tests: TestFlags, TestValidate, TestSettings, TestFlagsAccepted (upstream's flags are all accepted).
package options
