//! What went wrong, as people read it: the error, its causes, then what to do about it.

use std::{error::Error as StdError, io};

use blueprint::configuration;
use resource::Class;
use serde_json::json;

use crate::{
    actions::Actions,
    commands::{Exit, Interrupted},
    terminal::{BAD, FAINT, STRONG, WARNING, paint, say},
};

/// Prints `error` to standard error, as JSON where machines read. Where the reader of our output has gone away there is
/// nobody to tell.
pub fn print(error: &anyhow::Error, json: bool) {
    match exit(error) {
        Exit::Unread => {}
        _ if json => {
            let causes: Vec<_> = error.chain().map(ToString::to_string).collect();
            say(json!({"error": causes[0], "causes": causes[1..], "help": help(error)}));
        }
        Exit::Interrupted => say(paint(WARNING, format!("\n{error}"))),
        _ => {
            say(render(error));
            let annotations = Actions::here().map(|actions| actions.annotations(error));
            annotations.into_iter().flatten().for_each(say);
        }
    }
}

/// The error, its causes and the help, one below the other.
pub fn render(error: &anyhow::Error) -> String {
    // A mistake in the configuration brings its own layout, with the file's lines.
    if let Some(invalid @ configuration::Error::Invalid(_)) = error.downcast_ref() {
        return invalid.to_string().trim_end().to_owned();
    }
    let mut text = format!("{} {error}", paint(BAD, "error:"));
    let mut last = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        if cause != last {
            text.push_str(&format!("\n  {} {cause}", paint(FAINT, "because:")));
        }
        last = cause;
    }
    if let Some(help) = help(error) {
        text.push_str(&format!("\n\n{} {help}", paint(STRONG, "help:")));
    }
    text
}

/// What to do about it, by what lies beneath.
pub fn help(error: &anyhow::Error) -> Option<String> {
    if let Some(local) = error.chain().find_map(|cause| cause.downcast_ref::<localstack::Error>()) {
        return local.help();
    }
    if let Some(configuration::Error::Read { .. }) = error.downcast_ref() {
        return Some("run it where headwater.toml lies, or name the file with --config".to_owned());
    }
    if finds_no_table(error) {
        return Some("the environment is not deployed; `deploy` makes its table".to_owned());
    }
    let aws = error.chain().find_map(|cause| cause.downcast_ref::<resource::Error>())?;
    match aws.class {
        Class::Denied if aws.says("redential") || aws.says("ExpiredToken") || aws.says("security token") => {
            Some(
                "log in again (`aws sso login`), or set AWS_PROFILE or the environment's `profile`"
                    .to_owned(),
            )
        }
        Class::Denied => Some(format!(
            "the credentials in use need the permission `{}`; run the command again once they have it, it goes on where \
             it stopped",
            aws.operation
        )),
        Class::RetryLater if aws.says("tcp connect error") || aws.says("dns error") => {
            Some("nothing answers there; check the network and the endpoint (--endpoint-url)".to_owned())
        }
        Class::RetryLater => Some("run the command again: it goes on where it stopped".to_owned()),
        Class::Conflict => Some("wait until the other change is done, then run the command again".to_owned()),
        Class::NotFound | Class::AlreadyExists | Class::Fatal => None,
    }
}

/// Whether the journal's table is not there.
fn finds_no_table(error: &anyhow::Error) -> bool {
    let reads = |cause: &(dyn StdError + 'static)| {
        cause.is::<journal::ReadError>() || cause.is::<journal::TailError>()
    };
    let missing =
        |cause: &(dyn StdError + 'static)| cause.to_string().starts_with("ResourceNotFoundException");
    error.chain().any(reads) && error.chain().any(missing)
}

/// How a command ends with `error`.
pub fn exit(error: &anyhow::Error) -> Exit {
    let stopped = |cause: &(dyn StdError + 'static)| {
        cause.is::<Interrupted>()
            || matches!(cause.downcast_ref::<engine::RunError>(), Some(engine::RunError::Interrupted))
    };
    // Our own write to a pipe that was closed stands at the top; beneath another error it is a connection's.
    let unread =
        error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe);
    match unread {
        true => Exit::Unread,
        false if error.chain().any(stopped) => Exit::Interrupted,
        false => Exit::Failed,
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context;
    use resource::Error;

    use super::*;

    fn plain(error: &anyhow::Error) -> String {
        anstream::adapter::strip_str(&render(error)).to_string()
    }

    #[test]
    fn the_chain_is_printed_and_then_what_to_do() {
        let said = "AccessDenied: User: arn:aws:iam::111111111111:user/ann is not authorized to perform: sqs:CreateQueue";
        let denied = Error::new("sqs:CreateQueue", "stateful/event-queue", Class::Denied, said);
        let expired = Error::new(
            "sts:GetCallerIdentity",
            "the credentials in use",
            Class::Denied,
            "ExpiredToken: The token is expired",
        );
        let busy = Error::new(
            "dynamodb:UpdateTable",
            "stateful/journal",
            Class::RetryLater,
            "waited 600 s for the table to become ACTIVE, in vain",
        );
        let all = [denied, expired, busy]
            .map(|error| plain(&Err::<(), _>(error).context("the deploy of dev stopped").unwrap_err()));
        insta::assert_snapshot!(all.join("\n\n---\n"));
    }

    #[test]
    fn a_run_that_was_told_to_stop_has_not_failed() {
        assert_eq!(exit(&engine::RunError::Interrupted.into()), Exit::Interrupted);
        assert_eq!(exit(&Interrupted.into()), Exit::Interrupted);
        assert_eq!(exit(&anyhow::anyhow!("interrupted")), Exit::Failed);
    }

    #[test]
    fn an_endpoint_where_nothing_answers_is_to_be_checked() {
        let said =
            "dispatch failure: io error: client error (Connect): tcp connect error: Connection refused";
        let error = Error::new("sts:GetCallerIdentity", "the credentials in use", Class::RetryLater, said);
        insta::assert_snapshot!(
            help(&error.into()).unwrap(),
            @"nothing answers there; check the network and the endpoint (--endpoint-url)"
        );
    }

    #[test]
    fn output_that_nobody_reads_is_told_from_a_connection_that_broke() {
        let broken = || io::Error::from(io::ErrorKind::BrokenPipe);
        assert_eq!(exit(&anyhow::Error::from(broken()).context("writing")), Exit::Unread);
        let connection = Error::new("sqs:SendMessage", "the queue", Class::RetryLater, broken());
        assert_eq!(exit(&connection.into()), Exit::Failed);
    }

    #[test]
    fn a_configuration_that_is_not_there_is_named_with_the_reason() {
        let missing = crate::session::environment("nowhere/headwater.toml".as_ref(), "local").unwrap_err();
        insta::assert_snapshot!(plain(&missing));
    }
}
