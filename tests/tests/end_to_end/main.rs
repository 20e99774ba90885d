//! The whole of Headwater on local AWS: each test deploys to an emulator of its own and looks at what comes of it.
#![allow(missing_docs, reason = "tests say what they show by their names")]

mod auth;
mod bootstrap;
mod clients;
mod converge;
mod destroy;
mod drift;
mod eventstore;
mod gateway;
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
mod services;

use end_to_end::{DEFAULTS, SEED, message};
