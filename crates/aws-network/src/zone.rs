//! Availability Zones: which ones an account has is asked, since they differ between accounts of one region.

use aws_env::At;
use aws_sdk_ec2::Client;
use resource::Result;

use crate::ec2;

/// The names of the zones that every account of this kind may use now, in their order. Local Zones, and zones that one
/// has to opt in to, are none of them.
pub(crate) async fn zones(client: &Client) -> Result<Vec<String>> {
    let zones = client
        .describe_availability_zones()
        .filters(ec2::filter("state", "available"))
        .filters(ec2::filter("opt-in-status", "opt-in-not-required"))
        .filters(ec2::filter("zone-type", "availability-zone"));
    let zones = zones.send().await.at("ec2:DescribeAvailabilityZones", "zones")?;
    let zones = zones.availability_zones.unwrap_or_default();
    let mut names: Vec<_> = zones.into_iter().filter_map(|zone| zone.zone_name).collect();
    names.sort_unstable();
    Ok(names)
}
