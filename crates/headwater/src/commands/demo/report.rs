//! What the demo shows in the end.

use std::{
    io::{self, Write},
    time::Duration,
};

use anyhow::Result;
use serde_json::json;

use super::{
    services::{A, B},
    stage::{GATEWAY, Stage},
    traffic::Answer,
    trouble::Trouble,
};
use crate::{
    cli,
    commands::{Run, flow, services},
    local::Local,
    terminal::{self, BAD, FAINT, GOOD, STRONG, columns, counted, duration, grouped, paint},
};

/// What came of it.
pub(super) struct Report {
    /// The answers to all requests.
    pub(super) answers: Vec<Answer>,
    /// How long they took.
    pub(super) took: Duration,
    /// How many events came to the journal.
    pub(super) events: u64,
    /// How long after the last answer they were all there.
    pub(super) behind: Duration,
    /// What `services` says.
    pub(super) services: services::Report,
}

/// Where one may look further.
pub(super) struct Places<'a> {
    /// Local AWS.
    pub(super) local: &'a Local,
    /// The gateway.
    pub(super) stage: &'a Stage,
    /// The explorer.
    pub(super) explorer: Option<&'a str>,
}

impl Report {
    /// Whom the journal names: who was the first to fail in a request.
    fn culprits(&self) -> Vec<&str> {
        let culprits = self.services.services.iter().filter(|service| service.culprit > 0);
        culprits.map(|service| service.service.as_str()).collect()
    }

    /// Whether the journal names B and nobody else.
    pub(super) fn names_b_alone(&self) -> bool {
        self.culprits() == [B]
    }

    fn failed(&self) -> impl Iterator<Item = &Answer> {
        self.answers.iter().filter(|answer| answer.failed())
    }

    /// A request that failed: an order where one did, as that has two calls.
    fn failed_request(&self) -> Option<&str> {
        let shown = self.failed().find(|answer| answer.is_order()).or_else(|| self.failed().next());
        shown.and_then(|answer| answer.request_id.as_deref())
    }

    /// Prints it as one line for machines.
    ///
    /// # Errors
    /// Nobody reads it any more.
    pub(super) fn print_json(&self, places: &Places<'_>) -> Result<()> {
        let Places { local, stage, explorer } = places;
        let line = json!({
            "endpoint": local.emulator.endpoint().as_str(),
            "gateway": format!("http://{}", stage.gateway),
            "admin": format!("http://{}", stage.admin),
            "explorer": explorer,
            "requests": { "sent": self.answers.len(), "failed": self.failed().count() },
            "events": self.events,
            "culprits": self.culprits(),
            "services": self.services.as_json(),
            "failedRequest": self.failed_request(),
        });
        let mut out = terminal::out();
        writeln!(out, "{}", terminal::json(&line.to_string()))?;
        Ok(out.flush()?)
    }

    /// Prints it for people.
    ///
    /// # Errors
    /// The request that is shown cannot be read, or nobody reads the output any more.
    pub(super) async fn print(&self, places: &Places<'_>, run: &Run) -> Result<()> {
        self.summary(&mut terminal::out())?;
        let services = services::draw(&self.services, &run.target.env, terminal::width());
        section(&mut terminal::out(), "cargo xtask services --since 10m", &services)?;
        if let Some(request) = self.failed_request() {
            section(&mut terminal::out(), &format!("cargo xtask flow --request {request}"), "")?;
            let shown = cli::Flow { request: request.to_owned(), limit: 100 };
            let here = Run { target: places.local.target.clone(), json: false, stop: run.stop.clone() };
            flow::run(&shown, &here).await?;
        }
        writeln!(terminal::out(), "\n{}", self.verdict())?;
        Ok(())
    }

    fn summary(&self, out: &mut impl Write) -> io::Result<()> {
        let total = self.answers.len() as u64;
        let span = Trouble::span(total);
        let failed = self.failed().count() as u64;
        let rows = [
            ("requests", format!("{} through the gateway in {}", grouped(total), duration(self.took))),
            ("trouble", format!("{B} failed on purpose from request {} to {}", span.start + 1, span.end)),
            ("failed", format!("{}, answered with 500 or more", counted(failed, "request"))),
            (
                "events",
                format!(
                    "{} through SQS, Lambda and DynamoDB, all there {} after the last answer",
                    grouped(self.events),
                    duration(self.behind)
                ),
            ),
        ];
        let rows = rows.map(|(what, text)| vec![format!("  {}", paint(FAINT, what)), text]);
        write!(out, "\n{}\n\n{}", paint(STRONG, "The demo"), columns(&rows))
    }

    fn verdict(&self) -> String {
        match self.culprits().as_slice() {
            [one] if *one == B => {
                format!("{} The journal names {B}, and neither the gateway nor {A}.", paint(GOOD, "✓"))
            }
            [] => format!("{} The journal names nobody, and {B} failed.", paint(BAD, "✗")),
            others => {
                let named = terminal::printable(&others.join(", "));
                format!("{} The journal names {named}, and it was {B} alone that failed.", paint(BAD, "✗"))
            }
        }
    }
}

/// A command, and what it shows.
fn section(out: &mut impl Write, command: &str, shows: &str) -> io::Result<()> {
    write!(out, "\n{} {}\n\n{shows}", paint(FAINT, "$"), paint(STRONG, command))
}

impl Places<'_> {
    /// Says where to look, and how to go on.
    ///
    /// # Errors
    /// Nobody reads it any more.
    pub(super) fn print(&self) -> io::Result<()> {
        let mut out = terminal::out();
        let Self { local, stage, explorer } = self;
        let rows = [
            ("explorer", explorer.map(str::to_owned)),
            (
                "gateway",
                Some(format!("http://{}  {}", stage.gateway, paint(FAINT, "/orders/{id}, /stock/{id}"))),
            ),
            ("its metrics", Some(format!("http://{}/metrics", stage.admin))),
            ("local AWS", Some(local.emulator.endpoint().to_string())),
        ];
        let rows = rows.into_iter().filter_map(|(what, text)| Some(vec![format!("  {what}"), text?]));
        writeln!(out, "\n{}", columns(&rows.collect::<Vec<_>>()))?;
        writeln!(out, "In another terminal:")?;
        let commands = [
            (
                format!("curl -i http://{}/orders/7", stage.gateway),
                "# a request of your own; its id is in the answer",
            ),
            ("cargo xtask flow --request ID".to_owned(), "# what came of it"),
            ("cargo xtask services --since 10m".to_owned(), ""),
            (format!("cargo xtask query --source {GATEWAY} --since 10m --newest"), ""),
        ];
        let rows =
            commands.map(|(command, what)| vec![format!("  {}", paint(STRONG, command)), paint(FAINT, what)]);
        write!(out, "{}", columns(&rows))?;
        writeln!(out, "\n{}", paint(FAINT, "Ctrl-C ends it."))
    }
}
