// Package component is what the binaries have in common: the command line and its life, the connection to an API server,
// health, metrics and profiles over HTTP, and leader election.
//
// A component package has a Config of built parts, New(Config) and Run(ctx). Its options package turns flags and files
// into that Config and is an [Options]; [Main] makes a program of it. What k8s.io libraries keep in package variables
// (feature gates, the metrics registry, the logger) is touched here and nowhere else.
package component
