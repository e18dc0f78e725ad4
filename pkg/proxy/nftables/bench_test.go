package nftables

import (
	"context"
	"fmt"
	"net/netip"
	"testing"

	"github.com/proa-sh/proa/pkg/proxy/model"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// many returns ports of as many Services with a cluster address and two endpoints.
func many(n int) []model.ServicePort {
	ports := make([]model.ServicePort, 0, n)
	for i := range n {
		addr := netip.AddrFrom4([4]byte{10, 100 + byte(i>>16), byte(i >> 8), byte(i)})
		ports = append(ports, model.ServicePort{
			Name: model.PortName{
				Service:  types.NamespacedName{Namespace: "ns", Name: fmt.Sprint("svc-", i)},
				Protocol: corev1.ProtocolTCP, Family: corev1.IPv4Protocol,
			},
			Exposures: []model.Exposure{{Front: model.Front{Addr: addr, Protocol: corev1.ProtocolTCP, Port: 80}, Internal: true, Scope: model.AnyEndpoint}},
			Any: []netip.AddrPort{
				netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}), 8080),
				netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 2, byte(i >> 8), byte(i)}), 8080),
			},
		})
	}
	return ports
}

// benchTable is a table in the kernel with many Services.
func benchTable(b *testing.B, services int) *Table {
	b.Helper()
	table, err := New(corev1.IPv4Protocol, byPrefix)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := Cleanup(context.Background(), TableName); err != nil {
			b.Error(err)
		}
	})
	if err := table.Resync(b.Context(), many(services)); err != nil {
		b.Fatal(err)
	}
	return table
}

// BenchmarkChange measures from a change of the model to the kernel having it.
func BenchmarkChange(b *testing.B) {
	for _, services := range []int{1000, 10000, 44000} {
		all := many(services + 1)
		extra := &all[services]
		moved := *extra
		moved.Any = extra.Any[:1]
		for name, step := range map[string]func(*testing.B, *Table){
			"add-and-remove-Service": func(b *testing.B, table *Table) {
				apply(b, table, Changes{extra.Name: extra})
				b.StopTimer()
				apply(b, table, Changes{extra.Name: nil})
				b.StartTimer()
			},
			"endpoint-leaves-and-returns": func(b *testing.B, table *Table) {
				apply(b, table, Changes{extra.Name: &moved})
				b.StopTimer()
				apply(b, table, Changes{extra.Name: extra})
				b.StartTimer()
			},
		} {
			b.Run(fmt.Sprintf("%s/%d", name, services), func(b *testing.B) {
				table := benchTable(b, services)
				apply(b, table, Changes{extra.Name: extra})
				apply(b, table, Changes{extra.Name: nil})
				b.ReportAllocs()
				for b.Loop() {
					step(b, table)
				}
			})
		}
	}
}

// BenchmarkResync measures writing everything, as at the start.
func BenchmarkResync(b *testing.B) {
	for _, services := range []int{1000, 10000} {
		b.Run(fmt.Sprint(services), func(b *testing.B) {
			table := benchTable(b, services)
			ports := many(services)
			for b.Loop() {
				if err := table.Resync(b.Context(), ports); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func apply(b *testing.B, table *Table, changes Changes) {
	b.Helper()
	if err := table.Apply(b.Context(), changes); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkCheck measures comparing the kernel with what was committed.
func BenchmarkCheck(b *testing.B) {
	for _, services := range []int{1000, 10000} {
		for _, deep := range []bool{false, true} {
			b.Run(fmt.Sprintf("%d/deep-%v", services, deep), func(b *testing.B) {
				table := benchTable(b, services)
				for b.Loop() {
					if damage, err := table.Check(b.Context(), deep); damage != "" || err != nil {
						b.Fatal(damage, err)
					}
				}
			})
		}
	}
}
