//! What makes an event itself: the hash of its content, its key in the journal and its index shard.

use std::fmt;
use std::num::NonZeroU16;

use sha2::{Digest, Sha256};

use crate::Timestamp;

/// Length of a normalised timestamp.
pub(crate) const NORMALISED_LENGTH: usize = 30;

/// Length of a content hash in hexadecimal.
pub(crate) const HASH_LENGTH: usize = 64;

/// SHA-256 of an event's canonical JSON: all of its fields as sent, keys sorted, numbers in one decimal form.
///
/// White space, the order of keys and how a number is written (`1`, `1.0`, `1e0`) do not count; everything else does.
/// `Display` writes 64 hexadecimal digits, the same as `sha256sum` of [`Event::to_json`](crate::Event::to_json).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ContentHash([u8; 32]);

impl ContentHash {
    pub(crate) fn of(canonical: &[u8]) -> Self {
        Self(Sha256::digest(canonical).into())
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0_u8; HASH_LENGTH];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        f.write_str(&String::from_utf8_lossy(&text))
    }
}

/// An event's sort key in the journal: `<normalised timestamp>#<id>#<content hash>`. Its order as text is the order of time.
///
/// The hash is whole, not cut: a write with a known key replaces what is there, so two events may share a key only if they
/// are the same event, whoever chose their content. That takes a collision-resistant hash; half of it would be within
/// reach of a search for two contents that collide.
///
/// Timestamp and hash have fixed lengths, so an id that holds `#` is no trouble.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventKey(String);

impl EventKey {
    pub(crate) fn new(timestamp: &Timestamp, id: &str, hash: ContentHash) -> Self {
        Self(format!("{}#{id}#{hash}", timestamp.normalised()))
    }

    /// The key as stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<EventKey> for String {
    fn from(key: EventKey) -> Self {
        key.0
    }
}

impl fmt::Display for EventKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The index shard of an event's id: FNV-1a (64 bits) of its UTF-8, modulo `shards`.
///
/// Stored items carry it, and a redelivery must compute the same one to write the same bytes: it never changes.
pub fn shard(id: &str, shards: NonZeroU16) -> u16 {
    const OFFSET_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let hash = id.bytes().fold(OFFSET_BASIS, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME));
    // The remainder is below a u16, so nothing is cut.
    (hash % u64::from(shards.get())) as u16
}
