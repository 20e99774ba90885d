//! Families of the in-memory cloud, made as real ones are: several calls a step, tags inside the create call, retries.

use std::{marker::PhantomData, sync::Arc, time::Duration};

use resource::{
    Class, Desired, Effect, Families, Family, IamAction, Key, Kind, Observed, Owner, Progress, Result, Scope,
    Spec,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::sleep;

use crate::cloud::{Cloud, Fields, Thing, World};

/// The fields of any thing: `fixed` cannot be changed in place, `forbidden` must not change, `late` is set by a call
/// of its own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct AnyFields(pub(crate) Fields);

impl Spec for AnyFields {
    fn effect(field: &str, _: &Value, _: &Value) -> Effect {
        match field {
            "fixed" => Effect::Replace,
            "forbidden" => Effect::Refuse("events would be lost".to_owned()),
            _ => Effect::Update,
        }
    }
}

/// What sets a kind apart.
pub(crate) trait Model: Send + Sync + 'static {
    const KIND: Kind;
    const REFERS_TO: &'static [Kind];
    /// Whether it has a name; without one, a create whose reply is lost makes two.
    const NAMED: bool = true;
    /// How many times it is described until it is usable.
    const SLOW: u32 = 0;
    /// Whether it cannot be deleted while others refer to it.
    const STRICT: bool = true;
}

macro_rules! model {
    ($name:ident, $kind:literal, $refers:expr $(, $constant:ident: $type:ty = $value:expr)*) => {
        pub(crate) struct $name;
        impl Model for $name {
            const KIND: Kind = Kind::new($kind);
            const REFERS_TO: &'static [Kind] = $refers;
            $(const $constant: $type = $value;)*
        }
    };
}

model!(Network, "Test::Network", &[], NAMED: bool = false);
model!(Table, "Test::Table", &[], SLOW: u32 = 2);
model!(Queue, "Test::Queue", &[Queue::KIND]);
model!(Role, "Test::Role", &[Table::KIND, Queue::KIND]);
model!(Function, "Test::Function", &[Role::KIND, Table::KIND], SLOW: u32 = 1, STRICT: bool = false);
model!(Mapping, "Test::Mapping", &[Function::KIND, Queue::KIND], NAMED: bool = false);

/// A family of the cloud's.
pub(crate) struct Things<M>(Cloud, PhantomData<M>);

pub(crate) fn families(cloud: &Cloud) -> Families {
    fn add<M: Model>(families: &mut Families, cloud: &Cloud) {
        families.insert(M::KIND, Arc::new(Things::<M>(cloud.clone(), PhantomData)));
    }
    let mut families = Families::new();
    add::<Network>(&mut families, cloud);
    add::<Table>(&mut families, cloud);
    add::<Queue>(&mut families, cloud);
    add::<Role>(&mut families, cloud);
    add::<Function>(&mut families, cloud);
    add::<Mapping>(&mut families, cloud);
    families
}

pub(crate) fn observed(thing: &Thing) -> Observed<AnyFields> {
    Observed {
        id: thing.id.clone(),
        name: thing.name.clone(),
        owner: thing.owner.clone(),
        spec: AnyFields(thing.fields.clone()),
        outputs: [
            ("arn".to_owned(), format!("arn:test:{}", thing.id)),
            ("revision".to_owned(), format!("{}:{}", thing.id, thing.revision)),
        ]
        .into(),
        created: Some(thing.created.clone()),
        pending: (thing.busy > 0).then(|| "CREATING".to_owned()),
    }
}

impl<M: Model> Things<M> {
    async fn create(&self, desired: &Desired<AnyFields>) -> Result<String> {
        let create = |world: &mut World| {
            world.made += 1;
            let id = desired.name.clone().unwrap_or_else(|| format!("id-{:03}", world.made));
            let mut fields = desired.spec.0.clone();
            fields.remove("late");
            let created = format!("{:06}", world.made);
            let owner = Owner::Us(desired.key.clone());
            let thing = Thing {
                id: id.clone(),
                name: desired.name.clone(),
                owner,
                fields,
                created,
                revision: 0,
                busy: M::SLOW,
            };
            world.create(&M::KIND, thing).map(|()| id)
        };
        let of = desired.key.as_str();
        match self.0.call("Create", of, true, create).await {
            // As the SDK does: it cannot know whether the first call took effect.
            Err(error) if error.class == Class::RetryLater => self.0.call("Create", of, true, create).await,
            result => result,
        }
    }

    async fn describe(&self, id: &str) -> Result<Option<Observed<AnyFields>>> {
        let describe = |world: &mut World| {
            Ok(world.get(&M::KIND, id).map(|thing| {
                thing.busy = thing.busy.saturating_sub(1);
                observed(thing)
            }))
        };
        self.0.call("Describe", id, false, describe).await
    }

    async fn usable(&self, id: &str, progress: &Progress) -> Result<Observed<AnyFields>> {
        loop {
            match self.describe(id).await? {
                Some(observed) if observed.pending.is_none() => return Ok(observed),
                Some(_) => progress.note("waiting until it is usable"),
                None => return Err(resource::Error::new("Describe", id, Class::NotFound, "it is gone")),
            }
            sleep(Duration::from_secs(5)).await;
        }
    }
}

impl<M: Model> Family for Things<M> {
    type Spec = AnyFields;
    const KIND: Kind = M::KIND;
    const REFERS_TO: &'static [Kind] = M::REFERS_TO;
    const RENEWED: &'static [&'static str] = &["revision"];
    const ACTIONS: &'static [IamAction] = &[];

    async fn survey(&self, _: &Scope) -> Result<Vec<Observed<AnyFields>>> {
        let list =
            |world: &mut World| Ok(world.things.get(&M::KIND).into_iter().flatten().map(observed).collect());
        self.0.call("List", M::KIND.as_str(), false, list).await
    }

    async fn ensure(
        &self,
        _: &Scope,
        desired: &Desired<AnyFields>,
        seen: Option<&Observed<AnyFields>>,
        progress: &Progress,
    ) -> Result<Observed<AnyFields>> {
        let id = match seen {
            Some(seen) => seen.id.clone(),
            None => match (self.create(desired).await, &desired.name) {
                (Err(error), Some(name)) if error.class == Class::AlreadyExists => name.clone(),
                (id, _) => id?,
            },
        };
        let there = self.usable(&id, progress).await?;
        if there.spec == desired.spec {
            return Ok(there);
        }
        let update = |world: &mut World| {
            world.references_exist(&desired.spec.0)?;
            let thing = world.get(&M::KIND, &id).ok_or_else(|| (Class::NotFound, "it is gone".to_owned()))?;
            thing.fields = desired.spec.0.clone();
            thing.revision += 1;
            Ok(())
        };
        self.0.call("Update", desired.key.as_str(), true, update).await?;
        self.usable(&id, progress).await
    }

    async fn delete(&self, seen: &Observed<AnyFields>, _: &Progress) -> Result<()> {
        let delete = |world: &mut World| {
            if world.all().any(|(kind, thing)| {
                *kind == M::KIND && thing.name.as_deref() == Some(DEPLOYMENTS) && thing.id == seen.id
            }) {
                world.lease = None;
                world.history.clear();
            }
            world.delete(&M::KIND, &seen.id, M::STRICT)
        };
        self.0.call("Delete", &seen.id, true, delete).await?;
        let seconds = seen.spec.0.get("secondsToDelete").and_then(Value::as_u64).unwrap_or_default();
        sleep(Duration::from_secs(seconds)).await;
        Ok(())
    }

    async fn find(&self, _: &Scope, id: &str) -> Result<Option<Observed<AnyFields>>> {
        self.describe(id).await
    }

    async fn adopt(&self, _: &Scope, key: &Key, seen: &Observed<AnyFields>) -> Result<()> {
        let tag = |world: &mut World| {
            let thing =
                world.get(&M::KIND, &seen.id).ok_or_else(|| (Class::NotFound, "it is gone".to_owned()))?;
            thing.owner = Owner::Us(key.clone());
            Ok(())
        };
        self.0.call("Tag", &seen.id, true, tag).await
    }
}

/// The name of the table that holds lease and history.
pub(crate) const DEPLOYMENTS: &str = "headwater-dev-deployments";
