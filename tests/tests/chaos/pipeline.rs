//! The pipeline under load while everything goes wrong at once.

use anyhow::Result;
use end_to_end::chaos::{Settings, Size, Slice, pipeline};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_event_is_stored_and_relayed_once_and_poison_keeps_its_reason_whatever_fails_on_the_way()
-> Result<()> {
    let rows = pipeline::run(&Settings {
        size: Size::Smoke,
        seed: 1,
        only: None,
        slice: Slice::WHOLE,
        progress: &|_| (),
    })
    .await?;
    let failures: Vec<_> = rows.iter().flat_map(|row| &row.failures).collect();
    assert!(failures.is_empty(), "{failures:#?}");
    Ok(())
}
