// Package controllermanager runs the controllers of package controllers.
//
// It owns their dependencies: each controller gets a client and an event recorder with the identity of its own service
// account, and the informers that all share. In come the informers (which it never starts), a function that makes
// connections, and the settings; out goes a Manager whose Run ends when all controllers have ended. It knows nothing of
// what a controller does.
//
// manager_test.go shows selection and a Deployment that becomes pods through several controllers at once.
package controllermanager
