// Package normalize brings the scores that a plugin gave to nodes into the range that the framework adds up, 0 to 100.
//
// Tests: TestToMax.
package normalize
