//! What we set of a dashboard, and the name that tells whose it is.

use resource::{Key, Scope, Spec};
use serde::{Deserialize, Serialize};

use super::{DashboardBody, Widget, widget};

/// The fields of a dashboard that we set. They change in place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DashboardSpec {
    /// What it shows.
    pub body: DashboardBody,
}

impl DashboardSpec {
    /// A dashboard of these widgets on metrics of `region`, from left to right and from top to bottom.
    pub fn new(region: &str, widgets: &[Widget]) -> Self {
        Self { body: widget::body(region, widgets).into() }
    }
}

impl Spec for DashboardSpec {}

/// What the names of an environment's dashboards begin with. Unlike [`Scope::name_prefix`], no other environment's begins
/// so: neither a project's name nor an environment's has an underscore.
pub(super) fn prefix(scope: &Scope) -> String {
    format!("{}-{}_", scope.project, scope.environment)
}

/// The name of the dashboard with that key: `headwater-prod_alarms_dashboard`. It holds the key; letters, digits, hyphens
/// and underscores are all that a name may have, and a key has no underscore.
pub fn dashboard_name(scope: &Scope, key: &Key) -> String {
    format!("{}{}", prefix(scope), key.as_str().replacen('/', "_", 1))
}

/// The key of the dashboard with that name; `None` where the environment has none of that name.
pub fn dashboard_key(scope: &Scope, name: &str) -> Option<Key> {
    let (stack, name) = name.strip_prefix(&prefix(scope))?.split_once('_')?;
    Key::new(stack, name).ok()
}
