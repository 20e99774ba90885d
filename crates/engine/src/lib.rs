//! Planner (pure, synchronous) and executor (apply, lease, history).
//!
//! [`survey()`] observes an environment, [`plan()`] compares it with the blueprint, [`deploy()`] carries the approved plan
//! out under the environment's lease. AWS itself is the state: a run that was killed is continued by planning again.

mod caught;
mod deploy;
mod estimate;
mod executor;
mod history;
mod in_memory;
mod lease;
mod planner;
mod proposal;
mod report;
mod saved;
mod settings;
mod survey;
pub mod text;
mod turns;

pub use caught::StepError;
pub use deploy::{Run, RunError, deploy};
pub use estimate::estimate;
pub use in_memory::InMemory;
pub use lease::{Caller, LeaseError, Loss};
pub use planner::{Mode, Reason, Refusal, plan};
pub use proposal::{Approved, Proposal, propose};
pub use report::{Report, Reporter, Skipped, StepReport, StepResult};
pub use saved::{Difference, ReadPlanError, check_saved, read_plan};
pub use settings::{Clock, Settings};
pub use survey::{Survey, SurveyError, survey};
pub use turns::Concurrency;

use caught::chain;
