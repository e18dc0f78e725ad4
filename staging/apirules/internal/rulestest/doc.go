// Package rulestest is how the tests of this module show rules: by errors (path and type) that one mutation of a valid
// object brings about, and by random objects that no function may panic on or change twice.
//
// In: functions under test and objects. Out: failures of the test. It knows no kind, and no product code imports it.
package rulestest
