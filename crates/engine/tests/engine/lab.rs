//! Runs on the in-memory cloud.

use std::{
    fmt::Write,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use engine::{
    Approved, Caller, Clock, Mode, Proposal, Report, Reporter, Run, RunError, Settings, Skipped, StepError,
    deploy, propose,
};
use resource::{Families, Graph, Lease, Outcome, Plan, Step};
use tokio::time::{Instant, sleep};

use crate::{
    cloud::{Cloud, Fault},
    families::families,
    store::Store,
};

/// 2026-01-01T00:00:00Z.
const NEW_YEAR: u64 = 1_767_225_600_000;

/// A cloud, and the runs on it, each a process of its own.
pub(crate) struct Lab {
    pub(crate) cloud: Cloud,
    pub(crate) families: Families,
    pub(crate) settings: Settings,
    pub(crate) log: Arc<Log>,
    /// By how many milliseconds the wall clock is ahead of the monotonic one.
    pub(crate) ahead: Arc<AtomicU64>,
    processes: AtomicU32,
}

/// What the runs reported.
#[derive(Default)]
pub(crate) struct Log(pub(crate) Mutex<Vec<Entry>>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) at: Instant,
    pub(crate) what: &'static str,
    pub(crate) key: String,
    pub(crate) text: String,
}

impl Log {
    fn add(&self, what: &'static str, key: &str, text: impl ToString) {
        let (key, text) = (key.to_owned(), text.to_string());
        self.0.lock().unwrap().push(Entry { at: Instant::now(), what, key, text });
    }

    pub(crate) fn entries(&self, what: &str) -> Vec<Entry> {
        self.0.lock().unwrap().iter().filter(|entry| entry.what == what).cloned().collect()
    }

    pub(crate) fn text(&self) -> String {
        self.0.lock().unwrap().iter().fold(String::new(), |mut text, Entry { what, key, text: said, .. }| {
            writeln!(text, "{}", format!("{what} {key} {said}").trim_end()).unwrap();
            text
        })
    }
}

impl Reporter for Log {
    fn started(&self, step: &Step) {
        self.add("started", step.key.as_str(), "");
    }
    fn note(&self, step: &Step, text: &str) {
        self.add("note", step.key.as_str(), text);
    }
    fn finished(&self, step: &Step, took: Duration) {
        self.add("finished", step.key.as_str(), format!("{took:?}"));
    }
    fn failed(&self, step: &Step, _: Duration, error: &StepError) {
        self.add("failed", step.key.as_str(), error);
    }
    fn skipped(&self, step: &Step, reason: &Skipped) {
        self.add("skipped", step.key.as_str(), reason);
    }
    fn warn(&self, text: &str) {
        self.add("warning", "", text);
    }
}

/// How a run of the lab ended: by itself, or the process was killed.
pub(crate) type Ended = Option<Result<Report, RunError>>;

impl Lab {
    pub(crate) fn new() -> Self {
        let cloud = Cloud::default();
        let ahead = Arc::new(AtomicU64::new(0));
        let (begun, jumped) = (Instant::now(), Arc::clone(&ahead));
        let clock = Clock::new(move || {
            let elapsed = u64::try_from(begun.elapsed().as_millis()).unwrap();
            NEW_YEAR + elapsed + jumped.load(Ordering::SeqCst)
        });
        Self {
            families: families(&cloud),
            cloud,
            settings: Settings { clock, ..Settings::default() },
            log: Arc::default(),
            ahead,
            processes: AtomicU32::new(0),
        }
    }

    /// An environment that was deployed.
    pub(crate) async fn deployed(graph: &Graph) -> Self {
        let lab = Self::new();
        let report = lab.run(graph, Mode::Deploy).await.unwrap().unwrap();
        assert_eq!(report.outcome, Outcome::Succeeded, "{}", lab.log.text());
        lab.cloud.disarm();
        lab.log.0.lock().unwrap().clear();
        lab
    }

    pub(crate) async fn plan(&self, graph: &Graph, mode: Mode) -> Plan {
        self.propose(graph, mode).await.plan
    }

    pub(crate) async fn propose(&self, graph: &Graph, mode: Mode) -> Proposal {
        propose(graph, &self.families, mode).await.unwrap()
    }

    /// Plans, approves and deploys; the process is killed where the cloud says so, or after five minutes without end.
    pub(crate) async fn run(&self, graph: &Graph, mode: Mode) -> Ended {
        let process = self.next_process();
        let work = async {
            let proposal = propose(graph, &self.families, mode).await?;
            self.apply_as(process, graph, Approved::Proposed(proposal), true).await
        };
        tokio::select! {
            biased;
            result = work => Some(result),
            () = self.cloud.killed() => None,
            () = sleep(Duration::from_secs(300)) => None,
        }
    }

    /// A run in a process of a host that nobody knows to be dead.
    pub(crate) async fn run_elsewhere(&self, graph: &Graph, mode: Mode) -> Result<Report, RunError> {
        let process = self.next_process();
        let proposal = propose(graph, &self.families, mode).await?;
        self.apply_as(process, graph, Approved::Proposed(proposal), false).await
    }

    /// Carries out what was approved.
    pub(crate) async fn apply(&self, graph: &Graph, approved: Approved) -> Result<Report, RunError> {
        self.apply_as(self.next_process(), graph, approved, true).await
    }

    /// Carries out what was approved, as [`Lab::run_elsewhere`].
    pub(crate) async fn apply_elsewhere(
        &self,
        graph: &Graph,
        approved: Approved,
    ) -> Result<Report, RunError> {
        self.apply_as(self.next_process(), graph, approved, false).await
    }

    fn next_process(&self) -> u32 {
        self.processes.fetch_add(1, Ordering::SeqCst) + 1
    }

    async fn apply_as(
        &self,
        process: u32,
        graph: &Graph,
        approved: Approved,
        one_host: bool,
    ) -> Result<Report, RunError> {
        let store = Store(self.cloud.clone());
        // On one host the runs come one after the other, so that any other process is dead.
        let is_dead = move |lease: &Lease| one_host && lease.process != process;
        let run = Run {
            graph,
            families: &self.families,
            store: &store,
            reporter: self.log.clone(),
            stop: self.cloud.fresh_stop(),
            caller: Caller {
                holder: "ada@lovelace".into(),
                host: "lovelace".into(),
                process,
                commit: Some("0123abc".into()),
            },
            is_dead: &is_dead,
            settings: self.settings.clone(),
        };
        deploy(&run, approved).await
    }

    /// Runs with a fault at one call; tells whether the fault was met.
    pub(crate) async fn run_with(
        &self,
        graph: &Graph,
        mode: Mode,
        call: usize,
        fault: Fault,
    ) -> (Ended, bool) {
        self.cloud.arm(call, fault);
        let ended = self.run(graph, mode).await;
        (ended, self.cloud.disarm())
    }
}
