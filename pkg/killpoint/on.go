//go:build faults

package killpoint

import (
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// variable names the file with an order: the name of a point and how many passes of it are still to be survived. Another
// order is another text: a serial number may follow.
const variable = "PROA_KILLPOINT"

// carried is added to the name of a file whose order has been carried out.
const carried = ".carried"

var passes struct {
	sync.Mutex
	order string
	count int
}

// Here kills the process if its order says so.
func Here(name Name) {
	path := os.Getenv(variable)
	if path == "" {
		return
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return // there is no order
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 || fields[0] != string(name) {
		return
	}
	survive, err := strconv.Atoi(fields[1])
	if err != nil {
		return // it is being written
	}
	passes.Lock()
	defer passes.Unlock()
	if passes.order != string(text) {
		passes.order, passes.count = string(text), 0
	}
	passes.count++
	// Whoever renames the file carries the order out; others of the processes that have it go on.
	if passes.count <= survive || os.Rename(path, path+carried) != nil {
		return
	}
	syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {} // until the signal has come, nothing more is done here
}

// mostPause is far less than what keeps a machine from being busy with starts, and so there is time for many faults.
const mostPause = 200 * time.Millisecond

// Pause bounds a pause before a process that fell is started again.
func Pause(d time.Duration) time.Duration { return min(d, mostPause) }
