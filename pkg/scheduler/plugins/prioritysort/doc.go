// Package prioritysort is the plugin PrioritySort: pods of higher priority are tried first, and among equals those that
// have waited longer.
//
// It extends queueSort. Tests: TestLess.
package prioritysort
