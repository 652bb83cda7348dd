use super::*;

const CLIENT: u16 = 1000;
const SERVER: u16 = 135;

fn tcp(from: u16, to: u16, sequence: u32, flags: u8, octets: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x45, 0];
    packet.extend(u16::try_from(40 + octets.len()).unwrap().to_be_bytes());
    packet.extend([0, 0, 0, 0, 64, 6, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1]);
    packet.extend([from.to_be_bytes(), to.to_be_bytes()].concat());
    packet.extend(sequence.to_be_bytes());
    packet.extend([0, 0, 0, 0, 0x50, flags, 0, 0, 0, 0, 0, 0]);
    packet.extend(octets);
    packet
}

fn as_pcap(packets: &[Vec<u8>], order: fn(u32) -> [u8; 4]) -> Vec<u8> {
    let mut file = [0xa1b2_c3d4, 0, 0, 0, 65535, 101].map(order).concat();
    for packet in packets {
        let len = u32::try_from(packet.len()).unwrap();
        file.extend([7, 8, len, len].map(order).concat());
        file.extend(packet);
    }
    file
}

fn as_pcapng(packets: &[Vec<u8>]) -> Vec<u8> {
    fn block(kind: u32, body: &[u8]) -> Vec<u8> {
        let mut body = body.to_vec();
        body.resize(body.len().next_multiple_of(4), 0);
        let len = u32::try_from(body.len() + 12).unwrap().to_le_bytes();
        [&kind.to_le_bytes()[..], &len, &body, &len].concat()
    }
    let mut file = block(0x0a0d_0d0a, &[&0x1a2b_3c4du32.to_le_bytes()[..], &[1, 0, 0, 0], &[0xff; 8]].concat());
    file.extend(block(1, &[101, 0, 0, 0, 0, 0, 0, 0]));
    file.extend(block(5, &[0; 12]));
    for packet in packets {
        let len = u32::try_from(packet.len()).unwrap().to_le_bytes();
        file.extend(block(6, &[&[0; 4][..], &[0; 4], &7_000_008u32.to_le_bytes(), &len, &len, packet].concat()));
    }
    file
}

fn talk(packets: &[Vec<u8>]) -> Vec<Stream> {
    let little = streams_of(&as_pcap(packets, u32::to_le_bytes)).unwrap();
    for file in [as_pcap(packets, u32::to_be_bytes), as_pcapng(packets)] {
        let other = streams_of(&file).unwrap();
        let runs = |streams: &[Stream]| streams.iter().map(|stream| stream.runs.clone()).collect::<Vec<_>>();
        assert_eq!(runs(&other), runs(&little));
    }
    little
}

const SYN: u8 = 2;
const ACK: u8 = 16;

#[test]
fn segments_out_of_order_again_and_overlapping_are_joined_once() {
    let first = u32::MAX - 2;
    let streams = talk(&[
        tcp(CLIENT, SERVER, first, SYN, b""),
        tcp(SERVER, CLIENT, 70, SYN | ACK, b""),
        tcp(CLIENT, SERVER, first.wrapping_add(1), ACK, b"abc"),
        tcp(CLIENT, SERVER, first.wrapping_add(7), ACK, b"ghi"),
        tcp(CLIENT, SERVER, first.wrapping_add(1), ACK, b"abc"),
        tcp(SERVER, CLIENT, 71, ACK, b"x"),
        tcp(CLIENT, SERVER, first.wrapping_add(3), ACK, b"cdefg"),
    ]);
    assert_eq!(streams.len(), 1);
    assert_eq!((streams[0].client.port(), streams[0].server.port()), (CLIENT, SERVER));
    assert_eq!(streams[0].octets(true), b"abcdefghi");
    assert_eq!(streams[0].octets(false), b"x");
    let order: Vec<(bool, &[u8])> = streams[0].runs.iter().map(|run| (run.from_client, &run.octets[..])).collect();
    assert_eq!(order, [(true, &b"abc"[..]), (false, b"x"), (true, b"defghi")]);
    assert_eq!(streams[0].runs[0].at_us, 7_000_008);
}

#[test]
fn an_opening_that_was_not_recorded_leaves_the_first_speaker_as_client() {
    let streams = talk(&[tcp(CLIENT, SERVER, 5, ACK, b"a"), tcp(SERVER, CLIENT, 9, ACK, b"b")]);
    assert_eq!((streams[0].client.port(), streams[0].octets(false)), (CLIENT, b"b".to_vec()));
    let streams = talk(&[tcp(SERVER, CLIENT, 8, SYN | ACK, b""), tcp(SERVER, CLIENT, 9, ACK, b"b")]);
    assert_eq!(streams[0].client.port(), CLIENT);
}

#[test]
fn the_same_ports_opened_again_are_another_stream() {
    let streams = talk(&[
        tcp(CLIENT, SERVER, 1, SYN, b""),
        tcp(CLIENT, SERVER, 2, ACK, b"a"),
        tcp(CLIENT, SERVER, 900, SYN, b""),
        tcp(CLIENT, SERVER, 901, ACK, b"b"),
    ]);
    let octets: Vec<Vec<u8>> = streams.iter().map(|stream| stream.octets(true)).collect();
    assert_eq!(octets, [b"a", b"b"]);
}

#[test]
fn pdus_are_cut_by_their_length_and_come_where_their_last_octet_came() {
    let pdu = |kind: u8, len: u8| {
        let mut pdu = vec![5, 0, kind, 3, 0x10, 0, 0, 0, len, 0, 0, 0, 1, 0, 0, 0];
        pdu.resize(usize::from(len), kind);
        pdu
    };
    let (a, b, c) = (pdu(11, 20), pdu(12, 18), pdu(0, 16));
    let client = [a.clone(), c.clone()].concat();
    let streams =
        talk(&[tcp(CLIENT, SERVER, 1, ACK, &client[..25]), tcp(SERVER, CLIENT, 1, ACK, &b), tcp(CLIENT, SERVER, 26, ACK, &client[25..])]);
    let pdus: Vec<Vec<u8>> = streams[0].pdus().unwrap().into_iter().map(|pdu| pdu.octets).collect();
    assert_eq!(pdus, [a, b, c]);
    let other = talk(&[tcp(CLIENT, SERVER, 1, ACK, b"GET / HTTP/1.1\r\n\r\n")]);
    assert_eq!(other[0].pdus(), None);
}

#[test]
fn a_capture_cut_or_bent_anywhere_does_no_harm() {
    let packets = [tcp(CLIENT, SERVER, 1, SYN, b""), tcp(CLIENT, SERVER, 2, ACK, b"abc")];
    for file in [as_pcap(&packets, u32::to_le_bytes), as_pcapng(&packets)] {
        for len in 0..file.len() {
            let _ = streams_of(&file[..len]);
        }
        for at in 0..file.len() {
            for value in [0, 1, 0x7f, 0x80, 0xff] {
                let mut bent = file.clone();
                bent[at] = value;
                let _ = streams_of(&bent);
            }
        }
    }
}

/// A file of frames of another link type, of the same connection as ever.
fn as_pcap_of(link: u32, frames: &[Vec<u8>]) -> Vec<u8> {
    let mut file = as_pcap(frames, u32::to_le_bytes);
    file[20..24].copy_from_slice(&link.to_le_bytes());
    file
}

#[test]
fn the_same_segments_are_found_on_every_link() {
    let packets = [tcp(CLIENT, SERVER, 1, SYN, b""), tcp(CLIENT, SERVER, 2, ACK, b"abc")];
    let check = |link: u32, head: &[u8]| {
        let frames: Vec<Vec<u8>> = packets.iter().map(|packet| [head, packet].concat()).collect();
        let streams = streams_of(&as_pcap_of(link, &frames)).unwrap();
        assert_eq!(streams.iter().map(|stream| stream.octets(true)).collect::<Vec<_>>(), [b"abc"], "link {link}, {head:02x?}");
    };
    let after = |len: usize, tail: &[u8]| [&vec![0; len][..], tail].concat();
    check(101, &[]);
    check(0, &[2, 0, 0, 0]);
    check(1, &after(12, &[8, 0]));
    check(1, &after(12, &[0x81, 0, 0, 7, 8, 0]));
    check(1, &after(12, &[0x88, 0xa8, 0, 7, 0x81, 0, 0, 7, 8, 0]));
    check(1, &after(12, &[0x88, 0x64, 0x11, 0, 0, 1, 0, 45, 0, 0x21]));
    check(113, &after(14, &[8, 0]));
    check(276, &[&[8, 0][..], &[0; 18]].concat());
    let wireless = streams_of(&as_pcap_of(105, &packets)).unwrap_err();
    assert!(wireless.contains("105"), "{wireless}");
}

#[test]
fn a_packet_of_version_6_may_have_options_in_front_of_tcp() {
    let of_4 = tcp(CLIENT, SERVER, 1, ACK, b"abc");
    for options in [&[][..], &[6, 0, 0, 0, 0, 0, 0, 0]] {
        let payload = [options, &of_4[20..]].concat();
        let mut packet = vec![0x60, 0, 0, 0];
        packet.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
        packet.extend([if options.is_empty() { 6 } else { 0 }, 64]);
        packet.extend([[0xfe; 16], [0xfd; 16]].concat());
        packet.extend(payload);
        let streams = streams_of(&as_pcap_of(101, &[packet])).unwrap();
        assert_eq!((streams[0].octets(true), streams[0].client.port()), (b"abc".to_vec(), CLIENT));
    }
}

fn pdu(kind: u8, len: u8) -> Vec<u8> {
    let mut pdu = vec![5, 0, kind, 3, 0x10, 0, 0, 0, len, 0, 0, 0, 1, 0, 0, 0];
    pdu.resize(usize::from(len), kind);
    pdu
}

#[test]
fn octets_that_nobody_recorded_leave_a_gap_and_the_next_pdu_is_found_behind_it() {
    let (a, b, c) = (pdu(0, 40), pdu(0, 50), pdu(0, 60));
    let all = [a.clone(), b, c.clone()].concat();
    // The second segment, with the end of the first PDU but one, is missing.
    let streams =
        talk(&[tcp(CLIENT, SERVER, 0, SYN, b""), tcp(CLIENT, SERVER, 1, ACK, &all[..45]), tcp(CLIENT, SERVER, 71, ACK, &all[70..])]);
    let pdus = streams[0].pdus().unwrap();
    assert_eq!(pdus.iter().map(|pdu| (pdu.after_gap, &pdu.octets)).collect::<Vec<_>>(), [(false, &a), (true, &c)]);
}

#[test]
fn a_late_segment_is_waited_for_and_leaves_no_gap() {
    let all = [pdu(0, 40), pdu(0, 50)].concat();
    let streams = talk(&[
        tcp(CLIENT, SERVER, 0, SYN, b""),
        tcp(CLIENT, SERVER, 31, ACK, &all[30..]),
        tcp(SERVER, CLIENT, 1, ACK, b"x"),
        tcp(CLIENT, SERVER, 1, ACK, &all[..30]),
    ]);
    assert!(streams[0].runs.iter().filter(|run| run.from_client).all(|run| !run.after_gap));
    assert_eq!(streams[0].octets(true), all);
}

#[test]
fn who_answers_is_the_server_where_the_opening_was_not_recorded() {
    let streams = talk(&[tcp(SERVER, CLIENT, 1, ACK, &pdu(2, 30)), tcp(CLIENT, SERVER, 1, ACK, &pdu(0, 30))]);
    assert_eq!((streams[0].client.port(), streams[0].server.port()), (CLIENT, SERVER));
    assert_eq!(streams[0].pdus().unwrap().iter().map(|pdu| pdu.from_client).collect::<Vec<_>>(), [false, true]);
}

#[test]
fn what_follows_a_pdu_and_is_none_is_told() {
    let broken = [pdu(0, 30), b"this is no PDU any more".to_vec()].concat();
    let streams = talk(&[tcp(CLIENT, SERVER, 0, SYN, b""), tcp(CLIENT, SERVER, 1, ACK, &broken)]);
    let cut = streams[0].cut();
    assert_eq!((cut.pdus.len(), cut.broken.is_some()), (1, true));
}
