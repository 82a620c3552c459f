ip link add d0 type dummy; ip link add d1 type dummy; ip link add a0 type veth peer name a1; ip link set a1 up; ip addr add 10.0.0.1/24 dev a0
try() { ip link add "$@" 2>/tmp/kerr || echo "NO $* $(head -1 /tmp/kerr)"; }
try b0 type bond mode 802.3ad miimon 100 lacp_rate fast xmit_hash_policy layer3+4 ad_select bandwidth
try b1 type bond mode active-backup arp_interval 200 arp_ip_target 10.0.0.9,10.0.0.8 arp_validate active primary_reselect better fail_over_mac active
try b2 type bond mode balance-rr packets_per_slave 3
try b3 type bond mode balance-tlb tlb_dynamic_lb 0
ip link set a0 down; ip link set a0 master b0; ip link set d0 master b1; ip link set b1 type bond primary d0 active_slave d0; ip link set b0 up; ip link set b1 up
try g0 type geneve id 7 remote 10.0.0.2; try g1 type geneve id 8 remote fd00::2 ttl 5 tos 4 dstport 7777 udp6zerocsumtx flowlabel 5; try g2 type geneve external; try g3 type geneve id 9 remote 10.0.0.3 ttl inherit tos inherit df set noudpcsum innerprotoinherit
try m0 link d1 type macvlan mode source; ip link set m0 type macvlan macaddr add 02:00:00:00:00:05; try m1 link d1 type macvlan mode passthru nopromisc
try v0 type vxlan external dstport 4790; try v1 type vxlan id 5 dev d1 group ff05::1 dstport 4789 ttl 5 tos inherit ageing 100 maxaddress 5 proxy rsc l2miss l3miss srcport 1000 2000 udp6zerocsumtx udp6zerocsumrx gbp flowlabel 7
ip tuntap add t0 mode tun multi_queue user 0 group 0
sleep 1; sed -n '' /dev/null; ip -j -d link | jq -c '.[]|select(.linkinfo)|[.ifname,.linkinfo]' | grep -E '^\["(b|g|m|v|a|d|t)'
ip -d link show b1; ip -d link show a0;  ip -d link show g1; ip -d -s link show d1
