//! The contract of a resource family: survey, ensure, delete, adopt.

use std::{collections::BTreeMap, fmt::Debug, future::Future, sync::Arc};

use futures::{FutureExt, future::BoxFuture};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{Class, Effect, Error, IamAction, Key, Kind, Result, Scope};

/// The fields of a resource that we set, as AWS names them.
///
/// The same struct is what a survey reads back, so a field that is set but not observed does not compile. Fields
/// serialize in camelCase; lists whose order means nothing are sorted; units stand in the names
/// (`visibilityTimeoutSeconds`).
pub trait Spec: Serialize + DeserializeOwned + Clone + Debug + PartialEq + Send + Sync + 'static {
    /// What it takes to change `field` (a path such as `environment.TABLE`) from `observed` to `desired`.
    fn effect(field: &str, observed: &Value, desired: &Value) -> Effect {
        let _ = (field, observed, desired);
        Effect::Update
    }
}

/// What a node of the blueprint wants of its family.
#[derive(Clone, Debug, PartialEq)]
pub struct Desired<S = Value> {
    /// The resource's key.
    pub key: Key,
    /// Its deterministic physical name; `None` where AWS makes the id and only tags identify it.
    pub name: Option<String>,
    /// The fields that it must have. A family gets them with every reference resolved.
    pub spec: S,
}

/// Whose a resource is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// It has our tags, with this key.
    Us(Key),
    /// It has not; the text says what it has instead.
    Other(String),
}

/// A resource that is there.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed<S = Value> {
    /// What AWS calls it: a name, URL, ARN or id, whichever its API takes.
    pub id: String,
    /// Its physical name, where its kind has names.
    pub name: Option<String>,
    /// Whose it is.
    pub owner: Owner,
    /// The fields that we would set, as they are.
    pub spec: S,
    /// What others may want to know of it: ARN, URL, stream ARN, version.
    pub outputs: BTreeMap<String, String>,
    /// When it was made, in RFC 3339 or whatever text AWS gives that sorts by time; of two with one key, the older
    /// is kept.
    pub created: Option<String>,
    /// What it is still busy with (`CREATING`, `UPDATING`, `Failed`): it needs a step though no field differs.
    pub pending: Option<String>,
}

/// Takes a sentence on what a step waits for, to be shown while it runs.
#[derive(Clone)]
pub struct Progress(Arc<dyn Fn(String) + Send + Sync>);

impl Progress {
    /// Progress that goes to `sink`.
    pub fn new(sink: impl Fn(String) + Send + Sync + 'static) -> Self {
        Self(Arc::new(sink))
    }

    /// Progress that nobody watches.
    pub fn silent() -> Self {
        Self::new(drop)
    }

    /// Tells what is being waited for.
    pub fn note(&self, text: impl Into<String>) {
        (self.0)(text.into());
    }
}

/// A resource family: everything that we know of one kind of AWS resource.
///
/// # Guarantees
/// Every method may be called again after it failed, was cancelled or was killed at any point, and continues from what
/// is there. What creates a resource writes our tags inside the create call where AWS takes them there.
///
/// # Assumptions
/// Nobody else changes the environment meanwhile: the executor holds the lease.
pub trait Family: Send + Sync + 'static {
    /// The fields of the family's resources.
    type Spec: Spec;

    /// The kind, by CloudFormation's name.
    const KIND: Kind;

    /// Whether other environments use the same resource, as ECS's service-linked role: it is ensured, and never deleted.
    const SHARED: bool = false;

    /// The kinds that a resource of this kind may refer to. Deletes run in the reverse of this order.
    const REFERS_TO: &'static [Kind];

    /// The [`Observed::outputs`] that an update in place may change, as a task definition's ARN. Who refers to one is
    /// planned for a change with it.
    const RENEWED: &'static [&'static str] = &[];

    /// The IAM actions that the methods below call, and those that AWS asks for besides.
    const ACTIONS: &'static [IamAction];

    /// Every resource of this kind that carries the environment's tags, and every one that carries a name which
    /// begins as the environment's do, whosever it is. One listing, then at most four describing calls a resource, all
    /// at once. What is being deleted is left out.
    fn survey(&self, scope: &Scope) -> impl Future<Output = Result<Vec<Observed<Self::Spec>>>> + Send;

    /// Makes the resource as it is desired, from what the survey saw of it: creates it where it was absent, changes
    /// what differs, waits until it is usable, and returns what is there then.
    fn ensure(
        &self,
        scope: &Scope,
        desired: &Desired<Self::Spec>,
        observed: Option<&Observed<Self::Spec>>,
        progress: &Progress,
    ) -> impl Future<Output = Result<Observed<Self::Spec>>> + Send;

    /// Deletes it, and returns when it is gone. That it is gone already is success.
    fn delete(
        &self,
        observed: &Observed<Self::Spec>,
        progress: &Progress,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Finds the resource that `id` (a name, ARN, URL or id of AWS) means, whosever it is.
    fn find(
        &self,
        scope: &Scope,
        id: &str,
    ) -> impl Future<Output = Result<Option<Observed<Self::Spec>>>> + Send;

    /// Writes our tags with this key to a resource that is there, so that it is ours from now on.
    fn adopt(
        &self,
        scope: &Scope,
        key: &Key,
        observed: &Observed<Self::Spec>,
    ) -> impl Future<Output = Result<()>> + Send;
}

/// A [`Family`] whose spec is erased to JSON: what the engine works with.
pub trait AnyFamily: Send + Sync {
    /// See [`Family::KIND`].
    fn kind(&self) -> Kind;
    /// See [`Family::SHARED`].
    fn is_shared(&self) -> bool;
    /// See [`Family::REFERS_TO`].
    fn refers_to(&self) -> &'static [Kind];
    /// See [`Family::RENEWED`].
    fn renewed(&self) -> &'static [&'static str];
    /// See [`Family::ACTIONS`].
    fn actions(&self) -> &'static [IamAction];
    /// The spec in the form that a survey gives it: read into the family's struct and written again, so that its sets
    /// are in order. One that does not fit the struct stays as it is: `ensure` says what is wrong with it.
    fn normal(&self, spec: Value) -> Value;
    /// See [`Spec::effect`].
    fn effect(&self, field: &str, observed: &Value, desired: &Value) -> Effect;
    /// See [`Family::survey`].
    fn survey<'a>(&'a self, scope: &'a Scope) -> BoxFuture<'a, Result<Vec<Observed>>>;
    /// See [`Family::ensure`].
    fn ensure<'a>(
        &'a self,
        scope: &'a Scope,
        desired: &'a Desired,
        observed: Option<&'a Observed>,
        progress: &'a Progress,
    ) -> BoxFuture<'a, Result<Observed>>;
    /// See [`Family::delete`].
    fn delete<'a>(&'a self, observed: &'a Observed, progress: &'a Progress) -> BoxFuture<'a, Result<()>>;
    /// See [`Family::find`].
    fn find<'a>(&'a self, scope: &'a Scope, id: &'a str) -> BoxFuture<'a, Result<Option<Observed>>>;
    /// See [`Family::adopt`].
    fn adopt<'a>(
        &'a self,
        scope: &'a Scope,
        key: &'a Key,
        observed: &'a Observed,
    ) -> BoxFuture<'a, Result<()>>;
}

/// The families, by kind.
pub type Families = BTreeMap<Kind, Arc<dyn AnyFamily>>;

/// Whether other environments use the same resources of that kind: see [`Family::SHARED`].
pub fn is_shared(families: &Families, kind: &Kind) -> bool {
    families.get(kind).is_some_and(|family| family.is_shared())
}

impl<S: Spec> Observed<S> {
    /// The same with its spec as JSON.
    ///
    /// # Errors
    /// [`Class::Fatal`] where the spec does not serialize.
    pub fn erase(self) -> Result<Observed> {
        let spec = serde_json::to_value(&self.spec).map_err(|error| shape(&self.id, error))?;
        let Self { id, name, owner, outputs, created, pending, .. } = self;
        Ok(Observed { id, name, owner, spec, outputs, created, pending })
    }
}

impl Observed {
    /// The same with its spec as the family's struct.
    fn typed<S: Spec>(&self) -> Result<Observed<S>> {
        let spec = serde_json::from_value(self.spec.clone()).map_err(|error| shape(&self.id, error))?;
        let Self { id, name, owner, outputs, created, pending, .. } = self.clone();
        Ok(Observed { id, name, owner, spec, outputs, created, pending })
    }
}

fn shape(resource: &str, error: serde_json::Error) -> Error {
    Error::new("headwater:ReadSpec", resource, Class::Fatal, error)
}

impl<F: Family> AnyFamily for F {
    fn kind(&self) -> Kind {
        F::KIND
    }

    fn is_shared(&self) -> bool {
        F::SHARED
    }

    fn refers_to(&self) -> &'static [Kind] {
        F::REFERS_TO
    }

    fn renewed(&self) -> &'static [&'static str] {
        F::RENEWED
    }

    fn actions(&self) -> &'static [IamAction] {
        F::ACTIONS
    }

    fn normal(&self, spec: Value) -> Value {
        let typed: Option<F::Spec> = serde_json::from_value(spec.clone()).ok();
        typed.and_then(|typed| serde_json::to_value(typed).ok()).unwrap_or(spec)
    }

    fn effect(&self, field: &str, observed: &Value, desired: &Value) -> Effect {
        F::Spec::effect(field, observed, desired)
    }

    fn survey<'a>(&'a self, scope: &'a Scope) -> BoxFuture<'a, Result<Vec<Observed>>> {
        async move { Family::survey(self, scope).await?.into_iter().map(Observed::erase).collect() }.boxed()
    }

    fn ensure<'a>(
        &'a self,
        scope: &'a Scope,
        desired: &'a Desired,
        observed: Option<&'a Observed>,
        progress: &'a Progress,
    ) -> BoxFuture<'a, Result<Observed>> {
        async move {
            let spec =
                serde_json::from_value(desired.spec.clone()).map_err(|e| shape(desired.key.as_str(), e))?;
            let desired = Desired { key: desired.key.clone(), name: desired.name.clone(), spec };
            let observed = observed.map(Observed::typed).transpose()?;
            Family::ensure(self, scope, &desired, observed.as_ref(), progress).await?.erase()
        }
        .boxed()
    }

    fn delete<'a>(&'a self, observed: &'a Observed, progress: &'a Progress) -> BoxFuture<'a, Result<()>> {
        async move { Family::delete(self, &observed.typed()?, progress).await }.boxed()
    }

    fn find<'a>(&'a self, scope: &'a Scope, id: &'a str) -> BoxFuture<'a, Result<Option<Observed>>> {
        async move { Family::find(self, scope, id).await?.map(Observed::erase).transpose() }.boxed()
    }

    fn adopt<'a>(
        &'a self,
        scope: &'a Scope,
        key: &'a Key,
        observed: &'a Observed,
    ) -> BoxFuture<'a, Result<()>> {
        async move { Family::adopt(self, scope, key, &observed.typed()?).await }.boxed()
    }
}
