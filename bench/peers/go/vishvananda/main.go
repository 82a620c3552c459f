// The rival vishvananda/netlink, in the namespace that this program is started in.
package main

import (
	"encoding/binary"
	"net"
	"os"
	_ "unsafe" // for linkname

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
	"netloom/bench/protocol"
)

// What RouteList does with each message; the library doesn't export it.
//
//go:linkname deserializeRoute github.com/vishvananda/netlink.deserializeRoute
func deserializeRoute(m []byte) (netlink.Route, error)

func decode(bytes []byte) []netlink.Route {
	var routes []netlink.Route
	for len(bytes) >= unix.NLMSG_HDRLEN {
		length := int(binary.NativeEndian.Uint32(bytes))
		if binary.NativeEndian.Uint16(bytes[4:]) == unix.RTM_NEWROUTE {
			route, err := deserializeRoute(bytes[unix.NLMSG_HDRLEN:length])
			protocol.Check(err)
			routes = append(routes, route)
		}
		bytes = bytes[min((length+3)&^3, len(bytes)):]
	}
	return routes
}

// The same routes as the C rival's: 10.0.0.0 + 16 n, /28, through one of four gateways.
func route(n, link int) *netlink.Route {
	dst := binary.BigEndian.AppendUint32(nil, 0x0a000000+uint32(16*n))
	gateway := binary.BigEndian.AppendUint32(nil, 0xc0000202+uint32(n&3))
	return &netlink.Route{LinkIndex: link, Dst: &net.IPNet{IP: dst, Mask: net.CIDRMask(28, 32)}, Gw: gateway,
		Protocol: unix.RTPROT_BIRD, Priority: 32}
}

func main() {
	protocol.Main("vishvananda/netlink", map[string]protocol.Bench{
		"decode-objects": func(input string, _ int, timed func(func())) int {
			bytes, err := os.ReadFile(input)
			protocol.Check(err)
			count := 0
			timed(func() { count = len(decode(bytes)) })
			return count
		},
		"list": func(_ string, _ int, timed func(func())) int {
			count := 0
			timed(func() {
				routes, err := netlink.RouteList(nil, netlink.FAMILY_V4)
				protocol.Check(err)
				count = len(routes)
			})
			return count
		},
		"add": func(_ string, items int, timed func(func())) int {
			link, err := net.InterfaceByName("b0")
			protocol.Check(err)
			timed(func() {
				for n := range items {
					protocol.Check(netlink.RouteAdd(route(n, link.Index)))
				}
			})
			for n := range items {
				protocol.Check(netlink.RouteDel(route(n, link.Index)))
			}
			return items
		},
	})
}
