//! Both directions of a dead letter, at SQS's limits.

use proptest::prelude::*;

use super::*;

fn message(body: &str, attributes: usize) -> Message {
    let attributes =
        (0..attributes).map(|n| (format!("attribute{n}"), Attribute::number(n as u64))).collect();
    Message { body: body.to_owned(), attributes }
}

fn rejected(original: Message) -> DeadLetter {
    DeadLetter::new(Cause::Rejected, "no field `id`", "message-1", Some(1_588_363_200_000), original)
}

fn assert_reversible(letter: &DeadLetter) {
    let sent = letter.to_message();
    assert!(sent.fits(), "{} attributes, {} bytes", sent.attributes.len(), sent.size());
    assert_eq!(DeadLetter::from_message(&sent).unwrap().as_ref(), Some(letter));
}

/// Bytes that no compressor shortens.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    })
    .take(length)
    .collect()
}

#[test]
fn a_body_with_room_stays_byte_for_byte_beside_its_reason() {
    let letter = rejected(message(" {not json ", 6));
    let sent = letter.to_message();
    assert_eq!(sent.body, " {not json ");
    assert_eq!(sent.attributes["HeadwaterReason"], Attribute::string("no field `id`"));
    assert_eq!(sent.attributes["attribute5"], Attribute::number(5));
    assert_reversible(&letter);
}

#[test]
fn ten_attributes_leave_no_room_and_give_an_envelope_that_shows_the_reason() {
    let letter = rejected(message("{}", 10));
    let sent = letter.to_message();
    assert_eq!(sent.body, ENVELOPE_BODY);
    assert_eq!(sent.attributes["HeadwaterReason"], Attribute::string("no field `id`"));
    assert_reversible(&letter);
}

#[test]
fn a_body_of_1_mib_of_text_that_hardly_compresses_gives_an_envelope() {
    let printable: String =
        noise(MAX_MESSAGE_BYTES).into_iter().map(|byte| char::from(b' ' + byte % 95)).collect();
    let letter = rejected(message(&printable, 0));
    assert_eq!(letter.to_message().body, ENVELOPE_BODY);
    assert_reversible(&letter);
}

#[test]
fn attributes_that_are_named_like_ours_are_kept_in_an_envelope() {
    let mut original = message("{}", 0);
    original.attributes.insert(REASON.to_owned(), Attribute::binary(vec![0, 255]));
    assert_reversible(&rejected(original));
}

#[test]
fn an_empty_body_which_sqs_would_refuse_gives_an_envelope() {
    assert_reversible(&rejected(message("", 0)));
}

#[test]
fn a_mebibyte_of_incompressible_binary_is_left_as_it_was() {
    let mut original = message("{}", 0);
    let room = MAX_MESSAGE_BYTES - original.size() - "bytes".len() - "Binary".len();
    original.attributes.insert("bytes".to_owned(), Attribute::binary(noise(room)));
    let sent = rejected(original.clone()).to_message();
    assert_eq!(sent, original);
    assert_eq!(DeadLetter::from_message(&sent), Ok(None));
}

#[test]
fn a_message_that_sqs_moved_by_itself_carries_no_reason() {
    assert_eq!(DeadLetter::from_message(&message("{}", 3)), Ok(None));
}

#[test]
fn a_damaged_dead_letter_says_which_attribute_cannot_be_read() {
    let mut sent = rejected(message("{}", 10)).to_message();
    sent.attributes.insert(ORIGINAL.to_owned(), Attribute::binary(vec![1, 2, 3]));
    let damaged = DeadLetter::from_message(&sent).unwrap_err();
    insta::assert_snapshot!(damaged, @"the dead letter is damaged: attribute HeadwaterOriginal cannot be decompressed");
}

#[test]
fn an_envelope_that_would_inflate_without_end_is_refused() {
    let mut sent = rejected(message("{}", 10)).to_message();
    let bomb = miniz_oxide::deflate::compress_to_vec_zlib(&vec![b' '; MAX_ORIGINAL_JSON_BYTES + 1], 9);
    sent.attributes.insert(ORIGINAL.to_owned(), Attribute::binary(bomb));
    assert!(DeadLetter::from_message(&sent).is_err());
}

proptest! {
    #[test]
    fn every_message_comes_back_as_it_was(
        body in "\\PC{0,200}",
        reason in any::<String>(),
        sent_at in proptest::option::of(any::<u64>()),
        texts in proptest::collection::btree_map("[A-Za-z]{1,12}", "\\PC{1,40}", 0..6),
        binaries in proptest::collection::btree_map("[A-Za-z]{13,20}", proptest::collection::vec(any::<u8>(), 1..60), 0..5),
        exhausted in any::<bool>(),
    ) {
        let texts = texts.into_iter().map(|(name, text)| (name, Attribute::string(text)));
        let binaries = binaries.into_iter().map(|(name, bytes)| (name, Attribute::binary(bytes)));
        let original = Message { body, attributes: texts.chain(binaries).collect() };
        let cause = if exhausted { Cause::Exhausted } else { Cause::Rejected };
        assert_reversible(&DeadLetter::new(cause, &reason, "message-1", sent_at, original));
    }

    #[test]
    fn a_reason_is_always_one_that_sqs_takes(reason in any::<String>(), times in 1..200_usize) {
        let letter = DeadLetter::new(Cause::Rejected, &reason.repeat(times), "m", None, message("{}", 0));
        prop_assert!(!letter.reason().is_empty() && letter.reason().len() <= MAX_REASON_BYTES);
        prop_assert!(letter.reason().chars().all(is_allowed));
    }
}
