ip link set lo up
ip link add a0 type veth peer name a1; ip addr add 10.0.0.1/24 dev a0; ip link set a0 up; ip link set a1 up
try() { ip link add "$@" 2>/tmp/kerr || echo "NO $* $(head -1 /tmp/kerr)"; }
try k0 type bond mode 802.3ad; try k1 type gre remote 10.0.0.2 local 10.0.0.1 ttl 64 key 5
try k2 type gretap remote 10.0.0.2 local 10.0.0.1; try k3 type ip6gre remote fd00::2 local fd00::1
try k4 type ip6gretap remote fd00::2 local fd00::1; try k5 type geneve id 7 remote 10.0.0.2
try k6 type ipip remote 10.0.0.2 local 10.0.0.1; try k7 type sit remote 10.0.0.3 local 10.0.0.1
try k8 type ip6tnl remote fd00::2 local fd00::1; try k9 type vti remote 10.0.0.9 local 10.0.0.1 key 3
try k10 type vti6 remote fd00::2 local fd00::1; try k11 type wireguard; try k12 type macsec; try k13 link a0 type macsec
try k14 type dummy; try k15 type nlmon; try k16 type vcan; try k17 type xfrm if_id 5; try k18 type ifb; try k19 link a0 type macvtap
try k20 link a0 type ipvlan; try k21 link a0 type ipvtap; try k22 link a0 type vlan id 5; try k23 type vrf table 10; try k24 type team
try k25 type hsr slave1 a0 slave2 a1; try k26 type gtp; try k27 type erspan seq key 1 remote 10.0.0.2 local 10.0.0.1 erspan_ver 1 erspan 5; try k28 type netdevsim; try k29 type bareudp dstport 6635 ethertype mpls_uc; try k30 type amt; try k31 type batadv; try k32 type lowpan; try k33 link a0 type rmnet mux_id 1; try k34 type virt_wifi; try k35 type vxcan; try k36 type netkit; try k37 type macvlan; try k38 link a0 type macvlan mode source; try k39 type bridge; try k40 type tun; try k41 type wwan; try k42 type ovpn; try k43 type vxlan id 4 external dstport 4789; try k44 type ip6erspan seq key 1 remote fd00::2 local fd00::1 erspan_ver 2
ip -j -d link | jq -c '.[]|select(.linkinfo)|[.ifname,.linkinfo]'
