//! The IAM actions that a resource family needs, and to what a policy can bound each, as data: the policies of the roles
//! that plan and deploy are made from them.

use serde::Serialize;

/// One IAM action that a family needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct IamAction {
    /// Its name: `sqs:CreateQueue`.
    pub name: &'static str,
    /// Why it is needed.
    pub need: Need,
    /// To what a policy bounds it: each gives a statement. With none, no policy that we make allows it.
    pub within: &'static [Within],
}

/// Why an action is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Need {
    /// The family calls it to observe: the plan role has these alone.
    Read,
    /// The family calls it to change something.
    Write,
    /// AWS asks for it besides another call; the text is the source of that knowledge.
    Dependent(&'static str),
}

impl IamAction {
    /// An action that the family calls to observe.
    pub const fn read(name: &'static str) -> Self {
        Self { name, need: Need::Read, within: &[] }
    }

    /// An action that the family calls to change something.
    pub const fn write(name: &'static str) -> Self {
        Self { name, need: Need::Write, within: &[] }
    }

    /// An action that AWS asks for besides another call, with the page that says so.
    pub const fn dependent(name: &'static str, source: &'static str) -> Self {
        Self { name, need: Need::Dependent(source), within: &[] }
    }

    /// The same, bounded.
    #[must_use]
    pub const fn within(self, within: &'static [Within]) -> Self {
        Self { within, ..self }
    }
}

/// The resources that an action may reach, and under which conditions.
///
/// In all texts `{partition}`, `{region}`, `{account}`, `{project}` and `{environment}` stand for the scope's, and
/// `{boundary}` for the ARN of the permissions boundary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Within {
    /// Patterns of ARNs.
    pub resources: &'static [&'static str],
    /// The conditions, all of which must hold.
    pub conditions: &'static [Condition],
}

/// A condition: IAM's operator, and the keys with their values. A key that is there twice may have either value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Condition(pub &'static str, pub &'static [(&'static str, &'static str)]);

impl Within {
    /// Where AWS knows no resource for the action and the service has no regions.
    pub const IN_ACCOUNT: &'static [Self] = &[Self::of(&["*"])];
    /// Where AWS knows no resource for the action: a call to the environment's region.
    pub const IN_REGION: &'static [Self] =
        &[Self::of(&["*"]).when(&[Condition("StringEquals", &[("aws:RequestedRegion", "{region}")])])];

    /// These resources.
    pub const fn of(resources: &'static [&'static str]) -> Self {
        Self { resources, conditions: &[] }
    }

    /// The same under these conditions.
    #[must_use]
    pub const fn when(self, conditions: &'static [Condition]) -> Self {
        Self { conditions, ..self }
    }
}

impl Condition {
    /// The resource has the environment's tags.
    pub const OURS: Self = Self(
        "StringEquals",
        &[
            ("aws:ResourceTag/headwater:project", "{project}"),
            ("aws:ResourceTag/headwater:env", "{environment}"),
        ],
    );
    /// The resource has no tags of another environment: it is ours, or untagged, or not there yet. Names alone do not tell:
    /// those of all environments of the project `headwater-dev` begin as those of `headwater`'s environment `dev` do.
    pub const NOT_ANOTHERS: Self = Self(
        "StringEqualsIfExists",
        &[
            ("aws:ResourceTag/headwater:project", "{project}"),
            ("aws:ResourceTag/headwater:env", "{environment}"),
        ],
    );
    /// The call gives the resource the environment's tags.
    pub const TAGGED: Self = Self(
        "StringEquals",
        &[
            ("aws:RequestTag/headwater:project", "{project}"),
            ("aws:RequestTag/headwater:env", "{environment}"),
        ],
    );
}
