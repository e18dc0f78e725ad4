package netnstest

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience is how long a packet may take that is known to arrive; silence is how
// long one is waited for that is known to be dropped.
const (
	patience = 5 * time.Second
	silence  = 500 * time.Millisecond
)

// Serve answers every TCP connection and UDP packet at a port of the host with the
// host's name and the client's address, until the test ends.
func (h *Host) Serve(tb testing.TB, port uint16) {
	tb.Helper()
	address := ":" + strconv.Itoa(int(port))
	var listener net.Listener
	var packets net.PacketConn
	h.Do(tb, func() {
		var err error
		listener, err = net.Listen("tcp", address)
		must(tb, err)
		packets, err = net.ListenPacket("udp", address)
		must(tb, err)
	})
	done := make(chan struct{}, 2)
	go func() {
		defer func() { done <- struct{}{} }()
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(conn, h.answer(conn.RemoteAddr()))
			_ = conn.Close()
		}
	}()
	go func() {
		defer func() { done <- struct{}{} }()
		buffer := make([]byte, 100)
		for {
			_, client, err := packets.ReadFrom(buffer)
			if err != nil {
				return
			}
			_, _ = packets.WriteTo([]byte(h.answer(client)), client)
		}
	}()
	tb.Cleanup(func() {
		_, _ = listener.Close(), packets.Close()
		<-done
		<-done
	})
}

func (h *Host) answer(client net.Addr) string {
	return h.Name + " " + netip.MustParseAddrPort(client.String()).Addr().Unmap().String()
}

// Ask connects from the host ("tcp" or "udp") and returns the answer of who serves
// there, or "refused" or "silent". It waits long: it is for what is known to answer.
func (h *Host) Ask(tb testing.TB, network string, addr netip.AddrPort) (answer string) {
	tb.Helper()
	h.Do(tb, func() { answer = Ask(network, addr) })
	return answer
}

// AskBriefly is Ask for what is known not to answer, or is asked again and again.
func (h *Host) AskBriefly(tb testing.TB, network string, addr netip.AddrPort) (answer string) {
	tb.Helper()
	h.Do(tb, func() { answer = ask(network, addr, silence) })
	return answer
}

// Ask is Host.Ask from the node.
func Ask(network string, addr netip.AddrPort) string { return ask(network, addr, patience) }

func ask(network string, addr netip.AddrPort, wait time.Duration) string {
	conn, err := net.DialTimeout(network, addr.String(), wait)
	if err != nil {
		return outcome(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(wait)); err != nil {
		return outcome(err)
	}
	if network == "udp" {
		if _, err := io.WriteString(conn, "hello"); err != nil {
			return outcome(err)
		}
		buffer := make([]byte, 100)
		n, err := conn.Read(buffer)
		if err != nil {
			return outcome(err)
		}
		return string(buffer[:n])
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		return outcome(err)
	}
	return string(answer)
}

func outcome(err error) string {
	var timeout net.Error
	switch {
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.EPERM):
		return "refused"
	case errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "silent"
	}
	return "error: " + err.Error()
}

// Who returns the name in an answer.
func Who(answer string) string {
	name, _, _ := strings.Cut(answer, " ")
	return name
}
