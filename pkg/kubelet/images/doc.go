// Package images makes sure that an image is on the node before a container starts from it.
//
// It owns: pull policies, credentials (pull secrets, the node's own docker configuration), a bound on parallel pulls, one
// pull at a time of the same image for the same credentials, and the removal of unused images when the disk fills. In come
// an image name, a policy and a pod; out go the runtime's reference of the image or an [Error] with the reason that the
// pod's status shows. It never decides when to try again: that is the worker's backoff. It records the events Pulling,
// Pulled and Failed. TestEnsure shows policies and events, TestKeyring the credentials, TestPlanRemoval the clean-up.
package images
