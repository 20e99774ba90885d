//! What settles in a moment, and how long it is waited for.

use std::time::Duration;

use aws_env::Patience;
use resource::{Class, Error, Key, Owner, Result};

/// For something just made that is not found yet, for two changes of one resource at once, and for a rate that many
/// resources share: CloudWatch takes three alarms a second.
pub(crate) const PATIENCE: Patience =
    Patience::new(Duration::from_millis(250), Duration::from_secs(2), Duration::from_secs(30));

/// That it is gone already is success.
pub(crate) fn gone<T>(result: Result<T>) -> Result<()> {
    match result {
        Err(error) if error.class != Class::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// What is not found is `None`.
pub(crate) fn found<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.class == Class::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whose something is that has no tags, where its name tells.
pub(crate) fn owner_by_name(key: Option<Key>) -> Owner {
    key.map_or_else(|| Owner::Other("with a name that holds no key".to_owned()), Owner::Us)
}

/// Adopts what has no tags, `name`, for `key`: it is ours by its name, or cannot become so.
pub(crate) fn adopt_by_name(operation: &'static str, owner: &Owner, key: &Key, name: &str) -> Result<()> {
    if *owner == Owner::Us(key.clone()) {
        return Ok(());
    }
    let fixed =
        format!("`{name}` has no tags that tell whose it is; only its name does, which holds another key");
    Err(Error::new(operation, key, Class::Fatal, fixed))
}
