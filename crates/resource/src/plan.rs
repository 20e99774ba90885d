//! A plan: what a deploy or destroy would do, as immutable ordered data.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{FieldChange, Key, Kind, Scope};

/// The version of the plan's JSON form. A reader refuses any other.
pub const PLAN_VERSION: u32 = 1;

/// What a deploy or destroy would do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Plan {
    /// [`PLAN_VERSION`].
    pub version: u32,
    /// Where it applies.
    pub scope: Scope,
    /// The blueprint's hash.
    pub blueprint: String,
    /// The packages: name → SHA-256 in base64.
    pub packages: BTreeMap<String, String>,
    /// The steps, each after all that it waits for.
    pub steps: Vec<Step>,
    /// How many resources are as they should be.
    pub unchanged: usize,
    /// What the reader should know besides, a sentence each: what is retained, what is no longer in the blueprint.
    pub notes: Vec<String>,
    /// How long it takes. It is said to people and binds nobody; whoever makes a plan leaves it out, and whoever shows it
    /// puts it in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimate: Option<Estimate>,
}

/// How long a plan takes, by how long its steps took before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Estimate {
    /// It was measured, at least in part.
    Known {
        /// How long, in milliseconds: the steps of `longest`, and the survey before them.
        millis: u64,
        /// The longest chain of steps of which each waits for the one before.
        longest: Vec<StepTime>,
        /// How many steps of the plan count as none, because no step of that kind and action was ever measured.
        unmeasured: usize,
        /// How many runs the times are from.
        runs: usize,
    },
    /// Nothing of it was measured.
    Unknown {
        /// Why, to be read after a colon: `nothing was deployed to dev yet`.
        because: String,
    },
}

/// A step and its time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StepTime {
    /// The resource's key.
    pub key: Key,
    /// What happens to it.
    pub action: Action,
    /// How long that takes, in milliseconds; none where it was never measured.
    pub millis: Option<u64>,
}

/// One change of one resource.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Step {
    /// The resource's key.
    pub key: Key,
    /// Its kind.
    pub kind: Kind,
    /// What happens to it.
    pub action: Action,
    /// The physical name, or the id of what is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Why, where the changes do not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The fields that change; for a create, all that are set.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<FieldChange>,
    /// The steps, by their place in the plan, that must be done before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<usize>,
}

/// What happens to a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Action {
    /// It is made.
    Create,
    /// It is changed in place.
    Update,
    /// It is deleted and made anew.
    Replace,
    /// It is deleted.
    Delete,
}

impl Plan {
    /// Whether there is nothing to do.
    pub fn is_converged(&self) -> bool {
        self.steps.is_empty()
    }

    /// How many steps have this action.
    pub fn count(&self, action: Action) -> usize {
        self.steps.iter().filter(|step| step.action == action).count()
    }
}
