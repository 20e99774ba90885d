//! What Cloud Map does behind a call that has ended.

use std::{future::Future, time::Duration};

use aws_env::{At, Patience, retry_while, wait_until};
use aws_sdk_servicediscovery::{
    Client,
    types::{Operation, OperationStatus},
};
use resource::{Class, Error, Progress, Result};

/// A namespace takes a minute or so, since Route 53 makes its zone. AWS names no bound.
const OPERATION: Patience =
    Patience::new(Duration::from_millis(250), Duration::from_secs(5), Duration::from_secs(600));

/// All operations are eventually consistent, and AWS names no time.
pub(crate) const SPREAD: Patience =
    Patience::new(Duration::from_millis(250), Duration::from_secs(2), Duration::from_secs(60));

/// Who asks for something to be done to what.
#[derive(Clone, Copy)]
pub(crate) struct Job<'a> {
    pub(crate) client: &'a Client,
    /// The call, by IAM's name for it.
    pub(crate) operation: &'static str,
    /// A resource's key or id.
    pub(crate) resource: &'a str,
    pub(crate) progress: &'a Progress,
}

impl Job<'_> {
    /// Asks by `submit`, which gives the operation's id, again for as long as another operation is in the way, and waits
    /// until what was asked for is done.
    ///
    /// # Errors
    /// What `submit` fails with, and, with Cloud Map's own words, an operation that failed.
    pub(crate) async fn carry_out<F>(self, submit: impl FnMut() -> F) -> Result<()>
    where
        F: Future<Output = Result<Option<String>>>,
    {
        let waits_for = "Cloud Map to finish what it is at";
        let submitted = retry_while(&OPERATION, self.progress, waits_for, is_busy, submit).await?;
        match submitted {
            Some(id) => self.wait(&id).await,
            None => Ok(()),
        }
    }

    async fn wait(self, id: &str) -> Result<()> {
        let Self { operation, resource, progress, .. } = self;
        let waits_for = format!("operation {id} of Cloud Map");
        wait_until(&OPERATION, progress, operation, resource, &waits_for, || async {
            match self.poll(id).await {
                Ok(Some(done)) => self.outcome(&done),
                Ok(None) => Ok(None),
                // It was submitted just now, and is not known everywhere yet.
                Err(error) if error.class == Class::NotFound => Ok(None),
                Err(error) => Err(error),
            }
        })
        .await
    }

    async fn poll(self, id: &str) -> Result<Option<Operation>> {
        let got = self.client.get_operation().operation_id(id).send().await;
        Ok(got.at("servicediscovery:GetOperation", self.resource)?.operation)
    }

    fn outcome(self, done: &Operation) -> Result<Option<()>> {
        match done.status() {
            Some(OperationStatus::Success) => Ok(Some(())),
            Some(OperationStatus::Fail) => {
                let code = done.error_code().unwrap_or("no code");
                let text =
                    format!("{code}: {}", done.error_message().unwrap_or("Cloud Map does not say why"));
                Err(Error::new(self.operation, self.resource, Class::Fatal, text))
            }
            _ => Ok(None),
        }
    }
}

/// Another operation on the same resource runs, or what the resource holds is still being removed.
fn is_busy(error: &Error) -> bool {
    error.class == Class::Conflict || error.says("DuplicateRequest")
}
