//! The stage: a pipeline whose functions and producers reach AWS through a proxy, and the ways past it for who watches.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use anyhow::{Context, Result};
use headwater::queue::Queue;
use localstack::{
    Emulator, Proxy,
    proxy::{Fault, Request, Seeded, Verdict},
};

use crate::Local;

/// A pipeline that is deployed.
pub(super) struct Stage {
    /// The environment. What it calls itself goes past the proxy.
    pub(super) local: Local,
    /// What all calls of the functions and the producers meet.
    pub(super) proxy: Proxy,
    /// The event queue as the producers reach it, through the proxy.
    pub(super) producers: Queue,
    /// What calls meet on demand.
    pub(super) orders: Orders,
    lambda: aws_sdk_lambda::Client,
}

/// A function with its event source mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    /// From the queue to the journal.
    Ingest,
    /// From the journal to EventStoreDB.
    Relay,
}

impl Stage {
    /// Starts an emulator, and deploys to it with a configuration file that holds `knobs`.
    ///
    /// # Errors
    /// As [`Local::start`] and [`Local::deploy`].
    pub(super) async fn set(knobs: &str) -> Result<Self> {
        let (mut local, proxy) = Local::start_behind_proxy(knobs).await?;
        local.deploy().await?;
        let producers = local.queue().await?;
        local.target.endpoint_url = Some(local.emulator.endpoint().to_string());
        local.reconfigure(knobs).await?;
        let lambda = aws_sdk_lambda::Client::new(&local.bench.session.sdk);
        let orders = Orders::of(&local.emulator);
        proxy.clear();
        Ok(Self { local, proxy, producers, orders, lambda })
    }

    /// From now on calls meet faults by chance, at these rates, and what is ordered.
    pub(super) fn trouble(&self, seed: u64, rates: Vec<(Fault, f64)>) {
        let (seeded, orders) = (Seeded::new(seed, rates), self.orders.clone());
        self.proxy
            .set_faults(move |request| orders.obeyed(request).unwrap_or_else(|| seeded.verdict(request)));
    }

    /// Ends all trouble: calls meet nothing, both functions get events, and EventStoreDB runs.
    ///
    /// # Errors
    /// The emulator refuses.
    pub(super) async fn calm(&self) -> Result<()> {
        self.orders.forget();
        self.proxy.calm();
        self.switch(Function::Ingest, true).await?;
        self.switch(Function::Relay, true).await?;
        self.local.task.follow(&self.local.bench).await
    }

    /// Switches a function's event source mapping on or off.
    ///
    /// # Errors
    /// It is not there.
    pub(super) async fn switch(&self, function: Function, on: bool) -> Result<()> {
        let name = match function {
            Function::Ingest => blueprint::INGEST,
            Function::Relay => blueprint::RELAY,
        };
        let listed = self.lambda.list_event_source_mappings().function_name(self.local.name(name));
        let listed = listed.send().await?.event_source_mappings.unwrap_or_default();
        let mapping = listed.into_iter().next().context("the function has no event source mapping")?;
        self.lambda.update_event_source_mapping().set_uuid(mapping.uuid).enabled(on).send().await?;
        Ok(())
    }

    /// How many items the journal holds: DynamoDB's own count, which the emulator always knows.
    ///
    /// # Errors
    /// The table is not there.
    pub(super) async fn item_count(&self) -> Result<i64> {
        let client = aws_sdk_dynamodb::Client::new(&self.local.bench.session.sdk);
        let answer = client.describe_table().table_name(self.local.journal().table()).send().await?;
        Ok(answer.table.and_then(|table| table.item_count).unwrap_or_default())
    }

    /// What the emulator says from now on.
    ///
    /// # Errors
    /// It keeps no log.
    pub(super) fn log(&self) -> Result<Log> {
        let mut file = File::open(self.local.emulator.log().context("the emulator keeps no log")?)?;
        file.seek(SeekFrom::End(0))?;
        Ok(Log { file, said: String::new() })
    }
}

/// What appends to the journal meet on demand, and who is killed.
#[derive(Clone)]
pub(super) struct Orders {
    emulator: Arc<Emulator>,
    kill: Arc<AtomicBool>,
    refuse: Arc<AtomicBool>,
    killed: Arc<AtomicUsize>,
    /// How many secrets were asked for.
    asked: Arc<AtomicUsize>,
}

impl Orders {
    fn of(emulator: &Arc<Emulator>) -> Self {
        let (kill, refuse, killed, asked) = Default::default();
        Self { emulator: Arc::clone(emulator), kill, refuse, killed, asked }
    }

    /// When the journal has taken the next append, and before its function hears of it, all functions are killed.
    pub(super) fn kill_at_an_append(&self) {
        self.kill.store(true, Ordering::Release);
    }

    /// Whether that is still to come.
    pub(super) fn is_to_kill(&self) -> bool {
        self.kill.load(Ordering::Acquire)
    }

    /// From now on the journal takes nothing.
    pub(super) fn refuse_appends(&self) {
        self.refuse.store(true, Ordering::Release);
    }

    /// There are no orders any more.
    pub(super) fn forget(&self) {
        self.kill.store(false, Ordering::Release);
        self.refuse.store(false, Ordering::Release);
    }

    fn obeyed(&self, request: &Request) -> Option<Verdict> {
        match request.action.as_str() {
            "BatchWriteItem" if self.refuse.load(Ordering::Acquire) => {
                Some(Verdict { fault: Some(Fault::Throttled), then: None })
            }
            "BatchWriteItem" if self.kill.swap(false, Ordering::AcqRel) => {
                let orders = self.clone();
                let then: Arc<dyn Fn() + Send + Sync> = Arc::new(move || orders.kill_all());
                Some(Verdict { fault: Some(Fault::ResetAfter), then: Some(then) })
            }
            "GetSecretValue" => {
                self.asked.fetch_add(1, Ordering::AcqRel);
                None
            }
            _ => None,
        }
    }

    /// A number that has grown whenever a relay has asked for its secrets, as each does before its first event.
    pub(super) fn asked(&self) -> usize {
        self.asked.load(Ordering::Acquire)
    }

    /// Kills every function's process that lives.
    pub(super) fn kill_all(&self) {
        // One that ended meanwhile is as good as killed, and where none can be seen there is none to kill.
        let processes = self.emulator.function_processes().unwrap_or_default();
        let killed = processes.iter().filter(|process| process.kill().is_ok()).count();
        self.killed.fetch_add(killed, Ordering::Relaxed);
    }

    /// How many processes were killed.
    pub(super) fn killed(&self) -> usize {
        self.killed.load(Ordering::Relaxed)
    }
}

/// The emulator's log from some moment on.
pub(super) struct Log {
    file: File,
    said: String,
}

impl Log {
    /// How many lines hold all of these.
    ///
    /// # Errors
    /// It cannot be read.
    pub(super) fn count(&mut self, these: &[&str]) -> Result<usize> {
        let mut more = Vec::new();
        self.file.read_to_end(&mut more)?;
        self.said.push_str(&String::from_utf8_lossy(&more));
        Ok(self.said.lines().filter(|line| these.iter().all(|this| line.contains(this))).count())
    }
}
