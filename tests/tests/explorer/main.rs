//! The explorer in a real browser: headless Chromium, driven by WebDriver.
//!
//! Screenshots are kept under `explorer` of the target directory.
#![allow(missing_docs, reason = "tests say what they show by their names")]

mod access;
mod browser;
mod click_through;
mod dead_letters;
mod fake;
mod hostile;
mod keyboard;
mod looks;
mod story;
mod thousands;
