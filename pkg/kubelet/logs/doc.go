// Package logs keeps container logs from filling the disk.
//
// It owns the rotation of the logs that the container runtime writes: which files to rename, compress and remove
// ([planRotation], pure), and doing it. In come the logs of running containers; out go renames and calls of
// Config.Reopen. It never reads what is in a log. TestRotate works on real files.
package logs
