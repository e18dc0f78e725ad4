// Package config reads, defaults and checks KubeSchedulerConfiguration (kubescheduler.config.k8s.io/v1), and says which
// plugins a profile runs, with which weights and arguments.
//
// In comes a file or an object, out goes the same kind with every field set. The published v1 type is the only form
// there is. The package makes no plugin and knows none but by name.
//
// Tests: TestDefault, TestLoad (files and their faults), TestArgs, TestSettings (default, MultiPoint and per-point plugin sets).
package config
