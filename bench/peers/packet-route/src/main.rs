//! The rival netlink-packet-route: BENCH INPUT [ROUNDS [ITEMS]], one line of JSON out.
use netlink_packet_core::{NetlinkMessage, NetlinkPayload};
use netlink_packet_route::RouteNetlinkMessage;
use std::time::Instant;

fn decode(dump: &[u8]) -> Vec<RouteNetlinkMessage> {
    let mut out = Vec::new();
    let mut at = 0;
    while at + 16 <= dump.len() {
        let length = u32::from_ne_bytes(dump[at..at + 4].try_into().unwrap()) as usize;
        let message = NetlinkMessage::<RouteNetlinkMessage>::deserialize(&dump[at..at + length])
            .expect("a message of a captured dump");
        if let NetlinkPayload::InnerMessage(inner) = message.payload {
            out.push(inner);
        }
        at += (length + 3) & !3;
    }
    out
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments.len() < 3 || arguments[1] != "decode-objects" {
        eprintln!("usage: {} decode-objects FILE [ROUNDS]", arguments[0]);
        std::process::exit(2);
    }
    let dump = std::fs::read(&arguments[2]).expect("the dump");
    let rounds: usize = arguments.get(3).map_or(10, |text| text.parse().expect("ROUNDS"));
    let mut samples = Vec::with_capacity(rounds);
    let mut items = 0;
    for round in 0..rounds + 2 {
        let start = Instant::now();
        let routes = decode(&dump);
        let taken = start.elapsed().as_nanos();
        items = routes.len();
        if round >= 2 {
            samples.push(taken);
        }
    }
    let mut sorted = samples.clone();
    sorted.sort_unstable();
    println!(
        "{{\"bench\":\"decode-objects\",\"rival\":\"netlink-packet-route\",\"items\":{items},\"samples\":{samples:?},\"nsPerItem\":{:.3}}}",
        sorted[rounds / 2] as f64 / items as f64
    );
}
