//! Which class of error kept a call from an answer.

use std::error::Error;
use std::io;

use event::call::ErrorClass;

/// Says which class an error of the called service is of.
///
/// [`Sources`] does so for errors that are [`std::error::Error`]; any closure `Fn(&E) -> ErrorClass` is one, too.
pub trait Classify<E> {
    /// The class of `error`.
    fn classify(&self, error: &E) -> ErrorClass;
}

/// Classes an error by [`error_class`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Sources;

impl<E: Error + 'static> Classify<E> for Sources {
    fn classify(&self, error: &E) -> ErrorClass {
        error_class(error)
    }
}

impl<E, F: Fn(&E) -> ErrorClass> Classify<E> for F {
    fn classify(&self, error: &E) -> ErrorClass {
        self(error)
    }
}

/// The class of an error: the first of it and its sources that tells one.
///
/// It knows the errors of std, tokio, hyper and hyper-util by their types, and the timeouts and the load shedding of tower and
/// reqwest by their words.
pub fn error_class(error: &(dyn Error + 'static)) -> ErrorClass {
    first(error, exact).or_else(|| first(error, broad)).unwrap_or(ErrorClass::Other)
}

/// What `tells` says of the first link of the chain of which it says anything.
fn first(
    error: &(dyn Error + 'static),
    tells: impl Fn(&(dyn Error + 'static)) -> Option<ErrorClass>,
) -> Option<ErrorClass> {
    let mut link = Some(error);
    while let Some(error) = link {
        if let Some(class) = tells(error) {
            return Some(class);
        }
        link = error.source();
    }
    None
}

fn exact(error: &(dyn Error + 'static)) -> Option<ErrorClass> {
    if let Some(error) = error.downcast_ref::<hyper_util::client::legacy::Error>() {
        return error.is_connect().then_some(ErrorClass::Connect);
    }
    if let Some(error) = error.downcast_ref::<io::Error>() {
        return of_io(error.kind());
    }
    if let Some(error) = error.downcast_ref::<hyper::Error>() {
        return error.is_timeout().then_some(ErrorClass::Timeout);
    }
    if error.is::<tokio::time::error::Elapsed>() {
        return Some(ErrorClass::Timeout);
    }
    // What has a type in a crate, or behind a feature, that is not ours to ask for.
    match error.to_string().as_str() {
        "request timed out" | "operation timed out" => Some(ErrorClass::Timeout),
        "service overloaded" => Some(ErrorClass::Overloaded),
        _ => None,
    }
}

fn of_io(kind: io::ErrorKind) -> Option<ErrorClass> {
    use io::ErrorKind::*;
    match kind {
        TimedOut => Some(ErrorClass::Timeout),
        ConnectionRefused | HostUnreachable | NetworkUnreachable | NetworkDown | AddrNotAvailable => {
            Some(ErrorClass::Connect)
        }
        ConnectionReset | ConnectionAborted | BrokenPipe | NotConnected | UnexpectedEof => {
            Some(ErrorClass::Connection)
        }
        _ => None,
    }
}

/// Where nothing in the chain says more: hyper's errors are of the connection, unless one side broke the protocol.
fn broad(error: &(dyn Error + 'static)) -> Option<ErrorClass> {
    let error = error.downcast_ref::<hyper::Error>()?;
    (!error.is_parse() && !error.is_user()).then_some(ErrorClass::Connection)
}
