//! Identities that nobody else has. They are no secrets.

use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};

use uuid::Uuid;

thread_local! {
    /// SipHash with keys that the operating system gave, of a counter: each thread has its own keys, and no value costs a
    /// system call.
    static GENERATOR: (RandomState, Cell<u64>) = (RandomState::new(), Cell::new(0));
}

/// 64 random bits.
pub(crate) fn bits64() -> u64 {
    GENERATOR.with(|(keys, counter)| {
        counter.set(counter.get().wrapping_add(1));
        keys.hash_one(counter.get())
    })
}

/// 128 random bits.
pub(crate) fn bits128() -> u128 {
    (u128::from(bits64()) << 64) | u128::from(bits64())
}

/// A UUID of version 4.
pub(crate) fn uuid() -> Uuid {
    uuid::Builder::from_random_bytes(bits128().to_be_bytes()).into_uuid()
}
