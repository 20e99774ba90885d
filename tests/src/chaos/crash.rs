//! The crash sweep: a command ends at its call k, or the answer of that call is lost, for every k. Whatever it left, the next run
//! makes it as it should be, and the one after that has nothing to do.
//!
//! Calls that read need not be met each ([`Size::Changes`]): what a run leaves in AWS depends on its changes alone. It keeps
//! nothing elsewhere, a killed one leaves what the change before left, and one that is told to stop ends the steps that it has
//! begun, which is decided by no call that reads. Only which calls are under way at once differs from run to run.
//!
//! Commands come in pairs, of which each leads to where the other begins: what is deployed is destroyed, what is updated is set
//! back. So each harmed run begins where the one before it was mended, and nothing has to be made for it.

mod case;
mod course;
mod history;
mod track;

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use anyhow::{Context, Result, ensure};

use super::{Row, Settings, Size};
use case::{Case, Harm, Met};
use course::Course;
use track::{Begun, TRACKS, Track};

/// How many labs there are at once: an emulator has one thread, and what calls it another.
const WORKERS: usize = 2;

/// A part of the sweep, which has a lab of its own.
#[derive(Clone)]
struct Part {
    track: &'static Track,
    harms: Vec<Harm>,
}

/// Sweeps.
///
/// # Errors
/// A lab cannot be made, or what its commands do fails without any harm.
pub async fn run(settings: &Settings<'_>) -> Result<Vec<Row>> {
    let parts = TRACKS.iter().flat_map(|track| {
        let wanted = Harm::ALL.into_iter().filter(|harm| track.is_wanted(*harm, settings));
        match settings.size {
            Size::Smoke => vec![Part { track, harms: wanted.collect() }],
            Size::Changes | Size::Full => wanted.map(|harm| Part { track, harms: vec![harm] }).collect(),
        }
    });
    let parts: Vec<_> = parts.filter(|part| !part.harms.is_empty()).collect();
    ensure!(!parts.is_empty(), "no row has that in its name");
    let waiting: Mutex<VecDeque<_>> = Mutex::new(parts.into_iter().enumerate().collect());
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    let work = || async {
        let mut swept = Vec::new();
        while let Some((place, part)) = next() {
            swept.push((place, sweep(&part, settings).await?));
        }
        anyhow::Ok(swept)
    };
    let mut swept = futures::future::try_join_all((0..WORKERS).map(|_| work())).await?.concat();
    swept.sort_by_key(|(place, _)| *place);
    Ok(swept.into_iter().flat_map(|(_, rows)| rows).collect())
}

/// Harms the two commands of a track by turns, until there is no call left.
async fn sweep(part: &Part, settings: &Settings<'_>) -> Result<Vec<Row>> {
    let mut courses: Option<[Course; 2]> = None;
    loop {
        let mut begun = Begun::new(part.track).await.context("before any harm")?;
        let courses = courses.get_or_insert_with(|| {
            [0, 1].map(|place| {
                let (leg, undisturbed) = (&part.track.legs[place], &begun.undisturbed[place]);
                Course::of(leg, &part.harms, &undisturbed.changing, settings)
            })
        });
        // After a failure a lab is nothing to begin from.
        while go_round(&mut begun, courses, settings).await? {}
        if courses.iter().all(Course::is_done) {
            return Ok(courses.iter().flat_map(Course::rows).collect());
        }
    }
}

/// One turn, each command once. Returns whether there is another in this lab.
async fn go_round(begun: &mut Begun, courses: &mut [Course; 2], settings: &Settings<'_>) -> Result<bool> {
    for place in 0..courses.len() {
        if courses.iter().all(Course::is_done) {
            return Ok(false);
        }
        let course = &mut courses[place];
        begun.configure(course.leg.knobs).await?;
        if course.is_done() {
            begun.lab.apply(course.leg.mode).await?;
        }
        while let Some((harm, at)) = course.next() {
            let case = Case {
                lab: &begun.lab,
                leg: course.leg,
                harm,
                place: at,
                // The other command ends where this one begins.
                before: &begun.undisturbed[1 - place].inventory,
                undisturbed: &begun.undisturbed[place].inventory,
                contents: begun.contents.as_ref(),
            };
            let started = Instant::now();
            let ended = case.run().await;
            let (is_broken, is_there) = (ended.is_err(), !matches!(ended, Ok(Met::Early)));
            course.note(ended, started.elapsed(), settings);
            if is_broken {
                return Ok(false);
            }
            if is_there {
                break;
            }
        }
    }
    Ok(true)
}
