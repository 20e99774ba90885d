//! `traceparent`: the place of a request in a trace, as "Trace Context" (W3C Recommendation of 23 November 2021) writes it.

use std::num::{NonZeroU64, NonZeroU128};

/// What a `traceparent` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParent {
    /// The trace.
    pub trace: NonZeroU128,
    /// The call by which the caller made this request.
    pub parent: NonZeroU64,
    /// Whether the caller records the trace.
    pub sampled: bool,
}

impl TraceParent {
    /// Reads version, trace, parent and flags (3.2); `None` where it is not valid. A version that is not known yet is read as far
    /// as version 00 goes, and may have more behind that (3.2.4).
    pub fn parse(value: &[u8]) -> Option<Self> {
        let (known, more) = value.split_at_checked(55)?;
        let [version @ .., b'-'] = &known[..3] else { return None };
        let version = read_hex(version)?;
        let more_is_allowed = version != 0 && more.first() == Some(&b'-');
        if version == 0xFF || known[35] != b'-' || known[52] != b'-' || !(more.is_empty() || more_is_allowed)
        {
            return None;
        }
        let trace = NonZeroU128::new(read_hex(&known[3..35])?)?;
        let parent = NonZeroU64::new(u64::try_from(read_hex(&known[36..52])?).ok()?)?;
        let flags = read_hex(&known[53..55])?;
        Some(Self { trace, parent, sampled: flags & 1 == 1 })
    }
}

/// Lower-case digits alone, at most 32 of them.
fn read_hex(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0, |number, digit| match digit {
        b'0'..=b'9' => Some((number << 4) | u128::from(digit - b'0')),
        b'a'..=b'f' => Some((number << 4) | u128::from(digit - b'a' + 10)),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_read_of_every_version_that_w3c_lets_one_read() {
        for text in [
            "00-0af7651916cd43dd8448eb211c80319c-b9c7c989f97918e1-01",
            "cc-0af7651916cd43dd8448eb211c80319c-b9c7c989f97918e1-01-what the future will bring",
        ] {
            let read = TraceParent::parse(text.as_bytes()).unwrap();
            assert_eq!(read.trace.get(), 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c, "{text}");
            assert_eq!((read.parent.get(), read.sampled), (0xb9c7_c989_f979_18e1, true), "{text}");
        }
    }

    #[test]
    fn what_is_no_traceparent_gives_none() {
        for text in [
            "",
            "00-1",
            "00-0af7651916cd43dd8448eb211c80319c-b9c7c989f97918e1",
            "00-0af7651916cd43dd8448eb211c80319c-b9c7c989f97918e1-01-",
            "00-0af7651916cd43dd8448eb211c80319c-b9c7c989f97918e1-01-more",
            "ff-0af7651916cd43dd8448eb211c80319c-b9c7c989f97918e1-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b9c7c989f97918e1-01",
            "00-00000000000000000000000000000000-b9c7c989f97918e1-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        ] {
            assert_eq!(TraceParent::parse(text.as_bytes()), None, "{text}");
        }
    }
}
