//! The whole of Headwater on local AWS: each test deploys to an emulator of its own and looks at what comes of it.
#![allow(missing_docs, reason = "tests say what they show by their names")]

mod pipeline;
