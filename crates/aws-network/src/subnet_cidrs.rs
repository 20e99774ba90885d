//! How a VPC's addresses are divided among its subnets.

use std::net::Ipv4Addr;

/// The address blocks of one zone's subnets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubnetCidrs {
    /// Of the public subnet.
    pub public: String,
    /// Of the private subnet.
    pub private: String,
}

/// Why a VPC's addresses cannot be divided.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CidrError {
    /// The text is no block of addresses.
    #[error("`{0}` is no block of IPv4 addresses; write one like `10.0.0.0/16`")]
    NotACidr(String),
    /// The address has bits behind the prefix, which EC2 would clear.
    #[error("`{given}` does not begin at its block's first address; write `{meant}`")]
    HostBits {
        /// The block as given.
        given: String,
        /// The same block, written from its first address.
        meant: String,
    },
    /// The block is too large for a VPC, or too small to be divided.
    #[error(
        "a VPC of `{0}` cannot be divided into subnets; its prefix has to be from /16, the largest that EC2 takes, \
         to /24, whose subnets are the smallest that it takes"
    )]
    Prefix(String),
    /// More zones than there are pairs of subnets.
    #[error(
        "{0} zones are too many: a VPC is divided into a public and a private subnet for each of up to {ZONES}"
    )]
    Zones(usize),
}

/// Sixteenths of the VPC's block: eight for public and eight for private subnets.
const SIXTEENTH: u8 = 4;
const ZONES: usize = 8;

/// The blocks of a public and a private subnet in each of `zones` zones: sixteenths of `vpc_cidr`, a `/20` each of a `/16`.
///
/// Public ones are the first half of the block, private ones the second, so that one more zone changes none of the others'.
///
/// Bounds: <https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html>
///
/// # Errors
/// [`CidrError`].
pub fn subnet_cidrs(vpc_cidr: &str, zones: usize) -> Result<Vec<SubnetCidrs>, CidrError> {
    let (network, prefix) = parse(vpc_cidr)?;
    if !(16..=24).contains(&prefix) {
        return Err(CidrError::Prefix(vpc_cidr.to_owned()));
    }
    if zones > ZONES {
        return Err(CidrError::Zones(zones));
    }
    let prefix = prefix + SIXTEENTH;
    let nth = |n: u32| format!("{}/{prefix}", Ipv4Addr::from_bits(network + (n << (32 - prefix))));
    let half = 1 << (SIXTEENTH - 1);
    let pairs = (0..half).map(|zone| SubnetCidrs { public: nth(zone), private: nth(half + zone) });
    Ok(pairs.take(zones).collect())
}

/// The first address of a block, and the length of its prefix.
fn parse(cidr: &str) -> Result<(u32, u8), CidrError> {
    let parts = cidr.split_once('/').and_then(|(address, prefix)| {
        let address: Ipv4Addr = address.parse().ok()?;
        let length: u8 = prefix.parse().ok()?;
        // `/016` would be read as `/16`, but EC2 gives it back otherwise.
        (length <= 32 && prefix == length.to_string()).then_some((address.to_bits(), length))
    });
    let (address, prefix) = parts.ok_or_else(|| CidrError::NotACidr(cidr.to_owned()))?;
    let network = address & u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
    if network == address {
        return Ok((network, prefix));
    }
    let meant = format!("{}/{prefix}", Ipv4Addr::from_bits(network));
    Err(CidrError::HostBits { given: cidr.to_owned(), meant })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_sixteen_is_divided_into_twenties() {
        let cidrs = subnet_cidrs("10.0.0.0/16", 2).unwrap();
        let pair =
            |public: &str, private: &str| SubnetCidrs { public: public.into(), private: private.into() };
        assert_eq!(cidrs, [pair("10.0.0.0/20", "10.0.128.0/20"), pair("10.0.16.0/20", "10.0.144.0/20")]);
    }

    #[test]
    fn what_cannot_be_divided_is_refused_with_what_to_write() {
        let refused = |cidr: &str, zones| subnet_cidrs(cidr, zones).unwrap_err().to_string();
        let refusals = [
            refused("10.0.0.0", 1),
            refused("10.0.0.0/016", 1),
            refused("10.0.0.0/33", 1),
            refused("10.0.0.1/0", 1),
            refused("10.0.7.1/20", 1),
            refused("10.0.0.0/8", 1),
            refused("10.0.0.0/25", 1),
            refused("10.0.0.0/16", 9),
        ];
        insta::assert_snapshot!(refusals.join("\n"), @r"
        `10.0.0.0` is no block of IPv4 addresses; write one like `10.0.0.0/16`
        `10.0.0.0/016` is no block of IPv4 addresses; write one like `10.0.0.0/16`
        `10.0.0.0/33` is no block of IPv4 addresses; write one like `10.0.0.0/16`
        `10.0.0.1/0` does not begin at its block's first address; write `0.0.0.0/0`
        `10.0.7.1/20` does not begin at its block's first address; write `10.0.0.0/20`
        a VPC of `10.0.0.0/8` cannot be divided into subnets; its prefix has to be from /16, the largest that EC2 takes, to /24, whose subnets are the smallest that it takes
        a VPC of `10.0.0.0/25` cannot be divided into subnets; its prefix has to be from /16, the largest that EC2 takes, to /24, whose subnets are the smallest that it takes
        9 zones are too many: a VPC is divided into a public and a private subnet for each of up to 8
        ");
    }

    fn bounds(cidr: &str) -> (u64, u64) {
        let (network, prefix) = parse(cidr).unwrap();
        (u64::from(network), u64::from(network) + (1_u64 << (32 - prefix)))
    }

    proptest! {
        #[test]
        fn subnets_lie_within_the_vpc_apart_from_each_other_and_stay_where_they_are(
            address in any::<u32>(), prefix in 16_u8..=24, zones in 0_usize..=8,
        ) {
            let network = Ipv4Addr::from_bits(address & (u32::MAX << (32 - prefix)));
            let vpc = format!("{network}/{prefix}");
            let pairs = subnet_cidrs(&vpc, zones).unwrap();
            prop_assert_eq!(pairs.len(), zones);
            prop_assert_eq!(&pairs[..], &subnet_cidrs(&vpc, 8).unwrap()[..zones]);
            let (first, end) = bounds(&vpc);
            let mut blocks: Vec<_> =
                pairs.iter().flat_map(|pair| [bounds(&pair.public), bounds(&pair.private)]).collect();
            blocks.sort_unstable();
            prop_assert!(blocks.iter().all(|block| first <= block.0 && block.1 <= end));
            prop_assert!(blocks.iter().all(|block| block.1 - block.0 >= 16));
            prop_assert!(blocks.windows(2).all(|two| two[0].1 <= two[1].0));
        }

        #[test]
        fn no_text_makes_it_panic(cidr in "[0-9./]{0,20}", zones in any::<usize>()) {
            let _ = subnet_cidrs(&cidr, zones);
        }
    }
}
