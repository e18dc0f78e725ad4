// Package unit makes a service of systemd of a cluster's server, where systemd is the machine's init.
//
// In: what is to run, and in which environment. Out: the unit file, and its life: installed, started, told of, stopped, removed.
// It speaks with systemd by systemctl, which is there wherever systemd is, needs no bus, and says in words what went wrong. It never
// looks at what runs in the unit, and writes no file but the unit's.
//
// Shown by unit_test.go, which has systemd check the file, and service_test.go (the order of what is asked of systemd). That a real
// systemd starts it, and starts it again, is shown by pkg/cluster/command/systemd_test.go.
package unit
