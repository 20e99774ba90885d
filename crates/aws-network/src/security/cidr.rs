//! A block of addresses in CIDR notation.

use std::{fmt, net::IpAddr, str::FromStr};

/// A block of IPv4 or IPv6 addresses, as in `10.0.0.0/16`. No bit is set beyond its prefix, and its text is the one
/// that EC2 gives back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cidr {
    address: IpAddr,
    prefix_length: u8,
}

/// A text that is no [`Cidr`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseCidrError {
    /// It has no slash.
    #[error("`{0}` is no CIDR block: it has no prefix length; one address is `{0}/32`, or `{0}/128` in IPv6")]
    NoPrefixLength(String),
    /// What stands before the slash is no address.
    #[error("`{0}` is no CIDR block: `{1}` is neither an IPv4 nor an IPv6 address")]
    Address(String, String),
    /// What stands behind the slash is no number, or more than the address has bits.
    #[error("`{0}` is no CIDR block: its prefix length must be a number from 0 to {1}")]
    PrefixLength(String, u8),
    /// The address is one inside of the block.
    #[error("`{0}` has bits beyond its prefix; the block is `{1}`")]
    HostBits(String, Cidr),
}

impl Cidr {
    /// The address that the block begins with.
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// How many bits all addresses of the block have in common: 0 to 32, or to 128 in IPv6.
    pub fn prefix_length(&self) -> u8 {
        self.prefix_length
    }

    /// Whether it is all addresses there are: `0.0.0.0/0` or `::/0`.
    pub fn is_everything(&self) -> bool {
        self.prefix_length == 0
    }
}

impl FromStr for Cidr {
    type Err = ParseCidrError;

    fn from_str(text: &str) -> Result<Self, ParseCidrError> {
        let whole = || text.to_owned();
        let Some((address, length)) = text.split_once('/') else {
            return Err(ParseCidrError::NoPrefixLength(whole()));
        };
        let given: IpAddr =
            address.parse().map_err(|_| ParseCidrError::Address(whole(), address.to_owned()))?;
        let bits = if given.is_ipv4() { 32 } else { 128 };
        let digits = !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit());
        let prefix_length = length
            .parse()
            .ok()
            .filter(|length| digits && *length <= bits)
            .ok_or_else(|| ParseCidrError::PrefixLength(whole(), bits))?;
        let block = Self { address: first(given, prefix_length), prefix_length };
        if block.address == given { Ok(block) } else { Err(ParseCidrError::HostBits(whole(), block)) }
    }
}

/// The address without the bits beyond its first `prefix_length`.
fn first(address: IpAddr, prefix_length: u8) -> IpAddr {
    let beyond = |bits: u32| bits.saturating_sub(prefix_length.into());
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(beyond(u32::BITS)).unwrap_or(0);
            IpAddr::V4((address.to_bits() & mask).into())
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(beyond(u128::BITS)).unwrap_or(0);
            IpAddr::V6((address.to_bits() & mask).into())
        }
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix_length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_written_as_ec2_gives_it_back() {
        for (text, written) in [
            ("10.0.0.0/16", "10.0.0.0/16"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("192.0.2.7/32", "192.0.2.7/32"),
            ("2001:DB8:0::/48", "2001:db8::/48"),
            ("::/0", "::/0"),
            ("::1/128", "::1/128"),
        ] {
            let block: Cidr = text.parse().unwrap();
            assert_eq!(block.to_string(), written);
            assert_eq!(block.is_everything(), written.ends_with("/0"));
        }
    }

    #[test]
    fn what_is_no_block_is_refused_with_what_is_wrong() {
        let refused = |text: &str| text.parse::<Cidr>().unwrap_err().to_string();
        let texts = ["10.0.0.1", "office/24", "10.0.0/24", "10.0.0.0/33", "::/129", "::/", "10.0.0.0/+8"];
        let wrong: Vec<_> = texts.into_iter().chain(["10.0.7.1/16", "2001:db8::1/64"]).map(refused).collect();
        insta::assert_snapshot!(wrong.join("\n"));
    }
}
