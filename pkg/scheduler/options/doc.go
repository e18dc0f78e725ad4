// Package options is the command line of kube-scheduler: flags with upstream's names and defaults, and the configuration
// file, made into a running scheduler.
//
// In come flags. Run builds clients and informers, serves health and metrics, waits for leadership if asked to, and runs
// the scheduler. Tests: TestFlags, TestValidate, TestConfiguration, TestWriteConfig, TestSettings
// (no flag or field is silently ignored).
package options
