package nftables

import (
	"encoding/binary"
	"fmt"
	"syscall"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// nfgenmsgLen is the length of the header that follows the netlink header of each
// message of netfilter: family, version, resource id.
const nfgenmsgLen = 4

// rawRule is the body of a message that adds a rule to a chain of our table.
func rawRule(chain string, expressions []*nl.RtAttr) []byte {
	list := nl.NewRtAttr(unix.NLA_F_NESTED|unix.NFTA_RULE_EXPRESSIONS, nil)
	for _, e := range expressions {
		list.AddChild(e)
	}
	var body []byte
	for _, attr := range []*nl.RtAttr{text(unix.NFTA_RULE_TABLE, TableName), text(unix.NFTA_RULE_CHAIN, chain), list} {
		body = append(body, attr.Serialize()...)
	}
	return body
}

func expression(name string, attrs ...*nl.RtAttr) *nl.RtAttr {
	data := nl.NewRtAttr(unix.NLA_F_NESTED|unix.NFTA_EXPR_DATA, nil)
	for _, attr := range attrs {
		data.AddChild(attr)
	}
	element := nl.NewRtAttr(unix.NLA_F_NESTED|unix.NFTA_LIST_ELEM, nil)
	element.AddChild(text(unix.NFTA_EXPR_NAME, name))
	element.AddChild(data)
	return element
}

func text(kind int, value string) *nl.RtAttr { return nl.NewRtAttr(kind, nl.ZeroTerminated(value)) }

func number(kind int, value uint32) *nl.RtAttr {
	return nl.NewRtAttr(kind, binary.BigEndian.AppendUint32(nil, value))
}

func bigEndian64(value uint64) []byte { return binary.BigEndian.AppendUint64(nil, value) }

// sendBatch sends messages of one kind as one transaction and waits until the kernel
// has accepted each of them.
func sendBatch(family uint8, kind int, bodies [][]byte) error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_NETFILTER)
	if err != nil {
		return fmt.Errorf("open netlink socket: %w", err)
	}
	defer func() { _ = unix.Close(fd) }()
	batch := message(unix.NFNL_MSG_BATCH_BEGIN, unix.NLM_F_REQUEST, 0, unix.AF_UNSPEC, unix.NFNL_SUBSYS_NFTABLES, nil)
	for i, body := range bodies {
		flags := unix.NLM_F_REQUEST | unix.NLM_F_ACK | unix.NLM_F_CREATE | unix.NLM_F_APPEND
		batch = append(batch, message(unix.NFNL_SUBSYS_NFTABLES<<8|kind, flags, i+1, family, 0, body)...)
	}
	batch = append(batch, message(unix.NFNL_MSG_BATCH_END, unix.NLM_F_REQUEST, len(bodies)+1,
		unix.AF_UNSPEC, unix.NFNL_SUBSYS_NFTABLES, nil)...)
	if err := unix.Sendto(fd, batch, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return fmt.Errorf("send to netfilter: %w", err)
	}
	return receiveAcks(fd, len(bodies))
}

// receiveAcks waits for a number of acknowledgements. The kernel answers before the
// send returns, so reading does not block but for a kernel that forgot to answer.
func receiveAcks(fd, wanted int) error {
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 5}); err != nil {
		return fmt.Errorf("set receive timeout: %w", err)
	}
	buffer := make([]byte, unix.Getpagesize()*8)
	for wanted > 0 {
		n, _, err := unix.Recvfrom(fd, buffer, 0)
		if err != nil {
			return fmt.Errorf("receive from netfilter: %w", err)
		}
		messages, err := syscall.ParseNetlinkMessage(buffer[:n])
		if err != nil {
			return fmt.Errorf("read answer of netfilter: %w", err)
		}
		for _, m := range messages {
			if m.Header.Type != unix.NLMSG_ERROR || len(m.Data) < 4 {
				continue
			}
			if code := int32(binary.NativeEndian.Uint32(m.Data)); code != 0 {
				return syscall.Errno(-code)
			}
			wanted--
		}
	}
	return nil
}

// message is one netlink message to netfilter.
func message(kind, flags, sequence int, family uint8, resource uint16, body []byte) []byte {
	length := unix.NLMSG_HDRLEN + nfgenmsgLen + len(body)
	m := make([]byte, 0, length)
	m = binary.NativeEndian.AppendUint32(m, uint32(length))
	m = binary.NativeEndian.AppendUint16(m, uint16(kind))
	m = binary.NativeEndian.AppendUint16(m, uint16(flags))
	m = binary.NativeEndian.AppendUint32(m, uint32(sequence))
	m = binary.NativeEndian.AppendUint32(m, 0)
	m = append(m, family, unix.NFNETLINK_V0)
	m = binary.BigEndian.AppendUint16(m, resource)
	return append(m, body...)
}
