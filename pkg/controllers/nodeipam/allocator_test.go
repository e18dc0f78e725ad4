package nodeipam

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAllocator(t *testing.T) {
	tests := []struct {
		name, whole string
		size        int
		reserved    []string
		want        []string // until the range is full, or the first three
	}{
		{"IPv4", "10.244.0.0/16", 24, nil, []string{"10.244.0.0/24", "10.244.1.0/24", "10.244.2.0/24"}},
		{"IPv6", "fd00:1::/48", 64, nil, []string{"fd00:1::/64", "fd00:1:0:1::/64", "fd00:1:0:2::/64"}},
		{"not masked", "10.244.7.1/16", 24, nil, []string{"10.244.0.0/24", "10.244.1.0/24", "10.244.2.0/24"}},
		{"services inside", "10.0.0.0/8", 16, []string{"10.0.0.0/15"}, []string{"10.2.0.0/16", "10.3.0.0/16", "10.4.0.0/16"}},
		{"services smaller than a part", "10.0.0.0/8", 16, []string{"10.0.3.0/24"}, []string{"10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16"}},
		{"services elsewhere", "10.0.0.0/30", 31, []string{"192.168.0.0/16", "fd00::/8"}, []string{"10.0.0.0/31", "10.0.0.2/31"}},
		{"services around", "10.0.0.0/30", 31, []string{"10.0.0.0/8"}, nil},
		{"one part", "10.0.0.0/24", 24, nil, []string{"10.0.0.0/24"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a, err := newAllocator(netip.MustParsePrefix(test.whole), test.size)
			if err != nil {
				t.Fatal(err)
			}
			for _, text := range test.reserved {
				a.mark(netip.MustParsePrefix(text), true)
			}
			var got []string
			for range 3 {
				part, err := a.next()
				if errors.Is(err, errFull) {
					break
				}
				got = append(got, part.String())
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("parts (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFreedPartsComeAgain(t *testing.T) {
	a, err := newAllocator(netip.MustParsePrefix("10.0.0.0/30"), 32)
	if err != nil {
		t.Fatal(err)
	}
	for range 4 {
		if _, err := a.next(); err != nil {
			t.Fatal(err)
		}
	}
	a.mark(netip.MustParsePrefix("10.0.0.2/32"), false)
	if part, err := a.next(); err != nil || part.String() != "10.0.0.2/32" {
		t.Errorf("part %v, %v", part, err)
	}
}

func TestImpossibleParts(t *testing.T) {
	for whole, size := range map[string]int{"10.0.0.0/16": 8, "10.0.0.0/24": 33, "fd00::/16": 64} {
		if _, err := newAllocator(netip.MustParsePrefix(whole), size); err == nil {
			t.Errorf("%s was divided into /%d", whole, size)
		}
	}
}
