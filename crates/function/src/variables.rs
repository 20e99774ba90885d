//! Environment variables, read with an error that says what each must hold.

use std::str::FromStr;

/// An environment variable that is missing or cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigurationError {
    /// It is not set, or empty.
    #[error("environment variable {name} is not set: it must hold {expected}")]
    Missing {
        /// The variable.
        name: &'static str,
        /// What it must hold.
        expected: String,
    },
    /// Its value cannot be used.
    #[error("environment variable {name} is `{value}`: it must hold {expected}")]
    Invalid {
        /// The variable.
        name: &'static str,
        /// What it holds.
        value: String,
        /// What it must hold.
        expected: String,
    },
}

/// The value as a `T` that is `allowed`.
///
/// # Errors
/// [`ConfigurationError::Invalid`].
pub fn parse<T: FromStr>(
    name: &'static str,
    value: String,
    expected: &str,
    allowed: impl Fn(&T) -> bool,
) -> Result<T, ConfigurationError> {
    match value.parse() {
        Ok(parsed) if allowed(&parsed) => Ok(parsed),
        _ => Err(ConfigurationError::Invalid { name, value, expected: expected.to_owned() }),
    }
}

/// The value, if it is a URL of http or https.
///
/// # Errors
/// [`ConfigurationError::Invalid`].
pub fn url(name: &'static str, value: String) -> Result<String, ConfigurationError> {
    let allowed = |url: &String| url.starts_with("https://") || url.starts_with("http://");
    parse(name, value, "an http or https URL", allowed)
}
