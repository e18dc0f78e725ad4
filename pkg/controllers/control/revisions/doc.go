// Package revisions keeps the history of templates as ControllerRevisions, for controllers whose pods carry the hash of
// the revision that they were made from.
//
// It owns the form of revisions (a strategic merge patch that puts a template back, as kubectl reads it), their names,
// numbers and the choice of those to forget. It decides only; the controllers write. revisions_test.go shows it.
package revisions
