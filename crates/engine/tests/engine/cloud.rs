//! The in-memory cloud: things with references between them, and faults by the number of the call.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use resource::{Class, Deployment, Error, Kind, Lease, Owner};
use serde_json::Value;
use tokio::{
    sync::Notify,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

pub(crate) type Fields = BTreeMap<String, Value>;

/// What a call meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It fails without effect.
    FailBefore,
    /// It takes effect, and its reply is lost.
    FailAfter,
    /// The process dies before the call is made.
    KillBefore,
    /// The process dies after the call took effect.
    KillAfter,
    /// There is never a reply, nor an effect.
    HangBefore,
    /// There is never a reply, but an effect.
    HangAfter,
    /// The user stops the run meanwhile.
    Stop,
    /// The family has a bug.
    Panic,
}

impl Fault {
    fn takes_effect(self) -> bool {
        matches!(self, Self::FailAfter | Self::KillAfter | Self::HangAfter | Self::Stop)
    }
}

/// A resource in the cloud.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Thing {
    pub(crate) id: String,
    pub(crate) name: Option<String>,
    pub(crate) owner: Owner,
    pub(crate) fields: Fields,
    pub(crate) created: String,
    /// How many times it was changed.
    pub(crate) revision: u32,
    /// How many times it still has to be described until it is usable.
    pub(crate) busy: u32,
}

impl Thing {
    pub(crate) fn refers_to(&self) -> impl Iterator<Item = &str> {
        self.fields.get("refersTo").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
    }
}

#[derive(Default)]
pub(crate) struct World {
    pub(crate) things: BTreeMap<Kind, Vec<Thing>>,
    pub(crate) lease: Option<Lease>,
    pub(crate) history: BTreeMap<String, Deployment>,
    pub(crate) calls: Vec<Call>,
    pub(crate) made: u32,
    /// Whether the store of lease and history does not answer.
    pub(crate) out_of_reach: bool,
    fault: Option<(usize, Fault)>,
}

/// A call that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) operation: &'static str,
    pub(crate) of: String,
    pub(crate) mutating: bool,
    pub(crate) at: Instant,
}

/// The cloud; clones are the same one.
#[derive(Clone, Default)]
pub(crate) struct Cloud {
    world: Arc<Mutex<World>>,
    killed: Arc<Notify>,
    stop: Arc<Mutex<CancellationToken>>,
}

/// Why the cloud refuses.
pub(crate) type Refused = (Class, String);

impl Cloud {
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    /// Lets the `call`-th call from now on meet a fault; returns the token that [`Fault::Stop`] cancels.
    pub(crate) fn arm(&self, call: usize, fault: Fault) {
        let mut world = self.world();
        world.calls.clear();
        world.fault = Some((call, fault));
    }

    /// Ends the faults; tells whether it was met.
    pub(crate) fn disarm(&self) -> bool {
        let mut world = self.world();
        let met = world.fault.take().is_some_and(|(call, _)| world.calls.len() > call);
        world.calls.clear();
        met
    }

    /// The token that [`Fault::Stop`] cancels, anew for each run.
    pub(crate) fn fresh_stop(&self) -> CancellationToken {
        let token = CancellationToken::new();
        *self.stop.lock().unwrap() = token.clone();
        token
    }

    /// Returns when the process dies.
    pub(crate) async fn killed(&self) {
        self.killed.notified().await;
    }

    pub(crate) fn mutations(&self) -> Vec<Call> {
        self.world().calls.iter().filter(|call| call.mutating).cloned().collect()
    }

    /// Makes a call that takes 10 ms there and 10 ms back.
    pub(crate) async fn call<T>(
        &self,
        operation: &'static str,
        of: &str,
        mutating: bool,
        effect: impl FnOnce(&mut World) -> Result<T, Refused>,
    ) -> resource::Result<T> {
        sleep(Duration::from_millis(10)).await;
        let (fault, result) = {
            let mut world = self.world();
            let number = world.calls.len();
            world.calls.push(Call { operation, of: of.to_owned(), mutating, at: Instant::now() });
            let fault = world.fault.filter(|(call, _)| *call == number).map(|(_, fault)| fault);
            let result = fault.is_none_or(Fault::takes_effect).then(|| effect(&mut world));
            (fault, result)
        };
        let failed = |class, text: &str| Error::new(operation, of, class, text.to_owned());
        match fault {
            Some(Fault::FailBefore) => return Err(failed(Class::RetryLater, "throttled")),
            Some(Fault::FailAfter) => return Err(failed(Class::RetryLater, "connection reset")),
            Some(Fault::KillBefore | Fault::KillAfter) => {
                self.killed.notify_one();
                std::future::pending().await
            }
            Some(Fault::HangBefore | Fault::HangAfter) => std::future::pending().await,
            Some(Fault::Panic) => panic!("index out of bounds"),
            Some(Fault::Stop) => self.stop.lock().unwrap().cancel(),
            None => {}
        }
        sleep(Duration::from_millis(10)).await;
        result.unwrap().map_err(|(class, text)| failed(class, &text))
    }
}

impl World {
    pub(crate) fn all(&self) -> impl Iterator<Item = (&Kind, &Thing)> {
        self.things.iter().flat_map(|(kind, things)| things.iter().map(move |thing| (kind, thing)))
    }

    pub(crate) fn get(&mut self, kind: &Kind, id: &str) -> Option<&mut Thing> {
        self.things.get_mut(kind)?.iter_mut().find(|thing| thing.id == id)
    }

    /// Makes a thing. Names are unique within a kind; without one there may be any number.
    pub(crate) fn create(&mut self, kind: &Kind, thing: Thing) -> Result<(), Refused> {
        self.references_exist(&thing.fields)?;
        let things = self.things.entry(kind.clone()).or_default();
        if thing.name.is_some() && things.iter().any(|other| other.name == thing.name) {
            return Err((Class::AlreadyExists, "the name is taken".to_owned()));
        }
        things.push(thing);
        Ok(())
    }

    pub(crate) fn references_exist(&self, fields: &Fields) -> Result<(), Refused> {
        let named = |name: &str| self.all().any(|(_, other)| other.name.as_deref() == Some(name));
        let missing = fields.get("refersTo").and_then(Value::as_array).into_iter().flatten();
        let missing: Vec<_> = missing.filter_map(Value::as_str).filter(|name| !named(name)).collect();
        if missing.is_empty() { Ok(()) } else { Err((Class::Fatal, format!("{missing:?} is not there"))) }
    }

    /// Deletes a thing that nothing refers to.
    pub(crate) fn delete(&mut self, kind: &Kind, id: &str, strict: bool) -> Result<(), Refused> {
        let user = self.all().find(|(_, other)| other.id != id && other.refers_to().any(|name| name == id));
        if let Some((_, user)) = user.filter(|_| strict) {
            return Err((Class::Conflict, format!("{id} is in use by {}", user.id)));
        }
        self.things.entry(kind.clone()).or_default().retain(|thing| thing.id != id);
        Ok(())
    }
}
