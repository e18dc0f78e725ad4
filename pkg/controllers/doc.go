// Package controllers lists all controllers of the cluster.
//
// All is the one literal list: name, identity, constructor, kinds read and written. A controller lives in a folder of its
// own beside this file, as a pure plan and a thin controller on the frame of package control; no controller imports
// another. To add one: write its folder, and add one entry to All.
//
// Package controllermanager runs the list. all_test.go checks it against the published bootstrap roles.
package controllers
