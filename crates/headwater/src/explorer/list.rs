//! The list of requests: those that fit a filter, or what has changed of them since the page asked last.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Query, State},
};
use flow::Flow;

use super::{
    Explored,
    api::{self, Row},
    held::Snapshot,
    problem::Problem,
    window::Asked,
};

/// What is looked at where nobody says otherwise.
pub(super) const SINCE: &str = "15m";

/// Answers the question for the list.
pub(super) async fn requests(
    State(explored): State<Arc<Explored>>,
    Query(list): Query<api::List>,
) -> Result<Json<api::Requests>, Problem> {
    let asked = Asked {
        since: list.since.clone().unwrap_or_else(|| SINCE.to_owned()),
        until: list.until.clone(),
        event_type: list.r#type.clone(),
        source: list.source.clone(),
    };
    let snapshot = explored.at(&asked).await?;
    let answer = tokio::task::spawn_blocking(move || select(&snapshot, &list)).await;
    Ok(Json(answer.map_err(anyhow::Error::from)?))
}

fn select(snapshot: &Snapshot, list: &api::List) -> api::Requests {
    let after = list.after.filter(|after| *after >= snapshot.born);
    let changed = snapshot.shown.iter().filter(|shown| after.is_none_or(|after| shown.version > after));
    let (fits, others): (Vec<_>, Vec<_>) = changed.partition(|shown| list.fits(&shown.row, &shown.flow));
    let gone = snapshot.gone.iter().filter(|(version, _)| after.is_some_and(|after| *version > after));
    // One that is gone may have come back.
    let gone = gone.map(|(_, id)| id).filter(|id| !fits.iter().any(|shown| shown.row.id == **id));
    let removed = match after {
        Some(_) => others.iter().map(|shown| &shown.row.id).chain(gone).cloned().collect(),
        None => Vec::new(),
    };
    api::Requests {
        version: snapshot.version,
        reset: after.is_none(),
        rows: fits.into_iter().map(|shown| shown.row.clone()).collect(),
        removed,
        names: snapshot.names.clone(),
        culprit: snapshot
            .services()
            .services
            .first()
            .filter(|one| one.culprit > 0)
            .map(|one| one.name.clone()),
        read: snapshot.read.clone(),
    }
}

impl api::List {
    fn fits(&self, row: &Row, flow: &Flow) -> bool {
        let is =
            |wanted: &Option<String>, value: &str| wanted.as_deref().is_none_or(|wanted| wanted == value);
        let any = |wanted: &Option<String>, mut values: &mut dyn Iterator<Item = &str>| {
            wanted.as_deref().is_none_or(|wanted| (&mut values).any(|value| value == wanted))
        };
        self.request.as_deref().is_none_or(|part| row.id.contains(part.trim()))
            && self.outcome.is_none_or(|outcome| row.outcome == outcome)
            && is(&self.culprit, row.culprit.as_deref().unwrap_or_default())
            && any(&self.r#type, &mut flow.entries.iter().map(|entry| &*entry.r#type))
            && any(&self.source, &mut flow.entries.iter().map(|entry| &*entry.source))
            && any(&self.service, &mut flow.calls.iter().map(|call| &*call.service))
    }
}
