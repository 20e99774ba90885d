//! Passwords.

use uuid::Uuid;

use crate::SecretText;

/// Letters and digits alone: a password goes into connection strings.
const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// A new password of that many letters and digits.
///
/// Its randomness is the operating system's, which the `uuid` crate takes version 4 from.
pub(crate) fn password(length: u32) -> SecretText {
    let random = std::iter::repeat_with(|| Uuid::new_v4().into_bytes()).flat_map(random_bytes);
    SecretText::new(random.filter_map(character).take(length as usize).collect())
}

/// The bytes of a version 4 UUID of which all bits are random; the seventh and the ninth hold its version and variant.
fn random_bytes(uuid: [u8; 16]) -> impl Iterator<Item = u8> {
    uuid.into_iter().enumerate().filter(|(at, _)| ![6, 8].contains(at)).map(|(_, byte)| byte)
}

/// The character that a random byte stands for. Bytes beyond the last multiple of the alphabet's length stand for none,
/// so that all characters are alike likely.
fn character(byte: u8) -> Option<char> {
    let even = usize::from(u8::MAX) / ALPHABET.len() * ALPHABET.len();
    let byte = usize::from(byte);
    (byte < even).then(|| char::from(ALPHABET[byte % ALPHABET.len()]))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_password_is_letters_and_digits_of_the_length_and_no_two_are_alike() {
        let (one, other) = (password(32), password(32));
        assert!(one.expose().len() == 32 && one.expose().chars().all(|c| c.is_ascii_alphanumeric()));
        assert_ne!(one, other);
    }

    #[test]
    fn every_character_is_alike_likely() {
        let mut counts = BTreeMap::new();
        for character in (0..=u8::MAX).filter_map(character) {
            *counts.entry(character).or_insert(0) += 1;
        }
        assert!(counts.len() == 62 && counts.values().all(|count| *count == 4), "{counts:?}");
    }
}
