package nftables

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/knftables"
)

// TableName is the name of the tables this package owns, one per family, unless Options give another.
const TableName = "proa-proxy"

// Sets and maps of the table. Their keys are fronts (address . protocol . port)
// unless said otherwise.
const (
	// clusterIPs holds the bare cluster addresses: their other ports are refused.
	clusterIPs = "cluster-ips"
	// The kind of a front, one of three: a cluster address; an outer address whose
	// clients get any endpoint; one whose outside clients get local endpoints only.
	clusterFronts  = "cluster-fronts"
	externalFronts = "external-fronts"
	localFronts    = "local-fronts"
	// droppedFronts have endpoints, but none that their policy allows.
	droppedFronts = "dropped-fronts"
	// firewalledFronts let in only clients in sourceRanges (front . source prefix).
	firewalledFronts = "firewalled-fronts"
	sourceRanges     = "source-ranges"
	// affinity maps client . front to the endpoint the client had last. The kernel
	// fills it from the packet path.
	affinity = "affinity"
	// hairpins holds endpoint address . same address: connections that an endpoint
	// made to itself.
	hairpins = "hairpins"
	// podSources holds the prefixes of pod addresses.
	podSources = "pod-sources"
	// affinityPrefix starts the names of the sets of fronts with one affinity timeout.
	affinityPrefix = "affinity-"
)

// protocols are those a Service can have, as nft spells them.
var protocols = [...]string{"tcp", "udp", "sctp"}

// list names a kind of endpoint lists: those of one protocol, for everybody or for
// outside clients of localFronts. Each has a map from address . port . index to the
// endpoint's address . port, a set of address . port for each length, and a chain
// that picks. Protocols are apart because nft (seen with 1.0.6) cannot look up a port
// of any protocol in a map that it finds in the kernel.
type list struct {
	protocol string
	local    bool
}

func (l list) prefix() string {
	if l.local {
		return l.protocol + "-local"
	}
	return l.protocol
}

func (l list) endpoints() string  { return l.prefix() + "-endpoints" }
func (l list) count(k int) string { return l.prefix() + countInfix + strconv.Itoa(k) }
func (l list) chain() string      { return "pick-" + l.prefix() }
func (l list) key(w words) string { return w.ip + " daddr . " + l.protocol + " dport" }

const countInfix = "-n-"

// lists are all kinds of lists.
func lists() []list {
	var all []list
	for _, protocol := range protocols {
		all = append(all, list{protocol, false}, list{protocol, true})
	}
	return all
}

// affinityLimit bounds the remembered clients; beyond it new clients get no affinity.
const affinityLimit = 1 << 20

// Chains. Base chains are called by the kernel with the first packet of each
// connection (type nat), unmatched with every packet of unanswered ones.
const (
	chainPrerouting          = "prerouting"
	chainOutput              = "output"
	chainPostrouting         = "postrouting"
	chainInput               = "input"
	chainUnmatchedPrerouting = "unmatched-prerouting"
	chainUnmatchedOutput     = "unmatched-output"

	chainServices   = "services"
	chainFirewall   = "firewall"
	chainAny        = "any-endpoint"
	chainLocal      = "local-endpoint"
	chainMasquerade = "replace-source"
	chainRemember   = "remember-client"
	chainUnmatched  = "unmatched"
	chainRefuse     = "refuse"
)

// words are the parts of rules that differ between the families.
type words struct {
	ip, addrType string
}

func wordsFor(family corev1.IPFamily) words {
	if family == corev1.IPv6Protocol {
		return words{ip: "ip6", addrType: "ipv6_addr"}
	}
	return words{ip: "ip", addrType: "ipv4_addr"}
}

func (w words) front() string { return w.ip + " daddr . meta l4proto . th dport" }
func (w words) frontType() string {
	return w.addrType + " . inet_proto . inet_service"
}

// original is the front that the connection was opened to. nft knows the type of
// the port only after a match of the protocol, which is withPorts.
func (w words) original() string {
	return "ct original " + w.ip + " daddr . meta l4proto . ct original proto-dst"
}

const withPorts = "meta l4proto { tcp, udp, sctp }"

// object is a set, map or chain of the table.
type object interface{ knftables.Object }

// fixedSets are the sets and maps that always exist.
func fixedSets(family corev1.IPFamily) []object {
	w := wordsFor(family)
	var all []object
	for _, name := range []string{clusterFronts, externalFronts, localFronts, droppedFronts, firewalledFronts} {
		all = append(all, &knftables.Set{Name: name, Type: w.frontType()})
	}
	all = append(all,
		&knftables.Set{Name: clusterIPs, Type: w.addrType},
		&knftables.Set{Name: hairpins, Type: w.addrType + " . " + w.addrType},
		&knftables.Set{Name: podSources, Type: w.addrType, Flags: []knftables.SetFlag{knftables.IntervalFlag}},
		&knftables.Set{Name: sourceRanges, Type: w.frontType() + " . " + w.addrType,
			Flags: []knftables.SetFlag{knftables.IntervalFlag}},
		&knftables.Map{Name: affinity, Type: w.addrType + " . " + w.frontType() + " : " + w.addrType + " . inet_service",
			Flags: []knftables.SetFlag{knftables.DynamicFlag, knftables.TimeoutFlag},
			Size:  knftables.PtrTo[uint64](affinityLimit)},
	)
	for _, l := range lists() {
		// The index has no named type in nft; typeof a random number gives it one.
		all = append(all, &knftables.Map{Name: l.endpoints(),
			TypeOf: l.key(w) + " . numgen random mod 2 : " + l.key(w)})
	}
	return all
}

// fixedChains are the chains that always exist.
func fixedChains() []object {
	all := []object{
		baseChain(chainPrerouting, knftables.NATType, knftables.PreroutingHook, knftables.DNATPriority),
		// nft takes the names of priorities only in some hooks, hence numbers.
		baseChain(chainOutput, knftables.NATType, knftables.OutputHook, "-100"),
		baseChain(chainPostrouting, knftables.NATType, knftables.PostroutingHook, knftables.SNATPriority),
		baseChain(chainInput, knftables.NATType, knftables.InputHook, "100"),
		// Directly after the destination was chosen. The kernel sends no ICMP error
		// for a packet that is rejected within a nat chain of prerouting, so this
		// has chains of its own.
		baseChain(chainUnmatchedPrerouting, knftables.FilterType, knftables.PreroutingHook, "-90"),
		baseChain(chainUnmatchedOutput, knftables.FilterType, knftables.OutputHook, "-90"),
	}
	for _, name := range []string{chainServices, chainFirewall, chainAny, chainLocal,
		chainMasquerade, chainRemember, chainUnmatched, chainRefuse} {
		all = append(all, &knftables.Chain{Name: name})
	}
	for _, l := range lists() {
		all = append(all, &knftables.Chain{Name: l.chain()})
	}
	return all
}

func baseChain(name string, kind knftables.BaseChainType, hook knftables.BaseChainHook,
	priority knftables.BaseChainPriority) *knftables.Chain {
	return &knftables.Chain{Name: name, Type: &kind, Hook: &hook, Priority: &priority}
}

// fixedRules are the rules that always exist, in order.
func fixedRules(family corev1.IPFamily, options Options) []*knftables.Rule {
	w := wordsFor(family)
	front, original := w.front(), w.original()
	rules := ruleList{}
	rules.add(chainPrerouting, "goto "+chainServices)
	rules.add(chainOutput, "goto "+chainServices)
	rules.add(chainPostrouting, "ct status dnat goto "+chainMasquerade)
	rules.add(chainInput, "ct status dnat jump "+chainRemember)
	rules.add(chainUnmatchedPrerouting, "ct state new goto "+chainUnmatched)
	rules.add(chainUnmatchedOutput, "ct state new goto "+chainUnmatched)

	rules.add(chainServices, front+" @"+firewalledFronts+" jump "+chainFirewall)
	rules.add(chainServices, front+" @"+clusterFronts+" goto "+chainAny)
	rules.add(chainServices, front+" @"+externalFronts+" goto "+chainAny)
	rules.add(chainServices, front+" @"+localFronts+" goto "+chainLocal)
	rules.add(chainFirewall, front+" . "+w.ip+" saddr @"+sourceRanges+" return")
	rules.add(chainFirewall, "drop")

	remembered := withPorts + " dnat " + w.ip + " to " + w.ip + " saddr . " + front + " map @" + affinity
	rules.add(chainAny, remembered)
	rules.addPick(w, chainAny, false)
	if isPod := options.DetectLocal.isPod(w); isPod != "" {
		rules.add(chainLocal, isPod+" goto "+chainAny)
	}
	rules.add(chainLocal, "fib saddr type local goto "+chainAny)
	rules.add(chainLocal, remembered)
	rules.addPick(w, chainLocal, true)

	rules.add(chainMasquerade, "jump "+chainRemember)
	rules.add(chainMasquerade, w.ip+" saddr . "+w.ip+" daddr @"+hairpins+" masquerade fully-random")
	rules.add(chainMasquerade, withPorts+" "+original+" @"+externalFronts+" masquerade fully-random")
	rules.add(chainMasquerade, withPorts+" "+original+" @"+localFronts+" fib saddr type local masquerade fully-random")
	for _, foreign := range options.foreignSources(w) {
		rules.add(chainMasquerade, withPorts+" "+original+" @"+clusterFronts+" "+foreign+"masquerade fully-random")
	}

	rules.add(chainUnmatched, "ct status dnat return")
	rules.add(chainUnmatched, front+" @"+droppedFronts+" drop")
	rules.add(chainUnmatched, front+" @"+localFronts+" drop")
	rules.add(chainUnmatched, front+" @"+externalFronts+" goto "+chainRefuse)
	rules.add(chainUnmatched, w.ip+" daddr @"+clusterIPs+" goto "+chainRefuse)
	// A reset, because a TCP client ignores the first ICMPv6 error.
	rules.add(chainRefuse, "meta l4proto tcp reject with tcp reset")
	rules.add(chainRefuse, "reject")
	return rules
}

type ruleList []*knftables.Rule

func (l *ruleList) add(chain, text string) {
	*l = append(*l, &knftables.Rule{Chain: chain, Rule: text})
}

// addPick sends packets to the chain that picks an endpoint for their protocol. What comes back from it gets the first
// endpoint of its front, if there is one: the kernel commits while packets are under way, and one that was looked up among
// the fronts with 3 endpoints before a commit and among those with 4 after it was in neither, though its front has had
// endpoints all the time. The first one always has an element.
func (l *ruleList) addPick(w words, chain string, local bool) {
	for _, protocol := range protocols {
		l.add(chain, "meta l4proto "+protocol+" jump "+list{protocol, local}.chain())
	}
	for _, protocol := range protocols {
		l.add(chain, list{protocol, local}.pick(w, 1))
	}
}

// pick is the statement that sends a packet to one of the first k endpoints of its front.
func (l list) pick(w words, k int) string {
	key := l.key(w)
	return fmt.Sprintf("dnat %s to %s . numgen random mod %d map @%s", w.ip, key, k, l.endpoints())
}

// countObjects are the set of fronts with k endpoints in a list and the rule that
// picks one of them.
func countObjects(family corev1.IPFamily, c count) (object, *knftables.Rule) {
	w := wordsFor(family)
	set := c.count(c.k)
	text := c.key(w) + " @" + set + " " + c.pick(w, c.k)
	return &knftables.Set{Name: set, Type: w.addrType + " . inet_service"}, &knftables.Rule{Chain: c.chain(), Rule: text}
}

// affinityObjects are the set of fronts with one affinity timeout and the rule that
// remembers their clients. It runs after the endpoint was chosen and before the
// client's address may be replaced.
func affinityObjects(family corev1.IPFamily, timeout time.Duration) (object, *knftables.Rule) {
	w := wordsFor(family)
	set := affinitySet(timeout)
	text := strings.Join([]string{
		withPorts, w.original(), "@" + set, "update @" + affinity,
		"{", w.ip, "saddr .", w.original(), "timeout", seconds(timeout), ":", w.ip, "daddr . th dport", "}",
	}, " ")
	return &knftables.Set{Name: set, Type: w.frontType()}, &knftables.Rule{Chain: chainRemember, Rule: text}
}

func affinitySet(timeout time.Duration) string { return affinityPrefix + seconds(timeout) }

func seconds(d time.Duration) string { return fmt.Sprintf("%ds", int64(d/time.Second)) }
