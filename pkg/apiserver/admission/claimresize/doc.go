// Package claimresize is the admission plugin PersistentVolumeClaimResize: a claim may grow only if it is bound and its
// storage class allows it. TestAdmit shows it.
package claimresize
