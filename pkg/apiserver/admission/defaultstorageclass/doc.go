// Package defaultstorageclass is the admission plugin DefaultStorageClass: a claim that says nothing of a storage class
// gets the default one, the newest if there are several. TestAdmit shows it.
package defaultstorageclass
