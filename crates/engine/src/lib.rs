//! Planner (pure, synchronous) and executor (apply, lease, history).
//!
//! [`survey()`] observes an environment, [`plan()`] compares it with the blueprint, [`deploy()`] carries the approved plan
//! out under the environment's lease. AWS itself is the state: a run that was killed is continued by planning again.

mod caught;
mod deploy;
mod executor;
mod history;
mod in_memory;
mod lease;
mod planner;
mod report;
mod saved;
mod settings;
mod survey;
pub mod text;

pub use caught::StepError;
pub use deploy::{Run, RunError, deploy, propose};
pub use in_memory::InMemory;
pub use lease::{Caller, LeaseError, Loss};
pub use planner::{Mode, Reason, Refusal, plan};
pub use report::{Report, Reporter, Skipped, StepReport, StepResult};
pub use saved::{Difference, ReadPlanError, check_saved, read_plan};
pub use settings::{Clock, Settings};
pub use survey::{Survey, SurveyError, survey};

use caught::chain;
