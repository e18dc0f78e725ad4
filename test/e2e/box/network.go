package box

import (
	"fmt"
	"net"
	"runtime"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Address is that of the machine that the namespaces are, World that of its default gateway. They are of a network that nobody
// has (RFC 5737).
const (
	Address = "192.0.2.10"
	World   = "192.0.2.1"
)

// Outside is the world that the machine's default route leads to: a network namespace of its own.
type Outside struct {
	work chan func()
}

// MakeNetwork gives the machine an address and a default route, and makes the world at the other end. It lives as long as the
// process.
func MakeNetwork() (*Outside, error) {
	o := &Outside{work: make(chan func())}
	made := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread is the world's
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			made <- err
			return
		}
		made <- nil
		for fn := range o.work {
			fn()
		}
	}()
	if err := <-made; err != nil {
		return nil, fmt.Errorf("make network namespace: %w", err)
	}
	tid := make(chan int)
	o.work <- func() { tid <- unix.Gettid() }
	link := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "uplink"}, PeerName: "machine", PeerNamespace: netlink.NsPid(<-tid)}
	err := netlink.LinkAdd(link)
	if err == nil {
		err = configure("lo", "")
	}
	if err == nil {
		err = configure("uplink", Address+"/24")
	}
	if err == nil {
		err = o.Do(func() error { return configure("machine", World+"/24") })
	}
	if err == nil {
		err = netlink.RouteAdd(&netlink.Route{Gw: net.ParseIP(World)})
	}
	if err != nil {
		return nil, fmt.Errorf("make network: %w", err)
	}
	return o, nil
}

// Do calls fn in the world.
func (o *Outside) Do(fn func() error) error {
	result := make(chan error)
	o.work <- func() { result <- fn() }
	return <-result
}

func configure(name, address string) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	if address != "" {
		parsed, err := netlink.ParseAddr(address)
		if err != nil {
			return err
		}
		if err := netlink.AddrAdd(link, parsed); err != nil {
			return err
		}
	}
	return netlink.LinkSetUp(link)
}
