package nftables

import (
	"fmt"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// addRememberRules6 appends the rules of affinityObjects for IPv6 by netlink: nft
// (seen with 1.0.6) aborts when it has to assign registers for a map update with keys
// of more than 16 bytes. The kernel has just enough of them: 10 for the key, 5 for the
// value, of 16 with 4 bytes each. nft lists the result as the rule's text.
func addRememberRules6(table string, socket *netfilterSocket, timeouts []time.Duration) error {
	rules := make([]batchMessage, 0, len(timeouts))
	for _, timeout := range timeouts {
		rules = append(rules, batchMessage{unix.NFT_MSG_NEWRULE, rawRule(table, chainRemember, rememberExpressions6(timeout))})
	}
	if err := socket.send(unix.NFPROTO_IPV6, rules); err != nil {
		return fmt.Errorf("add rules for IPv6 affinity: %w", err)
	}
	return nil
}

// Registers of 4 bytes, numbered as in the kernel's nf_tables.h.
const (
	client        = unix.NFT_REG32_00 // 4 registers: source address
	originalAddr  = client + 4        // 4 registers: address the client connected to
	originalProto = originalAddr + 4  // protocol
	originalPort  = originalProto + 1 // port the client connected to
	endpointAddr  = originalPort + 1  // 4 registers: address that was chosen
	endpointPort  = endpointAddr + 4  // port that was chosen
)

// Numbers of nf_tables.h that package unix does not have.
const (
	ctDstIP6          = 22 // NFT_CT_DST_IP6
	directionOriginal = 0  // IP_CT_DIR_ORIGINAL
)

func rememberExpressions6(timeout time.Duration) []*nl.RtAttr {
	milliseconds := uint64(timeout / time.Millisecond)
	return []*nl.RtAttr{
		loadConnection(originalAddr, ctDstIP6),
		expression("meta", number(unix.NFTA_META_DREG, originalProto), number(unix.NFTA_META_KEY, unix.NFT_META_L4PROTO)),
		loadConnection(originalPort, unix.NFT_CT_PROTO_DST),
		expression("lookup", number(unix.NFTA_LOOKUP_SREG, originalAddr), text(unix.NFTA_LOOKUP_SET, affinitySet(timeout))),
		loadPacket(client, unix.NFT_PAYLOAD_NETWORK_HEADER, 8, 16),
		loadPacket(endpointAddr, unix.NFT_PAYLOAD_NETWORK_HEADER, 24, 16),
		loadPacket(endpointPort, unix.NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2),
		expression("dynset",
			number(unix.NFTA_DYNSET_SREG_KEY, client),
			number(unix.NFTA_DYNSET_SREG_DATA, endpointAddr),
			number(unix.NFTA_DYNSET_OP, unix.NFT_DYNSET_OP_UPDATE),
			nl.NewRtAttr(unix.NFTA_DYNSET_TIMEOUT, bigEndian64(milliseconds)),
			text(unix.NFTA_DYNSET_SET_NAME, affinity)),
	}
}

// loadConnection loads what the connection's first packet had.
func loadConnection(register, key uint32) *nl.RtAttr {
	return expression("ct", number(unix.NFTA_CT_DREG, register), number(unix.NFTA_CT_KEY, key),
		nl.NewRtAttr(unix.NFTA_CT_DIRECTION, []byte{directionOriginal}))
}

func loadPacket(register, header, offset, length uint32) *nl.RtAttr {
	return expression("payload", number(unix.NFTA_PAYLOAD_DREG, register), number(unix.NFTA_PAYLOAD_BASE, header),
		number(unix.NFTA_PAYLOAD_OFFSET, offset), number(unix.NFTA_PAYLOAD_LEN, length))
}
