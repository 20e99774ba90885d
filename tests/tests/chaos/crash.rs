//! Runs that end at any of their calls, whose answers are lost, or that are suspended; and the next run.

use anyhow::Result;
use end_to_end::chaos::{Row, Settings, Size, Slice, crash, suspended};

const SMOKE: Settings<'_> =
    Settings { size: Size::Smoke, seed: 1, only: None, slice: Slice::WHOLE, progress: &|_| () };

fn assert_all_held(rows: &[Row]) {
    let failures: Vec<_> = rows.iter().flat_map(|row| &row.failures).collect();
    assert!(failures.is_empty(), "{failures:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_a_run_leaves_that_ends_at_any_call_the_next_mends_and_the_one_after_it_has_nothing_to_do()
-> Result<()> {
    assert_all_held(&crash::run(&SMOKE).await?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_that_wakes_after_its_lease_was_taken_changes_nothing_more() -> Result<()> {
    assert_all_held(&suspended::run(&SMOKE).await?);
    Ok(())
}
