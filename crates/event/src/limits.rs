//! The limits an event must keep so that the journal can store it. Lengths are bytes of UTF-8.
//!
//! Sources: "Quotas in Amazon DynamoDB" (keys, attribute names, nesting) and "Supported data types and naming rules"
//! (numbers), both in the Amazon DynamoDB Developer Guide.

use crate::identity::{HASH_LENGTH, NORMALISED_LENGTH};

/// A partition key of a table or an index.
pub const PARTITION_KEY_BYTES: usize = 2048;

/// A sort key of a table or an index.
pub const SORT_KEY_BYTES: usize = 1024;

/// The request id is the table's partition key.
pub const REQUEST_ID_BYTES: usize = PARTITION_KEY_BYTES;

/// The id is what the sort key has room for beside the timestamp, the hash and two separators: 928 bytes.
pub const ID_BYTES: usize = SORT_KEY_BYTES - NORMALISED_LENGTH - HASH_LENGTH - 2;

/// Type and source are index partition keys together with `#` and a shard of at most five digits.
pub const TYPE_BYTES: usize = PARTITION_KEY_BYTES - 6;

/// See [`TYPE_BYTES`].
pub const SOURCE_BYTES: usize = TYPE_BYTES;

/// An attribute name, at the top or nested: less than 64 KB.
pub const ATTRIBUTE_NAME_BYTES: usize = 65_535;

/// How deep objects and lists may nest, `data` itself being the first level. Fields beyond the known are stored in a map,
/// which is their first level.
pub const NESTING_LEVELS: usize = 32;

/// Significant digits of a number.
pub const NUMBER_DIGITS: usize = 38;

/// Decimal exponents of a number's first significant digit: 1E-130 to 9.99…E+125, either sign.
pub const NUMBER_EXPONENTS: std::ops::RangeInclusive<i64> = -130..=125;
