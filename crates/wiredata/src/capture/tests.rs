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
