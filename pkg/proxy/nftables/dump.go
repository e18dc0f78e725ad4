package nftables

import (
	"bytes"
	"fmt"
	"syscall"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
)

// countRules asks the kernel how many rules each chain of our table has; nft would read
// all elements of the table to tell.
func countRules(family corev1.IPFamily, name string) (map[string]int, error) {
	counts := map[string]int{}
	socket := &netfilterSocket{}
	defer socket.close()
	table := text(unix.NFTA_RULE_TABLE, name).Serialize()
	err := socket.dump(nfFamily(family), unix.NFT_MSG_GETRULE, table, func(body []byte) error {
		attrs, err := nl.ParseRouteAttr(body)
		if err != nil {
			return fmt.Errorf("read rule: %w", err)
		}
		chain, ours := "", false
		for _, attr := range attrs {
			value := string(bytes.TrimRight(attr.Value, "\x00"))
			switch attr.Attr.Type {
			case unix.NFTA_RULE_TABLE:
				ours = value == name
			case unix.NFTA_RULE_CHAIN:
				chain = value
			}
		}
		if ours {
			counts[chain]++
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list rules: %w", err)
	}
	return counts, nil
}

// dump asks for a list and calls found with each item's attributes.
func (s *netfilterSocket) dump(family uint8, kind int, body []byte, found func([]byte) error) error {
	if err := s.connect(); err != nil {
		return err
	}
	s.sequence++
	request := message(unix.NFNL_SUBSYS_NFTABLES<<8|kind, unix.NLM_F_REQUEST|unix.NLM_F_DUMP, s.sequence, family, 0, body)
	if err := unix.Sendto(s.fd, request, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return fmt.Errorf("send to netfilter: %w", err)
	}
	for {
		messages, err := s.read()
		if err != nil {
			return err
		}
		for _, m := range messages {
			switch {
			case m.Header.Seq != s.sequence:
			case m.Header.Type == unix.NLMSG_DONE:
				return nil
			case m.Header.Type == unix.NLMSG_ERROR:
				return answerError(m)
			case m.Header.Flags&unix.NLM_F_DUMP_INTR != 0:
				return fmt.Errorf("list changed while it was read: %w", syscall.EINTR)
			case len(m.Data) > nfgenmsgLen:
				if err := found(m.Data[nfgenmsgLen:]); err != nil {
					return err
				}
			}
		}
	}
}
