// Package component is what the binaries have in common: the command line and its life, the connection to an API server,
// health, metrics and profiles over HTTP, leader election, and what becomes of settings that a component does not heed.
//
// A component package has a Config of built parts, New(Config) and Run(ctx). Its options package turns flags and files
// into that Config and is an [Options]; [Main] makes a program of it. What k8s.io libraries keep in package variables
// (feature gates, the metrics registry, the logger) is touched here and nowhere else.
//
// Nothing that a user gives is silently ignored: an Options that is [Settled] has a table of all of upstream's flags and of
// all fields of the configuration file, each heeded, without effect (one warning), or refused; --feature-gates is there for
// all (gates.go), and TestGatesAreHeld names the test of each that is on, or says that it is absent. Package settingstest
// compares the tables with what there is, in TestSettings and TestFlagsAccepted of their options; TestSaid of the kubelet's
// shows what users read.
package component
