//! Persistent subscriptions: which there are, kept in a stream of the store itself, so that they outlive a restart.

pub(crate) mod actor;
pub(crate) mod group;
pub(crate) mod settings;
pub(crate) mod source;
#[cfg(test)]
mod tests;
mod window;

use std::{collections::BTreeMap, sync::Arc};

use actor::{Command, Handle};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use settings::{Name, Settings};
use tokio::sync::{Mutex, mpsc};

use crate::database::{Database, Unavailable, WriteError};

/// The stream whose last event says which subscriptions there are.
const CONFIGURATION_STREAM: &str = "$persistentSubscriptionConfig";
const CONFIGURATION_TYPE: &str = "$PersistentConfig";

/// Why the subscriptions could not be started.
#[derive(Debug, thiserror::Error)]
pub enum PersistentSubscriptionsError {
    /// What the stream `$persistentSubscriptionConfig` says was written by something else.
    #[error("the last event of {CONFIGURATION_STREAM} is not a configuration of this server")]
    Configuration(#[source] serde_json::Error),
    /// The store cannot be read.
    #[error("the store cannot be read: {0}")]
    Unavailable(String),
}

/// Why a subscription was not made, changed or found.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GroupError {
    #[error("it exists")]
    Exists,
    #[error("it does not exist")]
    DoesNotExist,
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl From<Unavailable> for GroupError {
    fn from(error: Unavailable) -> Self {
        Self::Write(error.into())
    }
}

/// All subscriptions. Clones are of the same ones.
#[derive(Clone, Debug)]
pub(crate) struct Groups {
    pub(crate) database: Database,
    /// Held while one is made, changed or deleted: the stored configuration is always that of all.
    running: Arc<Mutex<BTreeMap<Name, Handle>>>,
}

#[derive(Default, Serialize, Deserialize)]
struct Configuration {
    subscriptions: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    #[serde(flatten)]
    name: Name,
    settings: Settings,
}

impl Groups {
    /// Starts the subscriptions that the store says there are. It must be called in a tokio runtime.
    pub(crate) fn start(database: Database) -> Result<Self, PersistentSubscriptionsError> {
        let running = start_all(&database)?;
        Ok(Self { database, running: Arc::new(Mutex::new(running)) })
    }

    /// Makes a subscription.
    pub(crate) async fn create(&self, name: Name, settings: Settings) -> Result<(), GroupError> {
        let mut running = self.running.lock().await;
        if running.contains_key(&name) {
            return Err(GroupError::Exists);
        }
        let handle = Handle::start(self.database.clone(), name.clone(), settings)?;
        running.insert(name, handle);
        self.store(&running).await
    }

    /// Changes a subscription: its consumers are dropped, and it goes on from its checkpoint.
    pub(crate) async fn update(
        &self,
        name: Name,
        change: impl FnOnce(&Settings) -> Settings,
    ) -> Result<(), GroupError> {
        let mut running = self.running.lock().await;
        let old = running.remove(&name).ok_or(GroupError::DoesNotExist)?;
        let settings = change(&old.settings);
        old.stop().await;
        let handle = Handle::start(self.database.clone(), name.clone(), settings)?;
        running.insert(name, handle);
        self.store(&running).await
    }

    /// Ends a subscription, and forgets how far it was and what it parked.
    pub(crate) async fn delete(&self, name: &Name) -> Result<(), GroupError> {
        let mut running = self.running.lock().await;
        running.remove(name).ok_or(GroupError::DoesNotExist)?.stop().await;
        self.store(&running).await?;
        Ok(source::delete(&self.database, name).await?)
    }

    /// How to tell a subscription something.
    pub(crate) async fn get(&self, name: &Name) -> Result<mpsc::Sender<Command>, GroupError> {
        let running = self.running.lock().await;
        running.get(name).map(|handle| handle.commands.clone()).ok_or(GroupError::DoesNotExist)
    }

    /// All subscriptions, or those of a stream.
    pub(crate) async fn list(&self, stream: Option<&str>) -> Vec<(Name, mpsc::Sender<Command>)> {
        let running = self.running.lock().await;
        let asked = running.iter().filter(|(name, _)| stream.is_none_or(|stream| stream == name.stream));
        asked.map(|(name, handle)| (name.clone(), handle.commands.clone())).collect()
    }

    /// Ends all subscriptions and starts them again from their checkpoints.
    pub(crate) async fn restart(&self) -> Result<(), GroupError> {
        let mut running = self.running.lock().await;
        for (name, handle) in std::mem::take(&mut *running) {
            let settings = handle.settings.clone();
            handle.stop().await;
            running.insert(name.clone(), Handle::start(self.database.clone(), name, settings)?);
        }
        Ok(())
    }

    /// Ends all: each stores how far it is.
    pub(crate) async fn stop(&self) {
        let mut running = self.running.lock().await;
        for handle in std::mem::take(&mut *running).into_values() {
            handle.stop().await;
        }
    }

    async fn store(&self, running: &BTreeMap<Name, Handle>) -> Result<(), GroupError> {
        let entries = running.iter();
        let entries =
            entries.map(|(name, handle)| Entry { name: name.clone(), settings: handle.settings.clone() });
        let configuration = Configuration { subscriptions: entries.collect() };
        // A configuration has nothing in it that JSON could not say.
        let data = serde_json::to_vec(&configuration).unwrap_or_default();
        let event = source::proposed(CONFIGURATION_TYPE, data.into(), Bytes::new());
        Ok(source::append(&self.database, CONFIGURATION_STREAM.to_owned(), event).await?)
    }
}

fn start_all(database: &Database) -> Result<BTreeMap<Name, Handle>, PersistentSubscriptionsError> {
    let unavailable = |error: Unavailable| PersistentSubscriptionsError::Unavailable(error.to_string());
    let stored =
        database.read(|store, now| store.last_event(CONFIGURATION_STREAM, now)).map_err(unavailable)?;
    let configuration: Configuration = match stored {
        Some(record) => {
            serde_json::from_slice(&record.event.data).map_err(PersistentSubscriptionsError::Configuration)?
        }
        None => Configuration::default(),
    };
    let started = configuration.subscriptions.into_iter().map(|Entry { name, settings }| {
        let handle = Handle::start(database.clone(), name.clone(), settings)?;
        Ok((name, handle))
    });
    started.collect::<Result<_, Unavailable>>().map_err(unavailable)
}
