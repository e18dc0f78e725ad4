// Package storageprotection is the admission plugin StorageObjectInUseProtection: claims, volumes and volume attributes
// classes get a finalizer with which a controller keeps them while they are in use. TestAdmit shows it.
package storageprotection
