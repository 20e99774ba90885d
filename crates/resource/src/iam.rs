//! The IAM actions that a resource family needs, as data: the deploy role's policies are made from them.

use serde::Serialize;

/// One IAM action that a family needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct IamAction {
    /// Its name: `sqs:CreateQueue`.
    pub name: &'static str,
    /// Why it is needed.
    pub need: Need,
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
        Self { name, need: Need::Read }
    }

    /// An action that the family calls to change something.
    pub const fn write(name: &'static str) -> Self {
        Self { name, need: Need::Write }
    }

    /// An action that AWS asks for besides another call, with the page that says so.
    pub const fn dependent(name: &'static str, source: &'static str) -> Self {
        Self { name, need: Need::Dependent(source) }
    }
}
