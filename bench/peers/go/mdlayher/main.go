// The rival mdlayher/netlink: its encoder makes an eight-attribute message, its decoder fills structs.
package main

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
	"netloom/bench/protocol"
)

var sink []byte

var dst, src, gateway, prefsrc = []byte{10, 1, 2, 16}, []byte{10, 9, 8, 0}, []byte{192, 0, 2, 2}, []byte{192, 0, 2, 1}

func attributes(oif uint32) []byte {
	encoder := netlink.NewAttributeEncoder()
	encoder.Uint32(unix.RTA_TABLE, 1000)
	encoder.Bytes(unix.RTA_DST, dst)
	encoder.Bytes(unix.RTA_SRC, src)
	encoder.Bytes(unix.RTA_GATEWAY, gateway)
	encoder.Bytes(unix.RTA_PREFSRC, prefsrc)
	encoder.Uint32(unix.RTA_OIF, oif)
	encoder.Uint32(unix.RTA_PRIORITY, 32)
	encoder.Uint32(unix.RTA_MARK, 7)
	bytes, err := encoder.Encode()
	protocol.Check(err)
	return bytes
}

func message(sequence uint32) []byte {
	body := attributes(sequence)
	data := make([]byte, 12, 12+len(body))
	data[0], data[1], data[2], data[5], data[7] = unix.AF_INET, 28, 24, unix.RTPROT_BIRD, unix.RTN_UNICAST
	data = append(data, body...)
	out, err := netlink.Message{
		Header: netlink.Header{
			Length:   uint32(16 + len(data)),
			Type:     unix.RTM_NEWROUTE,
			Flags:    netlink.Request | netlink.Acknowledge | netlink.Create | netlink.Excl,
			Sequence: sequence,
		},
		Data: data,
	}.MarshalBinary()
	protocol.Check(err)
	return out
}

// As message, with addresses that come as text.
func messageOfText(sequence uint32) []byte {
	for _, one := range []struct {
		text string
		into *[]byte
	}{{"10.1.2.16", &dst}, {"10.9.8.0", &src}, {"192.0.2.2", &gateway}, {"192.0.2.1", &prefsrc}} {
		parsed, err := netip.ParseAddr(one.text)
		protocol.Check(err)
		bytes := parsed.As4()
		*one.into = bytes[:]
	}
	return message(sequence)
}

func repeat(encode func(uint32) []byte) protocol.Bench {
	return func(_ string, items int, timed func(func())) int {
		timed(func() {
			for n := range items {
				sink = encode(uint32(n))
			}
		})
		return items
	}
}

type route struct {
	family, dstLen, srcLen, tos, table8, protocol, scope, kind uint8
	flags                                                      uint32
	dst, src, gateway, prefsrc                                 netip.Addr
	table, oif, priority, mark, flow                           uint32
}

func address(bytes []byte) netip.Addr {
	addr, _ := netip.AddrFromSlice(bytes)
	return addr
}

func decode(bytes []byte) []route {
	var routes []route
	for len(bytes) >= unix.NLMSG_HDRLEN {
		length := min((int(binary.NativeEndian.Uint32(bytes))+3)&^3, len(bytes))
		var message netlink.Message
		protocol.Check(message.UnmarshalBinary(bytes[:length]))
		bytes = bytes[length:]
		if message.Header.Type != unix.RTM_NEWROUTE {
			continue
		}
		d := message.Data
		r := route{family: d[0], dstLen: d[1], srcLen: d[2], tos: d[3], table8: d[4], protocol: d[5], scope: d[6], kind: d[7],
			flags: binary.NativeEndian.Uint32(d[8:])}
		decoder, err := netlink.NewAttributeDecoder(d[12:])
		protocol.Check(err)
		for decoder.Next() {
			switch decoder.Type() {
			case unix.RTA_DST:
				r.dst = address(decoder.Bytes())
			case unix.RTA_SRC:
				r.src = address(decoder.Bytes())
			case unix.RTA_GATEWAY:
				r.gateway = address(decoder.Bytes())
			case unix.RTA_PREFSRC:
				r.prefsrc = address(decoder.Bytes())
			case unix.RTA_TABLE:
				r.table = decoder.Uint32()
			case unix.RTA_OIF:
				r.oif = decoder.Uint32()
			case unix.RTA_PRIORITY:
				r.priority = decoder.Uint32()
			case unix.RTA_MARK:
				r.mark = decoder.Uint32()
			case unix.RTA_FLOW:
				r.flow = decoder.Uint32()
			}
		}
		protocol.Check(decoder.Err())
		routes = append(routes, r)
	}
	return routes
}

func main() {
	// prints the message whose oif and sequence number are 3, so that rivals can be seen to encode the same
	if len(os.Args) == 2 && os.Args[1] == "show" {
		fmt.Printf("%x\n", message(3))
		return
	}
	protocol.Main("mdlayher/netlink", map[string]protocol.Bench{
		"encode":            repeat(message),
		"encode-text":       repeat(messageOfText),
		"encode-attributes": repeat(attributes),
		"decode-objects": func(input string, _ int, timed func(func())) int {
			bytes, err := os.ReadFile(input)
			protocol.Check(err)
			count := 0
			timed(func() { count = len(decode(bytes)) })
			return count
		},
	})
}
