"""The rival pyroute2: BENCH INPUT [ROUNDS [ITEMS]], one line of JSON out."""

import json
import statistics
import sys
import time

from pyroute2 import IPRoute
from pyroute2.netlink.rtnl.iprsocket import MarshalRtnl


def decode(path):
    with open(path, 'rb') as file:
        dump = file.read()
    with open(f'{path}.lengths') as file:
        lengths = [int(line) for line in file]
    datagrams = []
    start = 0
    for length in lengths:
        datagrams.append(dump[start : start + length])
        start += length
    marshal = MarshalRtnl()

    def work():
        messages = []
        for datagram in datagrams:
            messages.extend(marshal.parse(datagram))
        return sum(1 for message in messages if message['event'] in ('RTM_NEWROUTE', 'RTM_NEWLINK'))

    return work


def routes(_path):
    def work():
        with IPRoute() as ipr:
            return len(list(ipr.get_routes(family=2)))

    return work


BENCHES = {'decode-objects': decode, 'list': routes}


def main():
    if len(sys.argv) < 3 or sys.argv[1] not in BENCHES:
        sys.exit(f'usage: {sys.argv[0]} {"|".join(BENCHES)} INPUT [ROUNDS]')
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 3
    work = BENCHES[sys.argv[1]](sys.argv[2])
    samples = []
    items = 0
    for _ in range(rounds):
        start = time.perf_counter_ns()
        items = work()
        samples.append(time.perf_counter_ns() - start)
    print(
        json.dumps(
            {
                'bench': sys.argv[1],
                'rival': 'pyroute2',
                'items': items,
                'samples': samples,
                'nsPerItem': statistics.median(samples) / items,
            }
        )
    )


main()
