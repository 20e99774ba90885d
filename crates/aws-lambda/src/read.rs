//! Reading what Lambda answers into our own types.

use resource::{Class, Error, Result};
use serde::de::{DeserializeOwned, IntoDeserializer, value::Error as NotOneOfThem};

/// One of the names that `T` knows.
pub(crate) fn name<T: DeserializeOwned>(operation: &'static str, resource: &str, text: &str) -> Result<T> {
    T::deserialize(text.into_deserializer())
        .map_err(|error: NotOneOfThem| Error::new(operation, resource, Class::Fatal, error))
}

/// What is not found is `None`.
pub(crate) fn found<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.class == Class::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
