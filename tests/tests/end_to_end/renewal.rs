//! The certificate in the last days of its life.

use std::sync::Arc;

use anyhow::Result;
use aws_secrets::{DeletePolicy, Secrets};
use end_to_end::Local;
use headwater::load;
use resource::{Action, Family};
use time::{Duration, OffsetDateTime};

use crate::{DEFAULTS, eventstore};

/// A certificate that was made then ends in 25 days.
fn long_ago() -> OffsetDateTime {
    OffsetDateTime::now_utc() - Duration::days(340)
}

#[tokio::test]
async fn a_certificate_that_is_about_to_end_is_renewed_and_the_relay_goes_on() -> Result<()> {
    let mut local = Local::start(DEFAULTS).await?;
    let secrets = Secrets::new(&local.bench.session.sdk, DeletePolicy::Force);
    let today = local.bench.families.insert(Secrets::KIND, Arc::new(secrets.with_clock(long_ago)));
    local.deploy().await?;
    assert!(local.plan().await?.is_converged());
    let messages: Vec<_> = load::messages(20).collect();
    local.send(&messages[..10]).await?;
    local.expect_stored(&messages[..10]).await?;
    local.expect_relayed().await?;
    let before = eventstore::official_client(&local).await?;

    local.bench.families.extend(today.map(|today| (Secrets::KIND, today)));
    let plan = local.plan().await?;
    let steps: Vec<_> = plan.steps.iter().map(|step| (step.key.as_str(), step.action)).collect();
    assert_eq!(
        steps,
        [
            ("stateful/eventstore-certificate", Action::Update),
            ("stateful/eventstore-trust", Action::Update),
            ("eventstore/task-definition", Action::Update),
            ("eventstore/service", Action::Update),
        ]
    );
    assert_eq!(plan.steps[0].reason.as_deref(), Some("it is still `ends in 24 days`"));
    local.deploy().await?;
    assert!(local.plan().await?.is_converged());

    local.send(&messages[10..]).await?;
    local.expect_stored(&messages).await?;
    let relayed = local.expect_relayed().await?;
    let stream = relayed.keys().next().map(|request| format!("request-{request}")).unwrap_or_default();
    let after = eventstore::official_client(&local).await?;
    assert!(!eventstore::read(&after, &stream).await?.is_empty());
    assert!(eventstore::read(&before, &stream).await.is_err(), "the old authority is trusted still");
    Ok(())
}
