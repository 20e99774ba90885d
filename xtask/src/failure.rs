//! Errors as people read them: what failed, why, and what to do.

use anyhow::Error;

/// A failure with something to do about it.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Failure {
    message: String,
    help: String,
}

impl Failure {
    pub(crate) fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: help.into() }
    }
}

/// The chain of an error, a cause a line, then the help that any of them has.
pub(crate) fn in_words(error: &Error) -> String {
    let mut words = format!("error: {error}\n");
    for cause in error.chain().skip(1) {
        words += &format!("  caused by: {cause}\n");
    }
    for failure in error.chain().filter_map(|cause| cause.downcast_ref::<Failure>()) {
        words += &format!("  help: {}\n", failure.help);
    }
    words
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn the_chain_comes_first_and_the_help_last() {
        let outcome: Result<(), Failure> = Err(Failure::new("no compiler", "install one"));
        let error = outcome.context("could not build `ingest`").unwrap_err();
        insta::assert_snapshot!(in_words(&error));
    }
}
