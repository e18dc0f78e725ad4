package nftables

import (
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/proa-sh/proa/pkg/proxy/model"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/knftables"
)

var update = flag.Bool("update", false, "rewrite recorded output")

// TestScenarios plays the files of testdata. A file is a list of steps: a line that
// begins with "#" says what the step is about, further lines are commands that are
// applied together, and after "----" follows the recorded transaction (or, of a resync,
// the whole table) up to an empty line. Commands:
//
//	options [masquerade-all] [by-prefix] [bridge=<name>] [interface=<prefix>]
//	resync
//	pods <prefix>...
//	port <name> <protocol> [<kind>=<address>]... [any=<endpoints>] [local=<endpoints>]
//	     [loopers=<addresses>] [affinity=<duration>] [ranges=<prefixes>]
//	remove <name> <protocol>
//
// The kinds of addresses are cluster, cluster-local, external and outsiders.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("find scenarios: %v, %v", files, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) { playFile(t, file) })
	}
}

func playFile(t *testing.T, file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s := newStage(corev1.IPv4Protocol)
	if strings.Contains(file, "ipv6") {
		s = newStage(corev1.IPv6Protocol)
	}
	var played strings.Builder
	for block := range strings.SplitSeq(strings.TrimSpace(string(text)), "\n\n") {
		commands, _, _ := strings.Cut(block, "\n----")
		output, err := s.play(t, commands)
		if err != nil {
			output = "error: " + err.Error() + "\n"
		}
		fmt.Fprintf(&played, "%s\n----\n%s\n", commands, output)
	}
	result := strings.TrimSpace(played.String()) + "\n"
	if *update {
		if err := os.WriteFile(file, []byte(result), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(text), result); diff != "" {
		t.Errorf("%s differs (-recorded +played); run with -update and look at the change:\n%s", file, diff)
	}
}

// stage is a table on a fake nftables.
type stage struct {
	family corev1.IPFamily
	fake   *knftables.Fake
	table  *Table
}

func newStage(family corev1.IPFamily) *stage {
	s := &stage{family: family, fake: knftables.NewFake(nftFamily(family), TableName)}
	s.setOptions(Options{})
	return s
}

func (s *stage) setOptions(options Options) {
	s.table = &Table{family: s.family, options: options, nft: s.fake}
}

func (s *stage) play(t *testing.T, commands string) (string, error) {
	changes := Changes{}
	s.fake.LastTransaction = nil
	for line := range strings.Lines(commands) {
		words := strings.Fields(line)
		if len(words) == 0 || words[0] == "#" {
			continue
		}
		switch words[0] {
		case "options":
			s.setOptions(parseOptions(words[1:]))
		case "resync":
			if err := s.resync(t); err != nil {
				return "", err
			}
			return s.fake.Dump(), nil
		case "pods":
			if err := s.table.SetPodSources(t.Context(), parseAll(words[1], netip.ParsePrefix)); err != nil {
				return "", err
			}
		case "port":
			port, err := parsePort(s.family, words[1:])
			if err != nil {
				return "", err
			}
			changes[port.Name] = port
		case "remove":
			changes[portName(s.family, words[1], words[2])] = nil
		default:
			return "", fmt.Errorf("unknown command %q", words[0])
		}
	}
	if len(changes) > 0 {
		if err := s.table.Apply(t.Context(), changes); err != nil {
			return "", err
		}
	}
	if s.fake.LastTransaction == nil {
		return "", nil
	}
	return s.fake.LastTransaction.String(), nil
}

// resync writes what is committed again.
func (s *stage) resync(t *testing.T) error {
	var ports []model.ServicePort
	if s.table.committed != nil {
		for _, port := range s.table.committed.ports {
			ports = append(ports, *port)
		}
	}
	return s.table.Resync(t.Context(), ports)
}

func parseOptions(words []string) Options {
	var options Options
	for _, word := range words {
		key, value, _ := strings.Cut(word, "=")
		switch key {
		case "masquerade-all":
			options.MasqueradeAll = true
		case "by-prefix":
			options.DetectLocal.ByPrefix = true
		case "bridge":
			options.DetectLocal.Bridge = value
		case "interface":
			options.DetectLocal.InterfacePrefix = value
		}
	}
	return options
}

func portName(family corev1.IPFamily, name, protocol string) model.PortName {
	return model.PortName{
		Service: types.NamespacedName{Namespace: "ns", Name: name}, Protocol: corev1.Protocol(strings.ToUpper(protocol)), Family: family,
	}
}

func parsePort(family corev1.IPFamily, words []string) (*model.ServicePort, error) {
	port := &model.ServicePort{Name: portName(family, words[0], words[1])}
	var ranges []netip.Prefix
	for _, word := range words[2:] {
		key, value, _ := strings.Cut(word, "=")
		exposure := model.Exposure{Scope: model.AnyEndpoint}
		switch key {
		case "any":
			port.Any = parseAll(value, netip.ParseAddrPort)
			continue
		case "local":
			port.Local = parseAll(value, netip.ParseAddrPort)
			continue
		case "loopers":
			port.Loopers = parseAll(value, netip.ParseAddr)
			continue
		case "ranges":
			ranges = parseAll(value, netip.ParsePrefix)
			continue
		case "affinity":
			timeout, err := time.ParseDuration(value)
			if err != nil {
				return nil, err
			}
			port.AffinityTimeout = timeout
			continue
		case "cluster":
			exposure.Internal = true
		case "cluster-local":
			exposure.Internal, exposure.Scope = true, model.LocalEndpoint
		case "external":
		case "outsiders":
			exposure.Scope = model.LocalForOutsiders
		default:
			return nil, errors.New("unknown word " + word)
		}
		addr, err := netip.ParseAddrPort(value)
		if err != nil {
			return nil, err
		}
		exposure.Front = model.Front{Addr: addr.Addr(), Protocol: port.Name.Protocol, Port: addr.Port()}
		port.Exposures = append(port.Exposures, exposure)
	}
	for i := range port.Exposures {
		if !port.Exposures[i].Internal {
			port.Exposures[i].SourceRanges = ranges
		}
	}
	return port, nil
}

// parseAll parses words with commas between them; what does not parse is left out, which
// the recorded output shows.
func parseAll[T any](text string, parse func(string) (T, error)) []T {
	var all []T
	for word := range strings.SplitSeq(text, ",") {
		if value, err := parse(word); err == nil {
			all = append(all, value)
		}
	}
	return all
}
