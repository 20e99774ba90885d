//! The laboratory: an environment with a proxy before its emulator, and what is there when a run has ended.

use std::{collections::BTreeMap, fmt, time::Duration};

use anyhow::{Context, Result, ensure};
use aws_dynamodb::Deployments;
use aws_env::{Connection, SdkConfig};
use engine::Mode;
use event::Event;
use futures::{StreamExt, TryStreamExt, stream};
use headwater::load;
use journal::{Outcome, dynamodb_json};
use localstack::Proxy;
use resource::{Deployment, DeploymentStore, Lease};
use tokio::time::Instant;

use crate::Local;

/// More runs than any lab has.
pub const ALL_RUNS: usize = 1000;
const SECRETS_AT_ONCE: usize = 8;
const APPEND_WITHIN: Duration = Duration::from_secs(30);

/// An environment on an emulator of its own.
pub struct Lab {
    /// The environment. What its library and its programs call goes through the proxy; what the functions call does not.
    pub local: Local,
    /// The proxy before the emulator.
    pub proxy: Proxy,
    /// The way past the proxy: who only looks is neither counted nor harmed.
    pub beside: SdkConfig,
}

/// What no deploy may change or lose: the journal's items and the secrets' values.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Contents {
    /// The items as text, sorted.
    journal: Vec<String>,
    /// By name: the ARN, and each version's id with its value.
    secrets: BTreeMap<String, (String, BTreeMap<String, String>)>,
}

impl Lab {
    /// Starts an emulator, with a configuration file that holds `knobs`. Nothing is deployed yet.
    ///
    /// # Errors
    /// As [`Local::start`].
    pub async fn start(knobs: &str) -> Result<Self> {
        let mut local = Local::start(knobs).await?;
        let proxy = Proxy::before(local.emulator.endpoint()).await?;
        let connection = Connection {
            region: local.bench.session.environment.region.to_string(),
            profile: None,
            endpoint_url: Some(local.emulator.endpoint().to_string()),
            local: true,
        };
        let beside = aws_env::connect(&connection).await?;
        local.target.endpoint_url = Some(proxy.endpoint().to_string());
        local.reconfigure(knobs).await?;
        Ok(Self { local, proxy, beside })
    }

    /// Makes the environment as `mode` has it, in this process. EventStoreDB's stand-in is left as it is.
    ///
    /// # Errors
    /// A step fails: the error is its.
    pub async fn apply(&self, mode: Mode) -> Result<engine::Report> {
        self.local.apply(mode).await
    }

    /// Runs a last time, as the command does: there must be nothing to do, and no call may change anything.
    ///
    /// # Errors
    /// It is not so: the error names what is left, or the calls.
    pub async fn expect_converged(&self, mode: Mode) -> Result<()> {
        self.proxy.clear();
        let plan = self.local.bench.plan(mode).await?;
        let left: Vec<_> = plan
            .steps
            .iter()
            .map(|step| format!("{:?} {} {:?}", step.action, step.key, step.changes))
            .collect();
        ensure!(left.is_empty(), "there is something left to do: {}", left.join(", "));
        let changing = self.changing_calls();
        ensure!(changing.is_empty(), "there was nothing to do, and yet came {}", changing.join(", "));
        Ok(())
    }

    /// The calls since the proxy was last cleared that may have changed something.
    pub fn changing_calls(&self) -> Vec<String> {
        let calls = self.proxy.calls().into_iter().map(|call| call.request);
        let changing = calls.filter(|request| !request.is_read());
        changing
            .map(|request| format!("{}:{} {}", request.service, request.action, request.resource))
            .collect()
    }

    /// Appends so many made-up events to the journal, past the pipeline.
    ///
    /// # Errors
    /// DynamoDB does not take one.
    pub async fn append(&self, count: u64) -> Result<()> {
        let messages: Vec<_> = load::messages(count).collect();
        let events: Result<Vec<_>, _> =
            messages.iter().map(|message| Event::from_json(&message.body)).collect();
        let appended = self.local.journal().append(&events?, Instant::now() + APPEND_WITHIN).await;
        let all = appended.iter().all(|outcome| matches!(outcome, Outcome::Stored { .. }));
        ensure!(all, "not every event was appended: {appended:?}");
        Ok(())
    }

    /// What no deploy may change or lose. What is not there holds nothing.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn contents(&self) -> Result<Contents> {
        let (journal, secrets) = futures::try_join!(self.items(), self.secrets())?;
        Ok(Contents { journal, secrets })
    }

    async fn items(&self) -> Result<Vec<String>> {
        let client = aws_sdk_dynamodb::Client::new(&self.beside);
        let table = self.local.name(blueprint::EVENT_TABLE);
        if !client.list_tables().send().await?.table_names().contains(&table) {
            return Ok(Vec::new());
        }
        let scan = client.scan().table_name(table).consistent_read(true);
        let items: Vec<_> = scan.into_paginator().items().send().try_collect().await?;
        let mut items: Vec<_> = items.iter().map(|item| dynamodb_json::from_item(item).to_string()).collect();
        items.sort();
        Ok(items)
    }

    async fn secrets(&self) -> Result<BTreeMap<String, (String, BTreeMap<String, String>)>> {
        let client = &aws_sdk_secretsmanager::Client::new(&self.beside);
        let listed = client.list_secrets().send().await?.secret_list.unwrap_or_default();
        let read = listed.into_iter().map(|secret| async move {
            let (name, arn) = secret.name.zip(secret.arn).context("a secret has neither name nor ARN")?;
            let mut versions = BTreeMap::new();
            for id in secret.secret_versions_to_stages.unwrap_or_default().into_keys() {
                let value = client.get_secret_value().secret_id(&arn).version_id(&id).send().await?;
                versions.insert(id, value.secret_string.context("a secret is no text")?);
            }
            anyhow::Ok((name, (arn, versions)))
        });
        stream::iter(read).buffer_unordered(SECRETS_AT_ONCE).try_collect().await
    }

    /// The lease's row, whoever wrote it.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn lease(&self) -> Result<Option<Lease>> {
        Ok(self.deployments().lease().await?)
    }

    /// So many of the last runs at most, the newest first; none where their table is gone.
    ///
    /// # Errors
    /// They cannot be read.
    pub async fn history(&self, runs: usize) -> Result<Vec<Deployment>> {
        Ok(self.deployments().history(runs).await?)
    }

    fn deployments(&self) -> Deployments {
        Deployments::new(&self.beside, &self.local.bench.session.scope)
    }
}

impl Contents {
    /// What is not as it was `before`, in words that tell no secret.
    ///
    /// # Errors
    /// Something is not.
    pub fn expect_as(&self, before: &Self) -> Result<()> {
        let (now, then) = (self.journal.len(), before.journal.len());
        ensure!(self.journal == before.journal, "the journal's {then} items are {now}, or others");
        let ids = |contents: &Self| -> Vec<_> {
            let secrets = contents.secrets.iter();
            secrets.map(|(name, (arn, versions))| format!("{name} {arn} {:?}", versions.keys())).collect()
        };
        let (now, then) = (ids(self), ids(before));
        ensure!(now == then, "the secrets were {then:#?} and are {now:#?}");
        ensure!(self.secrets == before.secrets, "a secret has another value under the same version");
        Ok(())
    }

    /// The same where more may have come.
    ///
    /// # Errors
    /// Something of it is gone or is not as it was `before`.
    pub fn expect_kept(&self, before: &Self) -> Result<()> {
        let of_before = Self {
            journal: self.journal.iter().filter(|item| before.journal.contains(item)).cloned().collect(),
            secrets: self
                .secrets
                .clone()
                .into_iter()
                .filter(|(name, _)| before.secrets.contains_key(name))
                .collect(),
        };
        of_before.expect_as(before)
    }
}

impl fmt::Debug for Contents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} items and {} secrets", self.journal.len(), self.secrets.len())
    }
}
