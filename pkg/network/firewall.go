package network

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/userdata"
	"golang.org/x/sys/unix"
)

// A packet that one table drops no other can let through: what a chain of ours accepts still passes all others at the same hook.
// So where Docker, ufw or a person has made the policy of the machine's own filter a drop, as iptables does it (table filter,
// chain FORWARD; seen with Docker 20 to 28 and ufw 0.36), the exception for pods has to be in that chain, or in the one that
// Docker keeps for others and never empties.
const (
	filterTable  = "filter"
	forwardChain = "FORWARD"
	dockerChain  = "DOCKER-USER"
	// ruleComment is in our rules there, and says whose they are.
	ruleComment = "proa pods "
)

// firewalld is the table of the program of that name, which refuses by its last rules and not by a policy.
const firewalld = "firewalld"

// Closed names the chains of this network namespace that drop what they do not know of packets that are passed on. Those of the
// machine's own filter are opened for pods by the pod network; in others whoever made them must let pods through.
func Closed() (own, others []string, err error) {
	conn, err := nftables.New()
	if err != nil {
		return nil, nil, fmt.Errorf("connect to nftables: %w", err)
	}
	chains, err := conn.ListChains()
	if err != nil {
		return nil, nil, fmt.Errorf("list nftables chains: %w", err)
	}
	for _, chain := range chains {
		if chain.Table.Name == firewalld && chain.Hooknum != nil && *chain.Hooknum == *nftables.ChainHookForward && chain.Type == nftables.ChainTypeFilter {
			others = append(others, chain.Name+" of firewalld")
			continue
		}
		if !drops(chain) {
			continue
		}
		name := fmt.Sprintf("%s of table %s %s", chain.Name, familyName(chain.Table.Family), chain.Table.Name)
		if isFilter(chain) {
			own = append(own, name)
		} else {
			others = append(others, name)
		}
	}
	return own, others, nil
}

func drops(chain *nftables.Chain) bool {
	return chain.Hooknum != nil && *chain.Hooknum == *nftables.ChainHookForward && chain.Type == nftables.ChainTypeFilter &&
		chain.Policy != nil && *chain.Policy == nftables.ChainPolicyDrop &&
		slices.Contains([]nftables.TableFamily{nftables.TableFamilyIPv4, nftables.TableFamilyIPv6, nftables.TableFamilyINet}, chain.Table.Family)
}

func isFilter(chain *nftables.Chain) bool {
	return chain.Table.Name == filterTable && chain.Name == forwardChain && chain.Table.Family != nftables.TableFamilyINet
}

func familyName(family nftables.TableFamily) string {
	switch family {
	case nftables.TableFamilyIPv4:
		return "ip"
	case nftables.TableFamilyIPv6:
		return "ip6"
	}
	return "inet"
}

// openFirewall lets packets from and to the prefixes pass the machine's own filter, where that drops them. It may be repeated.
func openFirewall(ledger Ledger, prefixes []netip.Prefix) error {
	conn, err := nftables.New()
	if err != nil {
		return fmt.Errorf("connect to nftables: %w", err)
	}
	chains, err := conn.ListChains()
	if err != nil {
		return fmt.Errorf("list nftables chains: %w", err)
	}
	for _, chain := range chains {
		if !drops(chain) || !isFilter(chain) {
			continue
		}
		into := chainForOthers(chain, chains)
		for _, prefix := range prefixes {
			if prefix.Addr().Is4() != (chain.Table.Family == nftables.TableFamilyIPv4) {
				continue
			}
			if err := letThrough(conn, ledger, into, prefix); err != nil {
				return fmt.Errorf("let %v through chain %s of table %s %s: %w", prefix, into.Name, familyName(into.Table.Family), into.Table.Name, err)
			}
		}
	}
	return nil
}

// blocked names a chain of the machine's own filter that drops packets of the prefixes because rules of ours are gone from it.
func blocked(prefixes []netip.Prefix) (string, error) {
	conn, err := nftables.New()
	if err != nil {
		return "", fmt.Errorf("connect to nftables: %w", err)
	}
	chains, err := conn.ListChains()
	if err != nil {
		return "", fmt.Errorf("list nftables chains: %w", err)
	}
	for _, chain := range chains {
		if !drops(chain) || !isFilter(chain) {
			continue
		}
		into := chainForOthers(chain, chains)
		for _, prefix := range prefixes {
			if prefix.Addr().Is4() != (chain.Table.Family == nftables.TableFamilyIPv4) {
				continue
			}
			have, err := ourRules(conn, into, ruleComment+prefix.Masked().String())
			if err != nil {
				return "", err
			}
			if have < 2 {
				return fmt.Sprintf("%s of table %s %s", into.Name, familyName(into.Table.Family), into.Table.Name), nil
			}
		}
	}
	return "", nil
}

// chainForOthers is where exceptions from a chain are to be put.
func chainForOthers(chain *nftables.Chain, chains []*nftables.Chain) *nftables.Chain {
	for _, other := range chains {
		if other.Name == dockerChain && other.Table.Name == chain.Table.Name && other.Table.Family == chain.Table.Family {
			return other
		}
	}
	return chain
}

// ourRules counts the rules with the comment.
func ourRules(conn *nftables.Conn, chain *nftables.Chain, comment string) (int, error) {
	rules, err := conn.GetRules(chain.Table, chain)
	if errors.Is(err, unix.ENOENT) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("list rules of chain %s: %w", chain.Name, err)
	}
	have := 0
	for _, rule := range rules {
		if text, ok := userdata.GetString(rule.UserData, userdata.TypeComment); ok && text == comment {
			have++
		}
	}
	return have, nil
}

// letThrough puts the two rules for a prefix first, unless they are there.
func letThrough(conn *nftables.Conn, ledger Ledger, chain *nftables.Chain, prefix netip.Prefix) error {
	comment := ruleComment + prefix.Masked().String()
	if have, err := ourRules(conn, chain, comment); err != nil || have >= 2 {
		return err
	}
	if err := ledger.NftRules(familyName(chain.Table.Family), chain.Table.Name, chain.Name, comment); err != nil {
		return fmt.Errorf("announce rules: %w", err)
	}
	for _, destination := range []bool{false, true} {
		conn.InsertRule(&nftables.Rule{Table: chain.Table, Chain: chain, Exprs: acceptPrefix(prefix, destination),
			UserData: userdata.AppendString(nil, userdata.TypeComment, comment)})
	}
	if err := conn.Flush(); err != nil && !errors.Is(err, unix.ENOENT) { // whoever had the chain has taken it away since
		return err
	}
	return nil
}

// acceptPrefix matches packets by their source or destination, in the form in which iptables writes such rules, so that it can
// still list them.
func acceptPrefix(prefix netip.Prefix, destination bool) []expr.Any {
	offset, length := uint32(12), uint32(net.IPv4len)
	if prefix.Addr().Is6() {
		offset, length = 8, net.IPv6len
	}
	if destination {
		offset += length
	}
	mask := net.CIDRMask(prefix.Bits(), prefix.Addr().BitLen())
	return []expr.Any{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: length},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: length, Mask: mask, Xor: make([]byte, length)},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: prefix.Masked().Addr().AsSlice()},
		&expr.Counter{},
		&expr.Verdict{Kind: expr.VerdictAccept},
	}
}
