//! Whether local AWS tells of the alarms that it makes.

use std::collections::BTreeMap;

use aws_env::{Said, SdkConfig};
use aws_observability::{Alarms, queue_not_empty};
use resource::{Desired, Error, Family, Key, KeyError, Progress, Scope};
use uuid::Uuid;

use super::{Lacking, once};

/// Makes an alarm, lists it, and deletes it. Where it cannot be listed, alarms are lacking: a deploy would fail over its own.
/// LocalStack 4.14.0 answers so, in the protocol of the SDK for Rust, where an alarm has tags.
///
/// # Guarantees
/// Its name is none of an environment's.
pub(super) async fn keep_alarms(sdk: &SdkConfig, scope: &Scope) -> Lacking {
    let scope =
        Scope { project: "asked".to_owned(), environment: Uuid::new_v4().to_string(), ..scope.clone() };
    let words = match are_listed(&Alarms::new(&once(sdk)), &scope).await {
        Ok(None) => return Lacking::default(),
        Ok(Some(words)) => words,
        Err(error) => {
            // Whoever makes an alarm in earnest meets it again, and says so.
            tracing::debug!(?error, "could not tell whether alarms are kept");
            return Lacking::default();
        }
    };
    Lacking(BTreeMap::from([(Alarms::KIND, format!("It makes alarms, but does not tell of them: {words}"))]))
}

/// Why they are not; none where they are.
async fn are_listed(
    family: &Alarms,
    scope: &Scope,
) -> Result<Option<String>, Box<dyn std::error::Error + Send + Sync>> {
    let key: Result<Key, KeyError> = Key::new("asked", "alarm");
    let desired =
        Desired { key: key?, name: Some(scope.physical_name("alarm")), spec: queue_not_empty("asked") };
    let silent = Progress::silent();
    let made = family.ensure(scope, &desired, None, &silent).await?;
    let listed = family.survey(scope).await;
    family.delete(&made, &silent).await?;
    Ok(listed.err().as_ref().and_then(own_trouble))
}

/// What the emulator says of trouble of its own.
fn own_trouble(error: &Error) -> Option<String> {
    let said = error.source.downcast_ref::<Said>()?;
    (said.status >= 500).then(|| said.message.clone())
}
