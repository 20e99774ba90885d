//! Each action that the families call is taken from the deploy role's policies, alone: a run without it ends, and says which
//! action it was denied. So none is there for nothing.

use std::{collections::BTreeSet, fmt::Write, path::Path, time::Instant};

use anyhow::{Context, Result, ensure};
use blueprint::configuration::Configuration;
use futures::{StreamExt, TryStreamExt, stream};
use headwater::{commands::bootstrap::documents, packages::Packages, session::Session};
use resource::{IamAction, Kind, Need};

use crate::{
    cases::{CASES, Case},
    life::{Phase, Stage},
    show,
    unswept::{self, UNSWEPT},
    widened,
};

/// How many emulators there are at a time.
const AT_ONCE: usize = 3;

/// What came of a run without an action.
struct Row {
    action: &'static str,
    kind: &'static str,
    /// In which part it ended, and what was said.
    ended: Option<(Phase, String)>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_without_an_action_ends_and_names_it() -> Result<()> {
    let begun = Instant::now();
    let swept: Vec<(Vec<Row>, BTreeSet<&str>)> =
        stream::iter(CASES)
            .map(|case| async move {
                sweep(case).await.with_context(|| format!("{} {:?}", case.kind, case.subjects))
            })
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await?;
    let (rows, needed): (Vec<_>, Vec<_>) = swept.into_iter().unzip();
    let mut rows: Vec<Row> = rows.into_iter().flatten().collect();
    rows.sort_by_key(|row| (row.action, row.kind));
    show(&format!(
        "{}\n{} runs in {} s\n\n{}\n{}",
        table(&rows),
        rows.len(),
        begun.elapsed().as_secs(),
        unswept::report(session()?.actions().into_iter()),
        widened::report()
    ))?;

    let unnamed: Vec<_> = rows
        .iter()
        .filter_map(|row| row.ended.as_ref().map(|(_, said)| (row.action, said)))
        .filter(|(action, said)| !said.contains(&format!("{action} was denied")))
        .collect();
    assert!(unnamed.is_empty(), "these do not name the action: {unnamed:#?}");
    let unrefused: BTreeSet<_> =
        rows.iter().filter(|row| row.ended.is_none()).map(|row| (row.kind, row.action)).collect();
    let listed: BTreeSet<_> =
        UNSWEPT.iter().flat_map(|one| one.actions.iter().map(|action| (one.kind, *action))).collect();
    let surplus: Vec<_> = unrefused.difference(&listed).collect();
    assert!(surplus.is_empty(), "no run needs these, and `unswept.rs` does not say why: {surplus:#?}");
    let proven: Vec<_> = listed.difference(&unrefused).collect();
    assert!(proven.is_empty(), "these are swept, so they do not belong in `unswept.rs`: {proven:#?}");
    let needed: BTreeSet<_> = needed.into_iter().flatten().collect();
    let reached = rows.iter().filter(|row| row.ended.is_some()).map(|row| row.action);
    let vain: Vec<_> =
        reached.filter(|action| widened::is_wide(action) && !needed.contains(action)).collect();
    assert!(vain.is_empty(), "the emulator evaluates these as they are: {vain:#?}");
    Ok(())
}

/// What came of the case's runs, each without one action; and which actions have to be widened for a whole life.
async fn sweep(case: &'static Case) -> Result<(Vec<Row>, BTreeSet<&'static str>)> {
    let mut stage = Stage::of(case).await?;
    let deploy = documents(stage.session())?.deploy;
    let granted = widened::widen(&deploy);
    let ended = stage.live(&granted).await?;
    ensure!(ended.is_none(), "with all actions it ends: {ended:?}");
    let (mut rows, mut needed) = (Vec::new(), BTreeSet::new());
    for action in stage.actions().iter().filter(|action| is_swept(action)) {
        let ended = stage.live(&widened::without(&granted, action.name)).await.context(action.name)?;
        let widened = ended.is_some() && widened::is_wide(action.name);
        if widened && stage.live(&widened::widen_but(&deploy, action.name)).await?.is_some() {
            needed.insert(action.name);
        }
        rows.push(Row { action: action.name, kind: case.kind, ended });
    }
    Ok((rows, needed))
}

/// Direct ones, in a policy at all.
fn is_swept(action: &IamAction) -> bool {
    matches!(action.need, Need::Read | Need::Write) && !action.within.is_empty()
}

fn table(rows: &[Row]) -> String {
    let mut text = format!("{:<51} {:<43} {:<8} {}\n", "without", "family", "ends in", "because");
    for Row { action, kind, ended } in rows {
        let (phase, said) = match ended {
            Some((phase, said)) => (phase.to_string(), first_words(said, action)),
            None => ("-".to_owned(), "see below"),
        };
        let _ = writeln!(text, "{action:<51} {kind:<43} {phase:<8} {said}");
    }
    text
}

/// The part of what was said that names the action, shortened.
fn first_words<'a>(said: &'a str, action: &str) -> &'a str {
    let line = said.lines().find(|line| line.contains(action)).unwrap_or(said).trim();
    let end = line.char_indices().nth(90).map_or(line.len(), |(at, _)| at);
    &line[..end]
}

/// The environment `local`, connected to nothing.
fn session() -> Result<Session> {
    let environment = Configuration::parse("", Path::new("headwater.toml"))?.environment("local")?;
    Ok(Session::unconnected(environment))
}

#[test]
fn every_family_is_swept() -> Result<()> {
    let families = session()?.families(&Packages::not_built());
    let kinds: BTreeSet<&str> = families.keys().map(Kind::as_str).collect();
    let swept: BTreeSet<&str> = CASES.iter().map(|case| case.kind).collect();
    assert_eq!(kinds, swept);
    Ok(())
}
