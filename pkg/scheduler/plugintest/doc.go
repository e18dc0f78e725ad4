// Package plugintest is what tests of scheduler plugins stand on: a real profile with one plugin, on a real snapshot, with
// objects written as YAML. It is imported by tests only.
//
// Its own behaviour is shown by the tests of the plugins.
package plugintest
