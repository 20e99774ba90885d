//! One event in a file of the spool: a line with the CRC-32 of the event in eight hexadecimal digits, a space, and the JSON, in
//! which there is no line break.

use crate::backlog::Load;

/// What a line has beside the JSON.
const OVERHEAD_BYTES: usize = "00000000 \n".len();

/// Appends the line.
pub(super) fn encode(out: &mut Vec<u8>, json: &str) {
    let checksum = crc32fast::hash(json.as_bytes());
    for shift in (0..8).rev() {
        let digit = (checksum >> (4 * shift)) & 0xF;
        out.push(b"0123456789abcdef"[digit as usize]);
    }
    out.push(b' ');
    out.extend_from_slice(json.as_bytes());
    out.push(b'\n');
}

/// The JSON of a line, `None` where the line is damaged. `line` has no line break at its end.
pub(super) fn decode(line: &[u8]) -> Option<&str> {
    let (checksum, json) = line.split_at_checked(8)?;
    let checksum = u32::from_str_radix(str::from_utf8(checksum).ok()?, 16).ok()?;
    let json = json.strip_prefix(b" ")?;
    if crc32fast::hash(json) != checksum {
        return None;
    }
    str::from_utf8(json).ok()
}

/// What a line of that length, with its line break, counts as.
pub(super) fn load(line_bytes: usize) -> Load {
    Load { events: 1, bytes: line_bytes.saturating_sub(OVERHEAD_BYTES) as u64 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_line_gives_its_json_back_and_none_when_a_byte_differs(json in "\\PC{0,80}", at in any::<prop::sample::Index>(), bit in 0..8) {
            let mut line = Vec::new();
            encode(&mut line, &json);
            prop_assert_eq!(load(line.len()), Load::of(&json));
            prop_assert_eq!(line.pop(), Some(b'\n'));
            prop_assert_eq!(decode(&line), Some(json.as_str()));
            let at = at.index(line.len());
            line[at] ^= 1_u8 << bit;
            // The checksum's digits may be of either case.
            prop_assume!(!(at < 8 && line[at].is_ascii_hexdigit() && bit == 5));
            prop_assert_eq!(decode(&line), None);
        }

        #[test]
        fn no_bytes_make_it_panic(line in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = decode(&line);
        }
    }
}
