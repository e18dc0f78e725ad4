package nftables

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"syscall"
	"time"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/klog/v2"
)

// firstReopen and lastReopen bound the wait until a socket that failed is opened anew; it doubles.
const (
	firstReopen = 100 * time.Millisecond
	lastReopen  = time.Minute
)

// Watch tells on the returned channel when tables of that name may have been damaged: when
// somebody (maybe ourselves, in Resync) deleted one, or its chains, rules or sets, or
// when reports of such changes were lost. Receivers find out by Check. Changes
// of elements are not reported. The channel is closed when ctx ends, and not before: what fails is
// opened anew.
func Watch(ctx context.Context, table string) (<-chan struct{}, error) {
	socket, err := openWatch()
	if err != nil {
		return nil, err
	}
	w := &watch{table: table, open: openWatch, damaged: make(chan struct{}, 1)}
	go w.run(ctx, socket)
	return w.damaged, nil
}

// watch reads reports of changes.
type watch struct {
	table   string
	open    func() (io.ReadCloser, error)
	damaged chan struct{}
}

func openWatch() (io.ReadCloser, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_NETFILTER)
	if err != nil {
		return nil, fmt.Errorf("open netlink socket: %w", err)
	}
	// As a file it is read through the runtime's poller, which Close interrupts.
	socket := os.NewFile(uintptr(fd), "nftables-watch")
	if err := subscribe(fd); err != nil {
		return nil, errors.Join(err, socket.Close())
	}
	return socket, nil
}

func (w *watch) run(ctx context.Context, socket io.ReadCloser) {
	defer close(w.damaged)
	again := wait.Backoff{Duration: firstReopen, Factor: 2, Steps: math.MaxInt32, Cap: lastReopen}
	for {
		err := w.read(ctx, socket)
		for socket = nil; socket == nil; socket, err = w.open() {
			if ctx.Err() != nil {
				return
			}
			pause := again.Step()
			klog.FromContext(ctx).Error(err, "Changes of nftables by others are not seen for a while", "retryAfter", pause)
			if !sleep(ctx, pause) {
				return
			}
		}
		w.tell() // of what may have been lost
	}
}

// read tells of reports until the socket fails or ctx ends, and closes it.
func (w *watch) read(ctx context.Context, socket io.ReadCloser) error {
	stop := context.AfterFunc(ctx, func() { _ = socket.Close() })
	defer func() {
		if stop() {
			_ = socket.Close()
		}
	}()
	buffer := make([]byte, 1<<16)
	for {
		n, err := socket.Read(buffer)
		switch {
		case errors.Is(err, syscall.ENOBUFS):
		case err != nil:
			return err
		case !concernsUs(buffer[:n], w.table):
			continue
		}
		w.tell()
	}
}

func (w *watch) tell() {
	select {
	case w.damaged <- struct{}{}:
	default:
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// subscribe joins the group of nftables changes, without those that begin with an
// element: every change of a Service makes some, and a full write very many.
func subscribe(fd int) error {
	const typeOffset = 4
	program, err := bpf.Assemble([]bpf.Instruction{
		bpf.LoadAbsolute{Off: typeOffset, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: swapped(unix.NFNL_SUBSYS_NFTABLES<<8 | unix.NFT_MSG_NEWSETELEM), SkipTrue: 2},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: swapped(unix.NFNL_SUBSYS_NFTABLES<<8 | unix.NFT_MSG_DELSETELEM), SkipTrue: 1},
		bpf.RetConstant{Val: 1 << 17},
		bpf.RetConstant{Val: 0},
	})
	if err != nil {
		return fmt.Errorf("assemble socket filter: %w", err)
	}
	filter := make([]unix.SockFilter, len(program))
	for i, op := range program {
		filter[i] = unix.SockFilter{Code: op.Op, Jt: op.Jt, Jf: op.Jf, K: op.K}
	}
	fprog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &fprog); err != nil {
		return fmt.Errorf("attach socket filter: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return fmt.Errorf("bind netlink socket: %w", err)
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_ADD_MEMBERSHIP, unix.NFNLGRP_NFTABLES); err != nil {
		return fmt.Errorf("subscribe to nftables changes: %w", err)
	}
	return nil
}

// swapped is a number in the machine's byte order as a socket filter reads it, which
// is as if it came from the network.
func swapped(value uint16) uint32 {
	return uint32(binary.NativeEndian.Uint16([]byte{byte(value >> 8), byte(value)}))
}

// concernsUs looks for messages of deletion that name the table. The name is
// the first attribute of all of them.
func concernsUs(data []byte, table string) bool {
	messages, err := syscall.ParseNetlinkMessage(data)
	if err != nil {
		// Cut off: something may be lost.
		return true
	}
	for _, m := range messages {
		switch m.Header.Type & 0xff {
		case unix.NFT_MSG_DELTABLE, unix.NFT_MSG_DELCHAIN, unix.NFT_MSG_DELRULE, unix.NFT_MSG_DELSET:
			const attributeHeader = 4
			if len(m.Data) < nfgenmsgLen+attributeHeader {
				continue
			}
			name := m.Data[nfgenmsgLen+attributeHeader:]
			if bytes.HasPrefix(name, append([]byte(table), 0)) {
				return true
			}
		}
	}
	return false
}
