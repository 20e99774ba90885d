//! The whole of Headwater on local AWS: each test deploys to an emulator of its own and looks at what comes of it.
#![allow(missing_docs, reason = "tests say what they show by their names")]

mod auth;
mod bootstrap;
mod clients;
mod converge;
mod destroy;
mod drift;
mod eventstore;
mod interrupted;
mod ownership;
mod pipeline;
mod prod;
mod program;
mod relay;
mod renewal;
mod replay;
mod saved_plan;
mod secrets;

/// A configuration file in which every knob has its default.
const DEFAULTS: &str = "[environments.local]\n";

/// The second source document's message.
const SEED: &str = r#"{
  "id": "5b070a84-c5d5-460a-ac98-a0717cbc8e56",
  "requestId": "677afffc-373e-42f0-8363-f24bc675bcf6",
  "timestamp": "2020-05-01T20:00:00Z",
  "type": "MICROSERVICE_REQUEST",
  "source": "Gateway",
  "data": { "Name": "Microservice A" }
}"#;

/// A message without attributes.
fn message(body: impl Into<String>) -> event::dead_letter::Message {
    event::dead_letter::Message { body: body.into(), attributes: Default::default() }
}
