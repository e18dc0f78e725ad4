package nodeipam

import (
	"errors"
	"fmt"
	"math/big"
	"net/netip"
)

// errFull is returned when a range has no free part left.
var errFull = errors.New("no part of the range is free")

// allocator divides one range into parts of equal size.
type allocator struct {
	whole  netip.Prefix
	size   int      // prefix length of a part
	parts  int      // how many there are
	used   *big.Int // bit i: part i is taken
	cursor int      // where the search for a free part starts, so that parts are not used again at once
}

// mostParts bounds the memory of an allocator. 2^16 parts are also the most that upstream gives of one range.
const mostParts = 1 << 16

func newAllocator(whole netip.Prefix, size int) (*allocator, error) {
	whole = whole.Masked()
	if size < whole.Bits() || size > whole.Addr().BitLen() {
		return nil, fmt.Errorf("divide %s: parts of /%d do not fit", whole, size)
	}
	bits := size - whole.Bits()
	if bits > 16 {
		return nil, fmt.Errorf("divide %s: parts of /%d are more than %d", whole, size, mostParts)
	}
	return &allocator{whole: whole, size: size, parts: 1 << bits, used: new(big.Int)}, nil
}

// part is the prefix with a number.
func (a *allocator) part(number int) netip.Prefix {
	address := a.whole.Addr().AsSlice()
	offset := new(big.Int).Lsh(big.NewInt(int64(number)), uint(a.whole.Addr().BitLen()-a.size))
	sum := new(big.Int).Add(new(big.Int).SetBytes(address), offset)
	sum.FillBytes(address)
	first, _ := netip.AddrFromSlice(address) // the length is that of an address
	return netip.PrefixFrom(first, a.size)
}

// span is the numbers of the parts that a prefix overlaps with; ok is false when there are none.
func (a *allocator) span(prefix netip.Prefix) (first, last int, ok bool) {
	if !a.whole.Overlaps(prefix) {
		return 0, 0, false
	}
	if prefix.Bits() <= a.whole.Bits() {
		return 0, a.parts - 1, true
	}
	base := new(big.Int).SetBytes(a.whole.Addr().AsSlice())
	number := func(address netip.Addr) int {
		offset := new(big.Int).Sub(new(big.Int).SetBytes(address.AsSlice()), base)
		return int(new(big.Int).Rsh(offset, uint(a.whole.Addr().BitLen()-a.size)).Int64())
	}
	first = number(prefix.Masked().Addr())
	last = first
	if prefix.Bits() < a.size {
		last = first + 1<<(a.size-prefix.Bits()) - 1
	}
	return first, last, true
}

// mark takes or frees all parts that prefix overlaps with.
func (a *allocator) mark(prefix netip.Prefix, taken bool) {
	first, last, ok := a.span(prefix)
	if !ok {
		return
	}
	bit := uint(0)
	if taken {
		bit = 1
	}
	for i := first; i <= last; i++ {
		a.used.SetBit(a.used, i, bit)
	}
}

// next takes a free part.
func (a *allocator) next() (netip.Prefix, error) {
	for i := range a.parts {
		number := (a.cursor + i) % a.parts
		if a.used.Bit(number) == 0 {
			a.used.SetBit(a.used, number, 1)
			a.cursor = (number + 1) % a.parts
			return a.part(number), nil
		}
	}
	return netip.Prefix{}, errFull
}
