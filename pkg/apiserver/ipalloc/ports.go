package ipalloc

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/big"
	"math/rand/v2"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/apiserver/pkg/registry/generic"
	"k8s.io/apiserver/pkg/storage"
)

// Ports allocates node ports: bit n of the stored map stands for the nth port of the range.
type Ports struct {
	all     utilnet.PortRange
	storage storage.Interface
}

// portsKey is where the map is stored.
const portsKey = "/ranges/servicenodeports"

// ErrPortTaken says that a port belongs to another service.
var ErrPortTaken = errors.New("provided port is already allocated")

// NewPorts opens the storage of the map.
func NewPorts(all utilnet.PortRange, options generic.RESTOptionsGetter) (ports *Ports, destroy func(), err error) {
	o, err := options.GetRESTOptions(corev1.Resource("servicenodeportallocations"), &corev1.RangeAllocation{})
	if err != nil {
		return nil, nil, fmt.Errorf("open storage of node ports: %w", err)
	}
	newMap := func() runtime.Object { return &corev1.RangeAllocation{} }
	s, destroy, err := generic.NewRawStorage(o.StorageConfig, newMap, nil, portsKey)
	if err != nil {
		return nil, nil, fmt.Errorf("open storage of node ports: %w", err)
	}
	return &Ports{all, s}, destroy, nil
}

// staticPorts is the number of ports at the low end that are handed out last, so that people can choose from them
// (KEP-3668): a thirty-second part, between 16 and 128.
func (p *Ports) staticPorts() int {
	if p.all.Size <= 16 {
		return 0
	}
	return min(max(16, p.all.Size/32), 128)
}

// Any takes a free port. With dry set it only finds one, other than those of except.
func (p *Ports) Any(ctx context.Context, dry bool, except ...int32) (int32, error) {
	var port int
	err := p.update(ctx, dry, func(used *big.Int) error {
		for n := range p.candidates() {
			if used.Bit(n) == 0 && !slices.Contains(except, int32(p.all.Base+n)) {
				used.SetBit(used, n, 1)
				port = p.all.Base + n
				return nil
			}
		}
		return ErrFull
	})
	return int32(port), err
}

// candidates yields all ports by their place in the range: those above the static part from a random one on, then the
// static part in the same way.
func (p *Ports) candidates() iter.Seq[int] {
	return func(yield func(int) bool) {
		static := p.staticPorts()
		for _, part := range [][2]int{{static, p.all.Size}, {0, static}} {
			first, size := part[0], part[1]-part[0]
			if size == 0 {
				continue
			}
			start := rand.IntN(size)
			for i := range size {
				if !yield(first + (start+i)%size) {
					return
				}
			}
		}
	}
}

// Take takes the given port.
func (p *Ports) Take(ctx context.Context, port int32, dry bool) error {
	if !p.all.Contains(int(port)) {
		return fmt.Errorf("provided port is not in the valid range. The range of valid ports is %s", p.all.String())
	}
	return p.update(ctx, dry, func(used *big.Int) error {
		n := int(port) - p.all.Base
		if used.Bit(n) == 1 {
			return ErrPortTaken
		}
		used.SetBit(used, n, 1)
		return nil
	})
}

// Release gives a port back.
func (p *Ports) Release(ctx context.Context, port int32) error {
	if !p.all.Contains(int(port)) {
		return nil
	}
	return p.update(ctx, false, func(used *big.Int) error {
		used.SetBit(used, int(port)-p.all.Base, 0)
		return nil
	})
}

// Found is what a repair found.
type Found struct {
	Missing []int32 // were used and not taken, and are taken now
	Unused  []int32 // are taken and not used
	Outside []int32 // are used and not in the range
}

// Repair takes ports that are used, and gives back those of free that are not. After a change of the range it makes the map
// anew from what is used.
func (p *Ports) Repair(ctx context.Context, used map[int32]bool, free map[int32]bool) (Found, error) {
	var found Found
	err := p.storage.GuaranteedUpdate(ctx, portsKey, &corev1.RangeAllocation{}, true, nil, storage.SimpleUpdate(func(o runtime.Object) (runtime.Object, error) {
		m := o.(*corev1.RangeAllocation)
		taken := new(big.Int)
		if m.Range == p.all.String() {
			taken.SetBytes(m.Data)
		}
		found = p.mend(taken, used, free)
		m.Range, m.Data = p.all.String(), taken.Bytes()
		return m, nil
	}), nil)
	if err != nil {
		return Found{}, fmt.Errorf("repair node ports: %w", err)
	}
	return found, nil
}

func (p *Ports) mend(taken *big.Int, used, free map[int32]bool) Found {
	var f Found
	for port := range used {
		n := int(port) - p.all.Base
		switch {
		case !p.all.Contains(int(port)):
			f.Outside = append(f.Outside, port)
		case taken.Bit(n) == 0:
			taken.SetBit(taken, n, 1)
			f.Missing = append(f.Missing, port)
		}
	}
	for n := range p.all.Size {
		port := int32(p.all.Base + n)
		switch {
		case taken.Bit(n) == 0 || used[port]:
		case free[port]:
			taken.SetBit(taken, n, 0)
		default:
			f.Unused = append(f.Unused, port)
		}
	}
	slices.Sort(f.Missing)
	slices.Sort(f.Outside)
	return f
}

// errDry ends an update without a write.
var errDry = errors.New("dry run")

func (p *Ports) update(ctx context.Context, dry bool, change func(used *big.Int) error) error {
	err := p.storage.GuaranteedUpdate(ctx, portsKey, &corev1.RangeAllocation{}, true, nil, storage.SimpleUpdate(func(o runtime.Object) (runtime.Object, error) {
		m := o.(*corev1.RangeAllocation)
		if m.Range != "" && m.Range != p.all.String() {
			return nil, fmt.Errorf("the node port range is %s and not %s, which the repair of node ports changes; try again", m.Range, p.all.String())
		}
		used := new(big.Int).SetBytes(m.Data)
		if err := change(used); err != nil {
			return nil, err
		}
		if dry {
			return nil, errDry
		}
		m.Range, m.Data = p.all.String(), used.Bytes()
		return m, nil
	}), nil)
	if err == nil || errors.Is(err, errDry) {
		return nil
	}
	if errors.Is(err, ErrFull) || errors.Is(err, ErrPortTaken) {
		return err
	}
	return fmt.Errorf("allocate node port: %w", err)
}
