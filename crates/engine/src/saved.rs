//! Saved plans: reading one, and holding a fresh plan against it.

use std::fmt;

use resource::{FieldChange, PLAN_VERSION, Plan, Step};
use serde_json::Value;

/// A text that is no plan which this version can use.
#[derive(Debug, thiserror::Error)]
pub enum ReadPlanError {
    /// It is not JSON.
    #[error("this is no saved plan; `plan --out FILE` makes one")]
    NotJson(#[source] serde_json::Error),
    /// It is JSON of something else.
    #[error("this is no saved plan: it has no `version`; `plan --out FILE` makes one")]
    NoVersion,
    /// It was written by another version.
    #[error(
        "the saved plan has format {found}, and this Headwater reads format {PLAN_VERSION}; make the plan again"
    )]
    OtherVersion {
        /// The version that it has.
        found: String,
    },
    /// It has that version, but not its form.
    #[error("the saved plan is damaged; make it again with `plan --out FILE`")]
    Damaged(#[source] serde_json::Error),
}

/// Reads a saved plan.
///
/// # Errors
/// [`ReadPlanError`]; the version is looked at before anything else.
pub fn read_plan(json: &str) -> Result<Plan, ReadPlanError> {
    let value: Value = serde_json::from_str(json).map_err(ReadPlanError::NotJson)?;
    match value.get("version") {
        None => Err(ReadPlanError::NoVersion),
        Some(version) if version.as_u64() == Some(u64::from(PLAN_VERSION)) => {
            serde_json::from_value(value).map_err(ReadPlanError::Damaged)
        }
        Some(version) => Err(ReadPlanError::OtherVersion { found: version.to_string() }),
    }
}

/// One thing that a fresh plan has and the approved one has not. `Display` is a sentence.
#[derive(Clone, Debug, PartialEq)]
pub enum Difference {
    /// The plans are for different places, blueprints or packages.
    Other {
        /// What differs: `account`, `blueprint`.
        what: String,
        /// The approved plan's.
        approved: String,
        /// The fresh plan's.
        fresh: String,
    },
    /// A step that was not approved.
    Step(Box<Step>),
    /// A field change, in an approved step, that was not approved.
    Change(Box<Step>, FieldChange),
}

impl Difference {
    /// Whether it is something to do, and not a plan for something else.
    pub(crate) fn is_to_do(&self) -> bool {
        !matches!(self, Self::Other { .. })
    }
}

/// Whether all that `fresh` would do was approved with `saved`. Doing less is fine.
///
/// # Errors
/// Every difference.
pub fn check_saved(saved: &Plan, fresh: &Plan) -> Result<(), Vec<Difference>> {
    let mut differences = other_place(saved, fresh);
    if differences.is_empty() {
        fresh.steps.iter().for_each(|step| beyond(saved, step, &mut differences));
    }
    if differences.is_empty() { Ok(()) } else { Err(differences) }
}

fn other_place(saved: &Plan, fresh: &Plan) -> Vec<Difference> {
    let (was, is) = (&saved.scope, &fresh.scope);
    let texts = [
        ("format", saved.version.to_string(), fresh.version.to_string()),
        ("account", was.account.clone(), is.account.clone()),
        ("region", was.region.clone(), is.region.clone()),
        ("project", was.project.clone(), is.project.clone()),
        ("environment", was.environment.clone(), is.environment.clone()),
        ("blueprint", saved.blueprint.clone(), fresh.blueprint.clone()),
    ];
    let hash = |plan: &Plan, name| plan.packages.get(name).cloned().unwrap_or_else(|| "none".to_owned());
    let mut names: Vec<_> = saved.packages.keys().chain(fresh.packages.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let packages =
        names.into_iter().map(|name| (format!("package `{name}`"), hash(saved, name), hash(fresh, name)));
    texts
        .into_iter()
        .map(|(what, approved, fresh)| (what.to_owned(), approved, fresh))
        .chain(packages)
        .filter(|(_, approved, fresh)| approved != fresh)
        .map(|(what, approved, fresh)| Difference::Other { what, approved, fresh })
        .collect()
}

fn beyond(saved: &Plan, step: &Step, differences: &mut Vec<Difference>) {
    let same = |other: &&Step| {
        (&other.key, &other.kind, other.action, &other.id) == (&step.key, &step.kind, step.action, &step.id)
    };
    match saved.steps.iter().find(same) {
        None => differences.push(Difference::Step(Box::new(step.clone()))),
        Some(approved) => differences.extend(
            step.changes
                .iter()
                .filter(|change| !approved.changes.contains(change))
                .map(|change| Difference::Change(Box::new(step.clone()), change.clone())),
        ),
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Other { what, approved, fresh } => {
                write!(f, "The {what} is {fresh}; the approved plan was made for {approved}.")
            }
            Self::Step(step) => {
                let verb = crate::text::verb(step.action);
                write!(f, "It would now {verb} `{}`", step.key)?;
                step.id.iter().try_for_each(|id| write!(f, " ({id})"))?;
                step.reason.iter().try_for_each(|reason| write!(f, ", because: {reason}"))?;
                f.write_str("; the approved plan would not.")
            }
            Self::Change(step, FieldChange { field, from, to, .. }) => {
                let side = |value: &Option<Value>| value.as_ref().map_or("none".to_owned(), Value::to_string);
                write!(
                    f,
                    "It would now change `{field}` of `{}` from {} to {}; the approved plan would not.",
                    step.key,
                    side(from),
                    side(to)
                )
            }
        }
    }
}
