package nftables

import (
	"encoding/binary"
	"errors"
	"fmt"
	"syscall"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// nfgenmsgLen is the length of the header that follows the netlink header of each
// message of netfilter: family, version, resource id.
const nfgenmsgLen = 4

// rawRule is the body of a message that adds a rule to a chain of a table.
func rawRule(table, chain string, expressions []*nl.RtAttr) []byte {
	list := nl.NewRtAttr(unix.NLA_F_NESTED|unix.NFTA_RULE_EXPRESSIONS, nil)
	for _, e := range expressions {
		list.AddChild(e)
	}
	var body []byte
	for _, attr := range []*nl.RtAttr{text(unix.NFTA_RULE_TABLE, table), text(unix.NFTA_RULE_CHAIN, chain), list} {
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

// batchMessage is one change within a transaction.
type batchMessage struct {
	// kind is NFT_MSG_NEWRULE or the like.
	kind int
	body []byte
}

// netfilterSocket sends transactions to nftables. It stays open, because the kernel
// makes who closes such a socket wait until the memory of what it deleted is free. The
// zero value is ready to use; it is not safe for concurrent use.
type netfilterSocket struct {
	open     bool
	fd       int
	sequence uint32
	buffer   []byte
}

// send makes all changes in one transaction, or none, and waits for the kernel's answer.
func (s *netfilterSocket) send(family uint8, changes []batchMessage) (err error) {
	if len(changes) == 0 {
		return nil
	}
	if err := s.connect(); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			// Further answers may be waiting in it.
			s.close()
		}
	}()
	s.sequence++
	batch := message(unix.NFNL_MSG_BATCH_BEGIN, unix.NLM_F_REQUEST, s.sequence, unix.AF_UNSPEC, unix.NFNL_SUBSYS_NFTABLES, nil)
	for _, change := range changes {
		flags := unix.NLM_F_REQUEST | unix.NLM_F_ACK | unix.NLM_F_CREATE | unix.NLM_F_APPEND
		if change.kind == unix.NFT_MSG_DELSETELEM {
			flags = unix.NLM_F_REQUEST | unix.NLM_F_ACK
		}
		batch = append(batch, message(unix.NFNL_SUBSYS_NFTABLES<<8|change.kind, flags, s.sequence, family, 0, change.body)...)
	}
	batch = append(batch, message(unix.NFNL_MSG_BATCH_END, unix.NLM_F_REQUEST, s.sequence, unix.AF_UNSPEC, unix.NFNL_SUBSYS_NFTABLES, nil)...)
	if err := unix.Sendto(s.fd, batch, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return fmt.Errorf("send to netfilter: %w", err)
	}
	return s.receive(len(changes))
}

func (s *netfilterSocket) connect() error {
	if s.open {
		return nil
	}
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_NETFILTER)
	if err != nil {
		return fmt.Errorf("open netlink socket: %w", err)
	}
	s.fd, s.open = fd, true
	// The kernel answers before send returns, so reading only waits for a kernel that
	// forgot to answer.
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 5}); err != nil {
		s.close()
		return fmt.Errorf("set receive timeout: %w", err)
	}
	return nil
}

func (s *netfilterSocket) close() {
	if s.open {
		s.open = false
		_ = unix.Close(s.fd)
	}
}

// receive waits for a number of acknowledgements.
func (s *netfilterSocket) receive(wanted int) error {
	for wanted > 0 {
		messages, err := s.read()
		if err != nil {
			return err
		}
		for _, m := range messages {
			if m.Header.Type != unix.NLMSG_ERROR || m.Header.Seq != s.sequence {
				continue
			}
			if err := answerError(m); err != nil {
				return err
			}
			wanted--
		}
	}
	return nil
}

// read waits for the next messages. They are valid until it is called again.
func (s *netfilterSocket) read() ([]syscall.NetlinkMessage, error) {
	if s.buffer == nil {
		s.buffer = make([]byte, 1<<15)
	}
	n, _, err := unix.Recvfrom(s.fd, s.buffer, 0)
	if err != nil {
		return nil, fmt.Errorf("receive from netfilter: %w", err)
	}
	messages, err := syscall.ParseNetlinkMessage(s.buffer[:n])
	if err != nil {
		return nil, fmt.Errorf("read answer of netfilter: %w", err)
	}
	return messages, nil
}

// answerError is the error in an answer; code 0 is an acknowledgement.
func answerError(m syscall.NetlinkMessage) error {
	if len(m.Data) < 4 {
		return errors.New("netfilter sent a cut-off answer")
	}
	if code := int32(binary.NativeEndian.Uint32(m.Data)); code != 0 {
		return fmt.Errorf("netfilter refused: %w", syscall.Errno(-code))
	}
	return nil
}

// message is one netlink message to netfilter.
func message(kind, flags int, sequence uint32, family uint8, resource uint16, body []byte) []byte {
	length := unix.NLMSG_HDRLEN + nfgenmsgLen + len(body)
	m := make([]byte, 0, length)
	m = binary.NativeEndian.AppendUint32(m, uint32(length))
	m = binary.NativeEndian.AppendUint16(m, uint16(kind))
	m = binary.NativeEndian.AppendUint16(m, uint16(flags))
	m = binary.NativeEndian.AppendUint32(m, sequence)
	m = binary.NativeEndian.AppendUint32(m, 0)
	m = append(m, family, unix.NFNETLINK_V0)
	m = binary.BigEndian.AppendUint16(m, resource)
	return append(m, body...)
}
