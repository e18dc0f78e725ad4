package network

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// nft runs the program in the network namespace of the test.
func nft(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("nft", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("nft %v: %v: %s", args, err, out)
	}
	return string(out)
}

// TestForwardPolicyDrop: pods reach each other where Docker or ufw has told the machine to pass nothing on, by rules that only
// they who made them can get rid of; in a chain of ours they would do nothing.
func TestForwardPolicyDrop(t *testing.T) {
	check(t, os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0))
	pod := newSide(t, "pod-d", "10.244.3.1/24", "10.244.3.2/24")
	other := newSide(t, "other-d", "10.244.4.1/24", "10.244.4.2/24")
	stranger := newSide(t, "stranger-d", "198.51.100.1/24", "198.51.100.2/24")
	for _, test := range []struct {
		name  string
		chain string
	}{{"plain", "FORWARD"}, {"Docker", "DOCKER-USER"}} {
		t.Run(test.name, func(t *testing.T) {
			nft(t, "add", "table", "ip", "filter")
			t.Cleanup(func() { nft(t, "delete", "table", "ip", "filter") })
			nft(t, "add", "chain", "ip", "filter", "FORWARD", "{ type filter hook forward priority 0; policy drop; }")
			if test.chain != "FORWARD" {
				nft(t, "add", "chain", "ip", "filter", test.chain)
				nft(t, "add", "rule", "ip", "filter", "FORWARD", "jump", test.chain)
			}
			pod.do(func() {
				if conn, err := net.DialTimeout("tcp", "10.244.4.2:80", 300*time.Millisecond); !os.IsTimeout(err) {
					t.Errorf("the policy does not hold: %v, %v", conn, err)
				}
			})
			own, others, err := Closed()
			check(t, err)
			if diff := cmp.Diff([][]string{{"FORWARD of table ip filter"}, nil}, [][]string{own, others}); diff != "" {
				t.Error(diff)
			}
			ledger := &book{}
			for range 2 {
				check(t, openFirewall(ledger, []netip.Prefix{netip.MustParsePrefix("10.244.0.0/16")}))
			}
			if diff := cmp.Diff([]string{fmt.Sprintf("rules ip filter %s %q", test.chain, "proa pods 10.244.0.0/16")}, ledger.taken()); diff != "" {
				t.Error(diff)
			}
			if chain, err := blocked([]netip.Prefix{netip.MustParsePrefix("10.244.0.0/16")}); err != nil || chain != "" {
				t.Errorf("blocked by %q, %v", chain, err)
			}
			for at, want := range map[string]string{"10.244.4.2:80": "10.244.3.2", "198.51.100.2:80": "10.244.3.2"} {
				to := map[string]*side{"10.244.4.2:80": other, "198.51.100.2:80": stranger}[at]
				if got := seenAddress(t, pod, to, at); got != want {
					t.Errorf("to %s: seen from %q, want %s", at, got, want)
				}
			}
			if got := strings.Count(nft(t, "list", "chain", "ip", "filter", test.chain), "10.244.0.0/16"); got < 2 {
				t.Errorf("%d rules", got)
			}
		})
	}
	t.Run("taken away again", func(t *testing.T) {
		nft(t, "add", "table", "ip", "filter")
		t.Cleanup(func() { nft(t, "delete", "table", "ip", "filter") })
		nft(t, "add", "chain", "ip", "filter", "FORWARD", "{ type filter hook forward priority 0; policy drop; }")
		pods := []netip.Prefix{netip.MustParsePrefix("10.244.0.0/16")}
		check(t, openFirewall(&book{}, pods))
		nft(t, "flush", "chain", "ip", "filter", "FORWARD")
		if chain, err := blocked(pods); err != nil || chain != "FORWARD of table ip filter" {
			t.Errorf("blocked by %q, %v", chain, err)
		}
		check(t, openFirewall(&book{}, pods))
		if chain, err := blocked(pods); err != nil || chain != "" {
			t.Errorf("blocked by %q, %v", chain, err)
		}
	})
	t.Run("of another program", func(t *testing.T) {
		nft(t, "add", "table", "inet", "mine")
		t.Cleanup(func() { nft(t, "delete", "table", "inet", "mine") })
		nft(t, "add", "chain", "inet", "mine", "fw", "{ type filter hook forward priority 0; policy drop; }")
		own, others, err := Closed()
		check(t, err)
		if diff := cmp.Diff([][]string{nil, {"fw of table inet mine"}}, [][]string{own, others}); diff != "" {
			t.Error(diff)
		}
		ledger := &book{}
		check(t, openFirewall(ledger, []netip.Prefix{netip.MustParsePrefix("10.244.0.0/16")}))
		if made := ledger.taken(); len(made) > 0 {
			t.Errorf("changed: %v", made)
		}
	})
}
