// Package options is the command line of kube-scheduler: flags with upstream's names and defaults, and the configuration
// file, made into a running scheduler.
//
// In come flags. Run builds clients and informers, waits for leadership if asked to, and runs the scheduler. Serving
// health and metrics is left to the binary, which asks Healthy. Tests: TestFlags, TestValidate, TestConfiguration.
package options
