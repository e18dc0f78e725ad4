// Package reasons renders, for users, why nodes were turned down: how many for which reason.
//
// In come counts, out goes text that is the same for the same counts. Tests: TestHistogram.
package reasons
