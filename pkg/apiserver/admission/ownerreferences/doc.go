// Package ownerreferences is the admission plugin OwnerReferencesPermissionEnforcement, off by default: who changes an
// object's owners must be allowed to delete the object, and who makes it block the deletion of an owner must be allowed to
// set the owner's finalizers. TestValidate shows it.
package ownerreferences
