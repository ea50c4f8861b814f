use super::*;
use proptest::prelude::*;

const ADDRESSES_4: [u8; 12] = [192, 0, 2, 1, 10, 0, 0, 1, 0x1f, 0x90, 1, 0xbb];

/// A header of version 2 with this command, family and block.
fn v2_header(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
    let length = u16::try_from(block.len()).unwrap().to_be_bytes();
    [V2, &[command, family], &length, block].concat()
}

fn block_6(client: &str) -> Vec<u8> {
    let client: Ipv6Addr = client.parse().unwrap();
    [&client.octets()[..], &[0; 16], &[0, 1, 0, 2]].concat()
}

/// Good headers, with what they say.
fn good() -> Vec<(Vec<u8>, Proxied)> {
    let client = |text: &str| Proxied::For(text.parse().unwrap());
    let longest = format!("PROXY UNKNOWN {}\r\n", "f".repeat(MAX_V1_BYTES - 16));
    let v1 = [
        ("PROXY TCP4 192.0.2.1 10.0.0.1 8080 443\r\n", client("192.0.2.1")),
        ("PROXY TCP4 255.255.255.255 255.255.255.255 65535 0\r\n", client("255.255.255.255")),
        ("PROXY TCP6 2001:db8::1 ::1 1 2\r\n", client("2001:db8::1")),
        ("PROXY TCP6 ::ffff:192.0.2.1 ::ffff:10.0.0.1 1 2\r\n", client("192.0.2.1")),
        ("PROXY UNKNOWN\r\n", Proxied::Unnamed),
        ("PROXY UNKNOWN anything at all\r\n", Proxied::Unnamed),
        (&longest, Proxied::Unnamed),
    ];
    let extension = [0x04, 0, 3, 1, 2, 3];
    let filled = [&ADDRESSES_4[..], &[0xea, 0x01, 0xf9], &[7; 505]].concat();
    let v2 = [
        (v2_header(0x21, 0x11, &ADDRESSES_4), client("192.0.2.1")),
        (v2_header(0x21, 0x11, &[&ADDRESSES_4[..], &extension, &[5, 0, 0]].concat()), client("192.0.2.1")),
        (v2_header(0x21, 0x11, &filled), client("192.0.2.1")),
        (v2_header(0x21, 0x21, &block_6("2001:db8::1")), client("2001:db8::1")),
        (v2_header(0x21, 0x21, &block_6("::ffff:192.0.2.1")), client("192.0.2.1")),
        (v2_header(0x21, 0x31, &[0; 216]), Proxied::Unnamed),
        (v2_header(0x21, 0x00, &[]), Proxied::Unnamed),
        (v2_header(0x21, 0x00, &[9; 7]), Proxied::Unnamed),
        (v2_header(0x20, 0x00, &[]), Proxied::Unnamed),
        (v2_header(0x20, 0xff, &[9; 7]), Proxied::Unnamed),
        (v2_header(0x20, 0x11, &ADDRESSES_4), Proxied::Unnamed),
    ];
    v1.into_iter().map(|(text, proxied)| (text.as_bytes().to_vec(), proxied)).chain(v2).collect()
}

#[test]
fn a_header_is_read_whatever_comes_behind_it_and_however_it_is_split() {
    for (header, proxied) in good() {
        for behind in [&b""[..], b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01", b"\r\n", b"PROXY UNKNOWN\r\n"] {
            let bytes = [&header[..], behind].concat();
            assert_eq!(read_proxy_header(&bytes), Ok(Some((proxied, header.len()))), "{header:?}");
        }
        for end in 0..header.len() {
            assert_eq!(read_proxy_header(&header[..end]), Ok(None), "{end} bytes of {header:?}");
        }
    }
}

#[test]
fn version_1_has_one_spelling() {
    for line in [
        "PROXY TCP4 192.0.2.1 10.0.0.1 8080 443\n",
        "PROXY TCP4 192.0.2.1 10.0.0.1 8080 443\r\r\n",
        "PROXY TCP4 192.0.2.1 10.0.0.1 8080 443\rX",
        "PROXY TCP4 192.0.2.1 10.0.0.1 8080 443 \r\n",
        "PROXY TCP4 192.0.2.1 10.0.0.1 8080\r\n",
        "PROXY TCP4 192.0.2.1 10.0.0.1 8080 443 1\r\n",
        "PROXY TCP4  192.0.2.1 10.0.0.1 8080 443\r\n",
        "PROXY  TCP4 192.0.2.1 10.0.0.1 8080 443\r\n",
        "PROXY\tTCP4 192.0.2.1 10.0.0.1 8080 443\r\n",
        "PROXY\rTCP4 192.0.2.1 10.0.0.1 8080 443\r\n",
        "proxy TCP4 192.0.2.1 10.0.0.1 8080 443\r\n",
        "PROXY tcp4 192.0.2.1 10.0.0.1 8080 443\r\n",
        "PROXY TCP4 192.0.2.1 10.0.0.1 +80 443\r\n",
        "PROXY TCP4 192.0.2.1 10.0.0.1 080 443\r\n",
        "PROXY TCP4 192.0.2.1 10.0.0.1 00 443\r\n",
        "PROXY TCP4 192.0.2.1 10.0.0.1 -1 443\r\n",
        "PROXY TCP4 192.0.2.1 10.0.0.1 8080 65536\r\n",
        "PROXY TCP4 192.0.2.01 10.0.0.1 8080 443\r\n",
        "PROXY TCP4 192.0.2.1 unknown 8080 443\r\n",
        "PROXY TCP4 2001:db8::1 ::1 8080 443\r\n",
        "PROXY TCP6 192.0.2.1 10.0.0.1 8080 443\r\n",
        "PROXY TCP6 [2001:db8::1] ::1 8080 443\r\n",
        "PROXY TCP6 fe80::1%1 ::1 8080 443\r\n",
        "PROXY UDP4 192.0.2.1 10.0.0.1 8080 443\r\n",
        "PROXY UNKNOWNS\r\n",
        "PROXY \r\n",
        "PROXY UNKNOWN \u{7f}\r\n",
        "PROXY UNKNOWN é\r\n",
        "PROXYTCP4 192.0.2.1 10.0.0.1 8080 443\r\n",
        " PROXY UNKNOWN\r\n",
        "GET / HTTP/1.1\r\n",
        "P\r\n",
    ] {
        assert_eq!(read_proxy_header(line.as_bytes()), Err(Malformed), "{line:?}");
    }
    let too_long = format!("PROXY UNKNOWN {}\r\n", "f".repeat(MAX_V1_BYTES - 15));
    assert_eq!(read_proxy_header(too_long.as_bytes()), Err(Malformed));
    assert_eq!(read_proxy_header(&too_long.as_bytes()[..MAX_V1_BYTES]), Err(Malformed), "told without waiting for more");
}

#[test]
fn version_2_has_one_length() {
    let extended = |extensions: &[u8]| [&ADDRESSES_4[..], extensions].concat();
    for header in [
        v2_header(0x11, 0x11, &ADDRESSES_4),
        v2_header(0x22, 0x11, &ADDRESSES_4),
        v2_header(0x31, 0x11, &ADDRESSES_4),
        v2_header(0x21, 0x12, &ADDRESSES_4),
        v2_header(0x21, 0x22, &block_6("::1")),
        v2_header(0x21, 0x32, &[0; 216]),
        v2_header(0x21, 0x01, &[]),
        v2_header(0x21, 0x10, &ADDRESSES_4),
        v2_header(0x21, 0x41, &ADDRESSES_4),
        v2_header(0x21, 0x11, &ADDRESSES_4[..11]),
        v2_header(0x21, 0x11, &[]),
        v2_header(0x21, 0x21, &block_6("::1")[..35]),
        v2_header(0x21, 0x31, &[0; 215]),
        v2_header(0x21, 0x11, &extended(&[4])),
        v2_header(0x21, 0x11, &extended(&[4, 0])),
        v2_header(0x21, 0x11, &extended(&[4, 0, 1])),
        v2_header(0x21, 0x11, &extended(&[4, 0, 1, 9, 4])),
        v2_header(0x21, 0x11, &extended(&[4, 0xff, 0xff, 9])),
        v2_header(0x20, 0x00, &[0; 521]),
        v2_header(0x21, 0x11, &[0; 65535]),
        b"\r\n\r\n\0\r\nQUIT\r".to_vec(),
        b"\r\n\r\nGET".to_vec(),
    ] {
        assert_eq!(read_proxy_header(&header), Err(Malformed), "{header:?}");
    }
    // A length that is too long is told at once, before anybody sends so much.
    assert_eq!(read_proxy_header(&v2_header(0x21, 0x11, &[0; 521])[..16]), Err(Malformed));
    assert_eq!(read_proxy_header(&[V2, &[0x22]].concat()), Err(Malformed));
}

proptest! {
    /// Whatever comes is a header, no header, or the beginning of one that ends in time.
    #[test]
    fn any_bytes_have_one_reading(
        start in prop::sample::select(good()),
        cut: prop::sample::Index,
        bytes in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        let (header, _) = start;
        let bytes = [&header[..cut.index(header.len() + 1)], &bytes].concat();
        let whole = read_proxy_header(&bytes);
        if bytes.len() >= MAX_HEADER_BYTES {
            prop_assert_ne!(whole, Ok(None));
        }
        for end in 0..bytes.len() {
            match (read_proxy_header(&bytes[..end]), whole) {
                (Ok(None), _) => {}
                (Ok(Some((proxied, length))), Ok(Some(found))) => prop_assert_eq!((proxied, length), found),
                (Err(Malformed), Err(Malformed)) => {}
                (early, late) => prop_assert!(false, "{:?} of {} bytes became {:?}", early, end, late),
            }
            if let Ok(Some((_, length))) = whole {
                prop_assert_eq!(read_proxy_header(&bytes[..end]) == Ok(None), end < length);
            }
        }
    }
}
