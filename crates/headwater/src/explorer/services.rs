//! The services: their calls over time, and which is at fault.

use std::{collections::HashMap, sync::Arc};

use axum::{
    Json,
    extract::{Query, State},
};
use flow::Flow;

use super::{
    Explored,
    api::{self, millis},
    held::Snapshot,
    list::SINCE,
    problem::Problem,
    window::Asked,
};

/// Into how many parts a period is cut.
const BUCKETS: usize = 40;
/// The most services that are shown: names come from events, so there may be any number of them.
const MOST: usize = 500;

/// Answers the question for the services.
pub(super) async fn services(
    State(explored): State<Arc<Explored>>,
    Query(period): Query<api::Period>,
) -> Result<Json<api::Services>, Problem> {
    let since = period.since.unwrap_or_else(|| SINCE.to_owned());
    let asked = Asked { since, until: period.until, event_type: None, source: None };
    let snapshot = explored.at(&asked).await?;
    let services = tokio::task::spawn_blocking(move || snapshot.services().clone()).await;
    Ok(Json(services.map_err(anyhow::Error::from)?))
}

/// The services of what is shown.
pub(super) fn of(snapshot: &Snapshot) -> api::Services {
    let flows: Vec<Flow> = snapshot.shown.iter().map(|shown| shown.flow.clone()).collect();
    let window = &snapshot.window;
    // Nothing is compared with the time before, which would have to be read for it.
    let before = flow::Window { since: window.since, until: window.since };
    let mut series: HashMap<_, _> =
        flow::series(&flows, window, BUCKETS).into_iter().map(|one| (one.service, one.buckets)).collect();
    let times_millis = series
        .values()
        .next()
        .map_or_else(Vec::new, |buckets| buckets.iter().map(|bucket| millis(bucket.since)).collect());
    let services = flow::services(&flows, window, &before).into_iter().take(MOST);
    let services = services.map(|one| {
        let buckets = series.remove(&one.service).unwrap_or_default();
        api::Service {
            evidence: one.evidence.map(|found| api::Evidence {
                request_id: found.request_id,
                caller: found.caller,
                method: found.method,
                route: found.route,
                started_millis: millis(found.started),
                because_of_it: found.because_of_it,
            }),
            name: one.service,
            figures: one.now,
            culprit: one.culprit + one.overloaded,
            overloaded: one.overloaded,
            buckets: buckets.into_iter().map(|bucket| bucket.figures).collect(),
        }
    });
    api::Services {
        times_millis,
        bucket_seconds: window.seconds() / BUCKETS as f64,
        services: services.collect(),
        read: snapshot.read.clone(),
    }
}
