//! Faults by chance.

use anyhow::Result;
use end_to_end::chaos::{Settings, Size, Slice, random};

#[tokio::test]
async fn deploys_and_destroys_that_meet_random_faults_leave_what_others_leave() -> Result<()> {
    let rows = random::run(&Settings {
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
