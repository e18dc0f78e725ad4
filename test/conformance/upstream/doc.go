// Package upstream pins Kubernetes itself: the official suite, the programs in its test images, and the components to
// compare ours with. It is a module of its own, so that they are built with the libraries that they were published with;
// package build of test/conformance builds them. There is no code here.
package upstream
