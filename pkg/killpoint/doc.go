// Package killpoint names moments at which a process may be killed in a test: between two writes that belong together, or when
// something is done that nobody has been told of yet.
//
// In ordinary builds [Here] is empty and [Pause] gives back what it gets: nothing of this package is in the programs.
// Built with the tag "faults", a process that passes a point kills itself with SIGKILL if the file that the variable
// PROA_KILLPOINT names says so (package test/faults writes it). The file is renamed before, so that one file kills one process
// once, and whoever wrote it sees that it did. Pauses between the lives of a process are short in such a build, for kills come in
// quick succession there.
//
// Each point has one call site, and [All] is the list of them, which killpoint_test.go compares with the code.
package killpoint
