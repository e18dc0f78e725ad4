package nftables

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os/exec"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/proa-sh/proa/pkg/proxy/internal/netnstest"
	"github.com/proa-sh/proa/pkg/proxy/model"
	corev1 "k8s.io/api/core/v1"
)

func TestEncode(t *testing.T) {
	index := hex.EncodeToString(binary.NativeEndian.AppendUint32(nil, 258))
	for key, want := range map[string]string{
		"10.96.0.10":              "0a60000a",
		"10.1.0.1 . 10.1.0.1":     "0a0100010a010001",
		"10.96.0.10 . tcp . 80":   "0a60000a" + "06000000" + "00500000",
		"10.96.0.10 . sctp . 1":   "0a60000a" + "84000000" + "00010000",
		"10.96.0.10 . 258 . 258":  "0a60000a" + "01020000" + index,
		"fd00::1 . udp . 65535":   "fd000000000000000000000000000001" + "11000000" + "ffff0000",
		"10.1.0.1 . 8080":         "0a010001" + "1f900000",
		"10.96.0.10 . 65536":      "error",
		"10.96.0.10 . icmp . 1":   "error",
		"10.96.0.10 . tcp . -1":   "error",
		"10.96.0.10 . 1 . 1e9":    "error",
		"10.96.0.10 . 10.0.0.0/8": "error",
	} {
		t.Run(key, func(t *testing.T) {
			bytes, err := encode(key)
			got := hex.EncodeToString(bytes)
			if err != nil {
				got = "error"
			}
			if got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

func TestDirect(t *testing.T) {
	some := []element{{clusterIPs, "10.0.0.1", ""}}
	for name, test := range map[string]struct {
		plan plan
		want bool
	}{
		"elements":     {plan{add: some, remove: some}, true},
		"new set":      {plan{add: some, newCounts: []count{{}}}, false},
		"new timeout":  {plan{add: some, newTimeouts: []time.Duration{time.Second}}, false},
		"prefixes":     {plan{remove: []element{{sourceRanges, "10.0.0.1 . tcp . 80 . 10.0.0.0/8", ""}}}, false},
		"very many":    {plan{add: make([]element, elementsPerBatch+1)}, false},
		"just so many": {plan{add: make([]element, elementsPerBatch)}, true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := test.plan.direct(); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

// TestKernelManyEndpoints grows and shrinks a Service over the limits of messages and
// batches; what the kernel has is compared after each step.
func TestKernelManyEndpoints(t *testing.T) {
	both(t, func(t *testing.T, family corev1.IPFamily) {
		w := newWorld(t, family, byPrefix)
		base := w.pod(0).Addr().AsSlice()
		var all []netip.AddrPort
		for i := range 1200 {
			base[len(base)-2], base[len(base)-1] = byte(i>>8), byte(i)
			addr, _ := netip.AddrFromSlice(base)
			all = append(all, netip.AddrPortFrom(addr, servedPort))
		}
		for _, n := range []int{1, 499, 500, 501, 1200, 1199, 700, 699, 2, 700, 1200, 0} {
			// Another element each time, and another order.
			chosen := append([]netip.AddrPort(nil), all[len(all)-n:]...)
			w.apply(t, w.service("web", corev1.ProtocolTCP, chosen...))
		}
	})
}

// TestKernelDisagrees shows what happens when somebody else took elements away.
func TestKernelDisagrees(t *testing.T) {
	w := newWorld(t, corev1.IPv4Protocol, byPrefix)
	ports := []*model.ServicePort{w.service("web", corev1.ProtocolTCP, w.pod(0)), w.service("web", corev1.ProtocolTCP, w.pod(1))}
	w.apply(t, ports[0])
	if out, err := exec.Command("nft", "flush", "map", "ip", TableName, "tcp-endpoints").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	damage, err := w.table.Check(t.Context(), true)
	if err != nil || damage == "" {
		t.Errorf("check: damage %q, error %v", damage, err)
	}
	if damage, err := w.table.Check(t.Context(), false); err != nil || damage != "" {
		t.Errorf("shallow check: damage %q, error %v", damage, err)
	}
	changes := Changes{ports[1].Name: ports[1]}
	if err := w.table.Apply(t.Context(), changes); err == nil {
		t.Error("no error for an element that is not there")
	}
	if w.table.Known() {
		t.Error("the table thinks that it knows the kernel's state")
	}
	if err := w.table.Apply(t.Context(), changes); err != ErrUnknownState {
		t.Errorf("second change: got error %v", err)
	}
	if err := w.table.Resync(t.Context(), []model.ServicePort{*ports[1]}); err != nil {
		t.Fatal(err)
	}
	w.check(t)
	w.apply(t, w.service("web", corev1.ProtocolTCP, w.pod(0)))
	expect(t, "after all", netnstest.Who(w.Outside.Ask(t, "tcp", w.front(80))), "pod-a")
}

func TestAlign(t *testing.T) {
	list := func(ports ...uint16) (all []netip.AddrPort) {
		for _, port := range ports {
			all = append(all, netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, 0, 1}), port))
		}
		return all
	}
	for name, test := range map[string]struct{ old, wanted, want []netip.AddrPort }{
		"same":            {list(3, 1, 2), list(1, 2, 3), list(3, 1, 2)},
		"one more":        {list(3, 1), list(1, 2, 3), list(3, 1, 2)},
		"first goes":      {list(3, 1, 2), list(1, 2), list(2, 1)},
		"last goes":       {list(3, 1, 2), list(1, 3), list(3, 1)},
		"one for another": {list(3, 1, 2), list(2, 3, 4), list(3, 4, 2)},
		"all new":         {list(1, 2), list(3, 4), list(3, 4)},
		"none":            {list(1, 2), nil, nil},
		"from none":       {nil, list(2, 1), list(2, 1)},
	} {
		t.Run(name, func(t *testing.T) {
			got := align(test.old, test.wanted)
			if diff := cmp.Diff(fmt.Sprint(test.want), fmt.Sprint(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
