//! What a resource is: key, spec, observed, change, plan. Data only, no I/O.
//!
//! A stack is a [`Graph`] of [`Node`]s. Each node has a [`Key`], a [`Kind`] and a spec: the fields that we set,
//! as one typed struct of its resource [`Family`]. What AWS has is [`Observed`] *in the same struct*, so the compiler
//! holds the rule that every field that a spec sets is observed. Comparing the two gives [`FieldChange`]s, and
//! those, ordered, a [`Plan`].

mod deployments;
mod diff;
mod error;
mod family;
mod grant;
mod graph;
mod iam;
mod key;
mod plan;
mod policy;
mod reference;
mod scope;

pub use deployments::{Deployment, DeploymentStore, Lease, Outcome, StepRecord, Swap};
pub use diff::{Effect, FieldChange, diff};
pub use error::{Class, Error, Result};
pub use family::{AnyFamily, Desired, Families, Family, Observed, Owner, Progress, Spec, is_shared};
pub use grant::Grantee;
pub use graph::{Graph, GraphError, Node};
pub use iam::{Condition, IamAction, Need, Within};
pub use key::{Key, KeyError, Kind};
pub use plan::{Action, Estimate, PLAN_VERSION, Plan, Step, StepTime};
pub use policy::{Conditions, PolicyDocument, Statement};
pub use reference::{Reference, references, resolve};
pub use scope::Scope;
