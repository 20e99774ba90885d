//! Runs under faults: the same command again and again until it succeeds, a few times at most.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Result;
use aws_sdk_sqs::config::retry::RetryConfig;
use engine::{Approved, Mode, Report, Reporter, RunError, Skipped, StepError, StepResult, SurveyError};
use headwater::{Run, commands::deploy, packages::Packages, workbench::Workbench};
use localstack::proxy::Fault;
use resource::{Class, Outcome, Step};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{
    super::lab::Lab,
    faults::{Mix, word},
};

/// How often a command is run under faults.
const RUNS: usize = 3;
/// The longest that a run may take. Without faults it takes a few seconds.
const BOUND: Duration = Duration::from_secs(180);
/// The SDK's first pause, which is a second at most as shipped: a sweep would spend its time there.
const FIRST_PAUSE: Duration = Duration::from_millis(20);

/// What became of the runs under faults.
#[derive(Default)]
pub(super) struct Ran {
    /// How many there were.
    pub(super) runs: usize,
    /// How many of them failed.
    pub(super) failed: usize,
    /// Whether the last one succeeded.
    pub(super) succeeded: bool,
    /// How the last one ended that took steps.
    pub(super) outcome: Option<Outcome>,
    /// Whether that one warned that its history is incomplete.
    pub(super) warned: bool,
    /// Errors by operation and class.
    pub(super) errors: BTreeMap<String, usize>,
    /// Duplicates that were deleted.
    pub(super) duplicates: usize,
    /// Faults by kind.
    pub(super) met: BTreeMap<&'static str, usize>,
    /// What may not be, whatever is met.
    pub(super) broken: Vec<String>,
}

/// Opens the environment with these knobs, and a client as patient as the mix has it. No fault may be met meanwhile.
pub(super) async fn configure(lab: &mut Lab, knobs: &str, mix: Mix) -> Result<()> {
    lab.local.reconfigure(knobs).await?;
    let mut session = lab.local.bench.session.clone();
    let retry = RetryConfig::standard().with_max_attempts(mix.attempts).with_initial_backoff(FIRST_PAUSE);
    session.sdk = session.sdk.to_builder().retry_config(retry).build();
    let packages = Packages::load(lab.local.target.packages.as_deref())?;
    lab.local.bench = Workbench::of(session, &packages).await?;
    Ok(())
}

/// Runs the command until it succeeds.
pub(super) async fn under_faults(lab: &Lab, mode: Mode, mix: Mix, seed: u64, scenario: usize) -> Ran {
    let mut ran = Ran::default();
    while ran.runs < RUNS && !ran.succeeded && ran.broken.is_empty() {
        lab.proxy.clear();
        lab.proxy.set_faults(mix.faults(seed, scenario, ran.runs));
        ran.add(once(lab, mode).await);
        lab.proxy.calm();
        // What was sent by a run that was given up has its effect.
        lab.proxy.idle().await;
        for call in lab.proxy.calls() {
            if let Some(fault) = call.fault {
                *ran.met.entry(word(fault)).or_default() += 1;
            }
        }
    }
    ran
}

/// A run, or why there was none.
struct Once {
    result: Result<Report>,
    warned: bool,
}

/// The command, once.
async fn once(lab: &Lab, mode: Mode) -> Option<Once> {
    let told = Arc::new(Told::default());
    let reporter: Arc<dyn Reporter> = Arc::clone(&told) as _;
    let work = async {
        let approved = Approved::Proposed(lab.local.bench.propose(mode).await?);
        let run = Run { target: lab.local.target.clone(), json: false, stop: CancellationToken::new() };
        deploy::execute_with(&lab.local.bench, &run, approved, reporter).await
    };
    let result = timeout(BOUND, work).await.ok()?;
    let warned =
        told.0.lock().unwrap_or_else(PoisonError::into_inner).iter().any(|text| text.contains("history"));
    Some(Once { result, warned })
}

/// Listens to nothing but warnings.
#[derive(Default)]
struct Told(Mutex<Vec<String>>);

impl Reporter for Told {
    fn started(&self, _: &Step) {}
    fn note(&self, _: &Step, _: &str) {}
    fn finished(&self, _: &Step, _: Duration) {}
    fn failed(&self, _: &Step, _: Duration, _: &StepError) {}
    fn skipped(&self, _: &Step, _: &Skipped) {}
    fn warn(&self, text: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(text.to_owned());
    }
}

impl Ran {
    fn add(&mut self, once: Option<Once>) {
        self.runs += 1;
        let Some(Once { result, warned }) = once else {
            self.failed += 1;
            return self.broken.push(format!("a run did not end within {} s", BOUND.as_secs()));
        };
        match result {
            Ok(report) => self.reported(&report, warned),
            Err(error) => {
                self.failed += 1;
                self.ended(&error);
            }
        }
    }

    fn reported(&mut self, report: &Report, warned: bool) {
        self.succeeded = report.outcome == Outcome::Succeeded;
        self.failed += usize::from(!self.succeeded);
        if !report.steps.is_empty() {
            (self.outcome, self.warned) = (Some(report.outcome), warned);
        }
        for (step, error) in report.failures() {
            self.step(&format!("{:?} {}", step.action, step.key), error);
        }
        let is_duplicate =
            |step: &Step| step.reason.as_deref().is_some_and(|why| why.starts_with("duplicate of"));
        let done = report.steps.iter().filter(|step| matches!(step.result, StepResult::Done));
        self.duplicates += done.filter(|step| is_duplicate(&step.step)).count();
    }

    /// A run that ended before its first step.
    fn ended(&mut self, error: &anyhow::Error) {
        let run = error.downcast_ref::<RunError>();
        let survey = match run {
            Some(RunError::Survey(survey)) => Some(survey),
            _ => error.downcast_ref::<SurveyError>(),
        };
        match (survey, run) {
            (Some(survey), _) => {
                for (kind, error) in &survey.failed {
                    self.step(&format!("survey of {kind}"), error);
                }
            }
            (None, Some(RunError::Lease(_))) => self.count("lease"),
            (None, Some(RunError::Beyond(_))) => self.count("more than approved"),
            _ => {
                self.broken.push(format!("{error:#}"));
            }
        }
    }

    fn step(&mut self, what: &str, error: &StepError) {
        match error {
            StepError::Resource(error) => {
                self.count(&format!("{} {:?}", error.operation, error.class));
                if error.class != Class::RetryLater {
                    self.broken.push(format!("{what}: {error}: {}", error.source));
                }
            }
            StepError::LeaseLost => self.count("lease lost"),
            StepError::Panicked(_) => self.broken.push(format!("{what}: {error}")),
        }
    }

    fn count(&mut self, what: &str) {
        *self.errors.entry(what.to_owned()).or_default() += 1;
    }

    /// Whether a read showed what was there before a write: then nobody can tell at once that something is there twice.
    pub(super) fn met_stale(&self) -> bool {
        self.met.contains_key(word(Fault::Stale))
    }
}
