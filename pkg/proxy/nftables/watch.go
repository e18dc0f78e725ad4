package nftables

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// Watch tells on the returned channel when tables of ours may have been damaged: when
// somebody (maybe ourselves, in Resync) deleted one, or its chains, rules or sets, or
// when the kernel dropped reports of such changes. Receivers find out by Check. Changes
// of elements are not reported. The channel is closed when ctx ends.
func Watch(ctx context.Context) (<-chan struct{}, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_NETFILTER)
	if err != nil {
		return nil, fmt.Errorf("open netlink socket: %w", err)
	}
	// As a file it is read through the runtime's poller, which Close interrupts.
	socket := os.NewFile(uintptr(fd), "nftables-watch")
	if err := subscribe(fd); err != nil {
		return nil, errors.Join(err, socket.Close())
	}
	damaged := make(chan struct{}, 1)
	stop := context.AfterFunc(ctx, func() { _ = socket.Close() })
	go func() {
		defer close(damaged)
		defer stop()
		buffer := make([]byte, 1<<16)
		for {
			n, err := socket.Read(buffer)
			switch {
			case errors.Is(err, syscall.ENOBUFS):
			case err != nil:
				_ = socket.Close()
				return
			case !concernsUs(buffer[:n]):
				continue
			}
			select {
			case damaged <- struct{}{}:
			default:
			}
		}
	}()
	return damaged, nil
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

// concernsUs looks for messages of deletion that name one of our tables. The name is
// the first attribute of all of them.
func concernsUs(data []byte) bool {
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
			if bytes.HasPrefix(name, append([]byte(TableName), 0)) {
				return true
			}
		}
	}
	return false
}
