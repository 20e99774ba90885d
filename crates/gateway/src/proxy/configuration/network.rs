//! A network of addresses.

use std::net::IpAddr;

/// The addresses that begin with the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix_bits: u32,
}

impl Network {
    /// In CIDR's notation, such as `10.0.0.0/8`, or one address. `None` for anything else, and where bits are set behind
    /// the prefix.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address.parse::<IpAddr>().ok()?, Some(bits.parse::<u32>().ok()?)),
            None => (text.parse().ok()?, None),
        };
        let width = if address.is_ipv4() { 32 } else { 128 };
        let prefix_bits = Some(bits.unwrap_or(width)).filter(|bits| *bits <= width)?;
        let behind = u128::MAX.checked_shr(128 - width + prefix_bits).unwrap_or(0);
        (number(address) & behind == 0).then_some(Self { address, prefix_bits })
    }

    /// Whether the address is in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let width = if self.address.is_ipv4() { 32 } else { 128 };
        let differ = number(address) ^ number(self.address);
        address.is_ipv4() == self.address.is_ipv4()
            && differ.checked_shr(width - self.prefix_bits).unwrap_or(0) == 0
    }
}

/// The address as a number.
fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_bits().into(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_has_the_addresses_that_begin_as_it_does() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.1.2", "11.0.0.0"),
            ("10.1.2.3", "10.1.2.3", "10.1.2.2"),
            ("0.0.0.0/0", "203.0.113.7", "::1"),
            ("fd00::/8", "fd12::1", "fe00::1"),
            ("::1", "::1", "::2"),
            ("127.0.0.0/8", "::ffff:127.0.0.1", "::1"),
            ("::/0", "2001:db8::1", "127.0.0.1"),
        ] {
            let network = Network::parse(network).unwrap();
            assert!(network.contains(inside.parse().unwrap()), "{network:?} {inside}");
            assert!(!network.contains(outside.parse().unwrap()), "{network:?} {outside}");
        }
    }

    #[test]
    fn what_is_no_network_is_none() {
        for text in [
            "",
            "10.0.0.0/33",
            "10.0.0.1/8",
            "10.0.0.0/",
            "ten",
            "::/129",
            "::1/64",
            "10.0.0.0/-1",
            "10.0.0.0/4294967295",
        ] {
            assert_eq!(Network::parse(text), None, "{text}");
        }
    }
}
