//! Whether local AWS runs functions. One that makes and lists them may still have nothing to run them with, and says so only
//! when it is given one.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context, Result};
use aws_env::SdkConfig;
use aws_lambda::{EventSourceMappings, Functions};
use aws_sdk_lambda::{
    Client,
    primitives::Blob,
    types::{FunctionCode, Runtime, State},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use resource::{Family, Scope};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::{Lacking, once};

/// A zip with a `bootstrap` that ends at once: it has to be there, not to work.
const ZIP: &str = "UEsDBBQAAAAAAAAAIVCjt17aEQAAABEAAAAJAAAAYm9vdHN0cmFwIyEvYmluL3NoCmV4aXQgMQpQSwECFAMUAAAAAAAAACFQo7de2hEAAA\
                   ARAAAACQAAAAAAAAAAAAAA7QEAAAAAYm9vdHN0cmFwUEsFBgAAAAABAAEANwAAADgAAAAAAA==";
/// How long it may take to get what functions run in: an image of 60 MB, the first time.
const PATIENCE: Duration = Duration::from_secs(120);
const LOOK: Duration = Duration::from_millis(200);

/// Makes a function, waits whether it becomes ready to run, and deletes it. Where it does not, functions and what invokes
/// them are lacking.
///
/// # Guarantees
/// Its name is none of an environment's.
pub(super) async fn run_functions(sdk: &SdkConfig, scope: &Scope) -> Lacking {
    let client = Client::new(&once(sdk));
    let name = format!("asked-whether-functions-run-{}", Uuid::new_v4());
    let answer = becomes_ready(&client, scope, &name).await;
    // LocalStack does not find a function that it could not get ready; it goes with the emulator then.
    if let Err(error) = client.delete_function().function_name(&name).send().await {
        tracing::debug!(?error, "could not delete {name}");
    }
    let reason = match answer {
        Ok(None) => return Lacking::default(),
        Ok(Some(reason)) => reason,
        Err(error) => {
            // Whoever makes a function in earnest meets it again, and says so.
            tracing::debug!(?error, "could not tell whether functions run");
            return Lacking::default();
        }
    };
    let words = format!("It makes functions, but does not run them: {reason}");
    Lacking(BTreeMap::from([
        (<Functions as Family>::KIND, words.clone()),
        (<EventSourceMappings as Family>::KIND, words),
    ]))
}

/// Why it does not; none where it does.
async fn becomes_ready(client: &Client, scope: &Scope, name: &str) -> Result<Option<String>> {
    let zip = BASE64_STANDARD.decode(ZIP).context("the zip of the function is no base64")?;
    let create =
        client.create_function().function_name(name).runtime(Runtime::Providedal2023).handler("bootstrap");
    let create = create.role(format!("arn:aws:iam::{}:role/{name}", scope.account));
    create.code(FunctionCode::builder().zip_file(Blob::new(zip)).build()).send().await?;
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        let function = client.get_function_configuration().function_name(name).send().await?;
        match function.state {
            Some(State::Pending) => sleep(LOOK).await,
            Some(State::Failed) => {
                return Ok(Some(function.state_reason.unwrap_or_else(|| "it does not say why".to_owned())));
            }
            _ => return Ok(None),
        }
    }
    Ok(Some(format!("one was not ready within {} s", PATIENCE.as_secs())))
}
