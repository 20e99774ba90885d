//! Which piece of work a call belongs to: the families and the store of an environment name it, and each of their calls
//! carries the name to the proxy.

use std::{
    fmt,
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use aws_env::SdkConfig;
use futures::{FutureExt, future::BoxFuture};
use localstack::Proxy;
use resource::{
    AnyFamily, Deployment, DeploymentStore, Desired, Effect, Families, IamAction, Key, Kind, Lease, Observed,
    Owner, Progress, Result, Scope, Swap,
};
use serde_json::Value;

tokio::task_local! {
    static CURRENT: Flow;
}

/// A piece of work that makes its calls by itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Flow {
    /// The part of a run that it is in: those that do not overlap wait for each other.
    pub phase: String,
    /// Which of the pieces in it that are done at once; empty where there is one.
    pub work: String,
}

impl Flow {
    /// The phase in which the steps of a plan are carried out, all but [`Flow::TABLE`]'s.
    pub const STEPS: &str = "steps";
    /// What nobody waits for: the lease's renewals, and the history while it is written.
    pub const BESIDE: &str = "beside";
    /// The table that holds the lease is made before that is taken, and deleted after its end.
    const TABLE: &str = "deployments table";

    pub fn new(phase: impl Into<String>, work: impl ToString) -> Self {
        Self { phase: phase.into(), work: work.to_string() }
    }

    fn step(key: &Key) -> Self {
        Self::new(if key.stack() == Key::DEPLOYMENTS { Self::TABLE } else { Self::STEPS }, key)
    }

    /// Does `work`, whose calls are this flow's.
    pub fn of<T>(self, work: impl Future<Output = T>) -> impl Future<Output = T> {
        CURRENT.scope(self, work)
    }
}

impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.phase, self.work)
    }
}

impl FromStr for Flow {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let (phase, work) = text.split_once('/').ok_or_else(|| anyhow::anyhow!("`{text}` is no flow"))?;
        Ok(Self::new(phase, work))
    }
}

/// The same configuration; each of its calls tells the proxy the flow that makes it.
pub fn told(sdk: &SdkConfig) -> SdkConfig {
    aws_env::before_each_call(sdk, |request| {
        if let Ok(flow) = CURRENT.try_with(ToString::to_string) {
            request.headers_mut().insert(Proxy::FLOW, flow);
        }
    })
}

/// The same families. A survey of one is a flow, and so is a step.
pub fn families(families: Families) -> Families {
    let flowing = |family| Arc::new(FlowingFamily { family, surveys: AtomicUsize::new(0) });
    families.into_iter().map(|(kind, family)| (kind, flowing(family) as Arc<dyn AnyFamily>)).collect()
}

struct FlowingFamily {
    family: Arc<dyn AnyFamily>,
    /// How often it was surveyed.
    surveys: AtomicUsize,
}

impl AnyFamily for FlowingFamily {
    fn kind(&self) -> Kind {
        self.family.kind()
    }

    fn is_shared(&self) -> bool {
        self.family.is_shared()
    }

    fn refers_to(&self) -> &'static [Kind] {
        self.family.refers_to()
    }

    fn renewed(&self) -> &'static [&'static str] {
        self.family.renewed()
    }

    fn actions(&self) -> &'static [IamAction] {
        self.family.actions()
    }

    fn normal(&self, spec: Value) -> Value {
        self.family.normal(spec)
    }

    fn effect(&self, field: &str, observed: &Value, desired: &Value) -> Effect {
        self.family.effect(field, observed, desired)
    }

    fn survey<'a>(&'a self, scope: &'a Scope) -> BoxFuture<'a, Result<Vec<Observed>>> {
        let number = self.surveys.fetch_add(1, Ordering::Relaxed) + 1;
        let flow = Flow::new(format!("survey {number}"), self.kind());
        flow.of(self.family.survey(scope)).boxed()
    }

    fn ensure<'a>(
        &'a self,
        scope: &'a Scope,
        desired: &'a Desired,
        observed: Option<&'a Observed>,
        progress: &'a Progress,
    ) -> BoxFuture<'a, Result<Observed>> {
        Flow::step(&desired.key).of(self.family.ensure(scope, desired, observed, progress)).boxed()
    }

    fn delete<'a>(&'a self, observed: &'a Observed, progress: &'a Progress) -> BoxFuture<'a, Result<()>> {
        match &observed.owner {
            Owner::Us(key) => Flow::step(key).of(self.family.delete(observed, progress)).boxed(),
            Owner::Other(_) => self.family.delete(observed, progress),
        }
    }

    fn find<'a>(&'a self, scope: &'a Scope, id: &'a str) -> BoxFuture<'a, Result<Option<Observed>>> {
        self.family.find(scope, id)
    }

    fn adopt<'a>(
        &'a self,
        scope: &'a Scope,
        key: &'a Key,
        observed: &'a Observed,
    ) -> BoxFuture<'a, Result<()>> {
        self.family.adopt(scope, key, observed)
    }
}

/// The same store. Reading the history is a phase, and so are taking the lease, writing how the run ended, and releasing the
/// lease.
pub fn deployments(store: Arc<dyn DeploymentStore>) -> Arc<dyn DeploymentStore> {
    Arc::new(FlowingStore { store, is_leased: AtomicBool::new(false) })
}

struct FlowingStore {
    store: Arc<dyn DeploymentStore>,
    /// Whether the lease was taken: a call for it is for its end from then on.
    is_leased: AtomicBool,
}

impl FlowingStore {
    fn lease_flow(&self) -> Flow {
        let is_leased = self.is_leased.load(Ordering::Relaxed);
        Flow::new(if is_leased { "release of the lease" } else { "lease" }, "")
    }
}

impl DeploymentStore for FlowingStore {
    fn lease(&self) -> BoxFuture<'_, Result<Option<Lease>>> {
        self.lease_flow().of(self.store.lease()).boxed()
    }

    fn swap_lease<'a>(
        &'a self,
        expected: Option<&'a Lease>,
        new: Option<&'a Lease>,
    ) -> BoxFuture<'a, Result<Swap>> {
        let renews = new.is_some() && self.is_leased.load(Ordering::Relaxed);
        let flow = if renews { Flow::new(Flow::BESIDE, "renewal") } else { self.lease_flow() };
        let swapped = flow.of(self.store.swap_lease(expected, new));
        async move {
            let swap = swapped.await;
            if new.is_some() && matches!(swap, Ok(Swap::Done)) {
                self.is_leased.store(true, Ordering::Relaxed);
            }
            swap
        }
        .boxed()
    }

    fn record<'a>(&'a self, deployment: &'a Deployment) -> BoxFuture<'a, Result<()>> {
        let flow = match deployment.ended_at_millis {
            Some(_) => Flow::new("end of the history", ""),
            None => Flow::new(Flow::BESIDE, "history"),
        };
        flow.of(self.store.record(deployment)).boxed()
    }

    fn history(&self, limit: usize) -> BoxFuture<'_, Result<Vec<Deployment>>> {
        Flow::new("history for the estimate", "").of(self.store.history(limit)).boxed()
    }
}
