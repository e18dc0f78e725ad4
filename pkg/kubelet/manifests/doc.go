// Package manifests reads static pods: pods that a kubelet runs because a file says so, with or without an API server.
//
// It owns: the reading of files ([Read]), with defaults and validation as the API server's, the names, UIDs and annotations
// that static pods get, and the following of a directory or file ([Source]). In comes a path; out goes the whole list of
// pods whenever it has changed. A file that cannot be read as a pod is logged and left out; the others are not affected. It
// never talks to the API, and refuses pods that name objects of it (TestReferences). TestRead and TestSource show the rest.
package manifests
