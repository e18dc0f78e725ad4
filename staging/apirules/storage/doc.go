// Package storage owns the rules of storage.k8s.io/v1: storage classes, CSI drivers and nodes, attachments, capacities, attribute classes.
//
// In: v1 objects. Out: defaults filled in, field.ErrorList and warnings. It asks no driver.
//
// rules_test.go shows each rule by one mutation of a valid object.
package storage
