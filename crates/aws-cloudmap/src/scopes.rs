//! To what a policy can bound the families' actions.
//!
//! Sources: <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscloudmap.html>,
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonroute53.html>

use resource::{Condition, Within};

const NAMESPACE: &str = "arn:{partition}:servicediscovery:{region}:{account}:namespace/*";
const SERVICE: &str = "arn:{partition}:servicediscovery:{region}:{account}:service/*";

/// To look at namespaces, which Cloud Map names by ids.
pub(crate) const NAMESPACES: &[Within] = &[Within::of(&[NAMESPACE])];
/// To change those that are ours by their tags.
pub(crate) const OWN_NAMESPACES: &[Within] = &[Within::of(&[NAMESPACE]).when(&[Condition::OURS])];
/// To look at services.
pub(crate) const SERVICES: &[Within] = &[Within::of(&[SERVICE])];
/// To change those that are ours by their tags.
pub(crate) const OWN_SERVICES: &[Within] = &[Within::of(&[SERVICE]).when(&[Condition::OURS])];
/// To make a service in a namespace of ours.
pub(crate) const NEW_SERVICE: &[Within] =
    &[Within::of(&[NAMESPACE]).when(&[Condition::OURS]), Within::of(&[SERVICE]).when(&[Condition::TAGGED])];
/// To make a namespace, and to tag: AWS knows no resource for either. Should it know the tags that one has, they are not
/// another environment's.
pub(crate) const TAGS: &[Within] = &[Within::of(&["*"]).when(&[Condition::NOT_ANOTHERS, Condition::TAGGED])];
/// The hosted zones of the namespaces, which Route 53 names by ids.
pub(crate) const ZONES: &[Within] = &[Within::of(&["arn:{partition}:route53:::hostedzone/*"])];
/// Their records: in our domain alone, `headwater-prod.internal`.
pub(crate) const RECORDS: &[Within] =
    &[Within::of(&["arn:{partition}:route53:::hostedzone/*"]).when(&[Condition(
        "ForAllValues:StringLike",
        &[
            ("route53:ChangeResourceRecordSetsNormalizedRecordNames", "{project}-{environment}.internal"),
            ("route53:ChangeResourceRecordSetsNormalizedRecordNames", "*.{project}-{environment}.internal"),
        ],
    )])];
/// Health checks, which Route 53 names by ids.
pub(crate) const HEALTH_CHECKS: &[Within] = &[Within::of(&["arn:{partition}:route53:::healthcheck/*"])];
