//! What a look makes of whole files, whatever they are and in whatever pieces they come.

use std::io::Write;
use std::num::NonZeroUsize;

use flate2::Compression as Level;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use vigie_domain::ContentKind;

use super::room::Rooms;
use super::*;

const DUMP: &str = "--\n-- PostgreSQL database dump\n--\n\nCREATE TABLE x (y INT);\n\n\
                    --\n-- PostgreSQL database dump complete\n--\n\n";

fn question(level: VerifyLevel) -> Question {
    Question::new(level, 1000, &ProofNeeded::default())
}

/// What is found in a file that comes in pieces of so many bytes.
fn look_in_pieces(question: &Question, bytes: &[u8], piece: usize) -> Option<ContentFinding> {
    let guest = Rooms::new(NonZeroUsize::MIN).guest();
    let mut look = Look::start(question, bytes.len() as u64, &guest)?;
    for piece in bytes.chunks(piece) {
        look.push(piece);
        while look.is_held_up() {
            look.wait();
            look.resume();
        }
    }
    look.finish()
}

fn look(level: VerifyLevel, bytes: &[u8]) -> Option<ContentFinding> {
    look_in_pieces(&question(level), bytes, 4096)
}

fn fault(level: VerifyLevel, bytes: &[u8]) -> Option<ContentFault> {
    look(level, bytes)?.fault
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Level::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn what_is_not_recognised_is_at_fault_only_where_it_had_to_be() {
    for bytes in [&b"the compressed dump"[..], b"x", &[0; 2000]] {
        assert_eq!(look(VerifyLevel::Hash, bytes), None);
        assert_eq!(look(VerifyLevel::Recognised, bytes), None);
        let not_recognised = Some(ContentFault::NotRecognised);
        assert_eq!(fault(VerifyLevel::Decode, bytes), not_recognised);
        assert_eq!(fault(VerifyLevel::Content, bytes), not_recognised);
    }
    let rows = gzip(b"rows");
    assert_eq!(fault(VerifyLevel::Recognised, &rows), None);
    assert_eq!(fault(VerifyLevel::Decode, &rows), None);
    let not_recognised = Some(ContentFault::NotRecognised);
    assert_eq!(fault(VerifyLevel::Content, &rows), not_recognised);
}

#[test]
fn a_dump_is_checked_whether_it_is_compressed_or_not() {
    let kind = ContentKind::PostgresPlain;
    let cut = &DUMP.as_bytes()[..DUMP.len() - 30];
    for (whole, cut) in [
        (DUMP.as_bytes().to_vec(), cut.to_vec()),
        (gzip(DUMP.as_bytes()), gzip(cut)),
    ] {
        for level in [VerifyLevel::Recognised, VerifyLevel::Content] {
            let found = look(level, &whole).unwrap();
            assert!(found.is_complete && found.fault.is_none(), "{found}");
            assert_eq!(found.kind, Some(kind));
            assert_eq!(fault(level, &cut), Some(ContentFault::ContentCut { kind }));
        }
        // That it can be decoded is all that was asked for.
        let found = look(VerifyLevel::Decode, &cut).unwrap();
        assert_eq!(
            (found.kind, found.is_complete, found.fault),
            (Some(kind), false, None)
        );
    }
}

#[test]
fn what_comes_out_is_held_against_what_the_agent_said_of_its_dump() {
    let stream = gzip(DUMP.as_bytes());
    let expecting = |raw_size, raw_sha256| {
        let needed = ProofNeeded {
            raw_size,
            raw_sha256,
            ..ProofNeeded::default()
        };
        let question = Question::new(VerifyLevel::Recognised, 1000, &needed);
        look_in_pieces(&question, &stream, 7).unwrap()
    };
    let size = DUMP.len() as u64;
    assert_eq!(expecting(Some(size), None).fault, None);
    let differs = |expected, actual| Some(ContentFault::RawSizeDiffers { expected, actual });
    assert_eq!(
        expecting(Some(size - 1), None).fault,
        differs(size - 1, None)
    );
    assert_eq!(
        expecting(Some(size + 1), None).fault,
        differs(size + 1, Some(size))
    );
    let other = Sha256::from([1; 32]);
    let found = expecting(Some(size), Some(other));
    assert_eq!(found.fault, Some(ContentFault::RawContentDiffers));
    assert_eq!(expecting(None, found.raw_sha256).fault, None);
}

#[test]
fn a_limit_of_the_decoder_is_at_fault_only_where_it_had_to_decode() {
    // A frame of zstd that names a dictionary.
    let frame = b"\x28\xB5\x2F\xFD\x21\x07\x03\x19\0\0abc";
    let found = look(VerifyLevel::Recognised, frame).unwrap();
    assert_eq!(found.fault, None);
    assert_eq!(found.unseen, Some(Unseen::NeedsDictionary));
    let why = Unseen::NeedsDictionary;
    assert_eq!(
        fault(VerifyLevel::Decode, frame),
        Some(ContentFault::CannotLook { why })
    );
}

#[test]
fn a_version_that_is_not_known_is_no_fault_at_any_level() {
    let newer = b"PGDMP\x01\x63\x00\x04\x08\x01 and whatever that version has";
    for level in [VerifyLevel::Recognised, VerifyLevel::Content] {
        let found = look(level, newer).unwrap();
        assert_eq!(
            (found.fault, found.unseen),
            (None, Some(Unseen::UnknownForm))
        );
        assert!(!found.is_complete);
    }
}

#[test]
fn a_panic_is_a_fault_of_the_one_file() {
    let guest = Rooms::new(NonZeroUsize::MIN).guest();
    let mut look = Look::start(&question(VerifyLevel::Recognised), 10, &guest).unwrap();
    look.guarded(|_| panic!("a decoder that was taken in"));
    look.push(b"more of it");
    assert_eq!(
        look.finish().unwrap().fault,
        Some(ContentFault::DecoderFailed)
    );
}

#[test]
fn a_window_that_takes_much_memory_waits_for_a_room() {
    let guest = Rooms::new(NonZeroUsize::MIN).guest();
    let mut look = Look::start(&question(VerifyLevel::Recognised), 100, &guest).unwrap();
    // A window of 64 MiB, and one raw block that is the last.
    let frame = b"\x28\xB5\x2F\xFD\x00\x80\x19\0\0abc";
    look.push(frame);
    assert!(look.is_held_up());
    look.wait();
    look.resume();
    assert!(!look.is_held_up());
    let found = look.finish().unwrap();
    assert_eq!((found.raw_size, found.fault), (Some(3), None));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn in_whatever_pieces_a_file_comes_the_finding_is_the_same(
        piece in 1_usize..600,
        end in 0_usize..2000,
        start in 0_usize..7,
        bytes in proptest::collection::vec(any::<u8>(), 0..1500),
    ) {
        let mut tar = vec![0; 257];
        tar.extend_from_slice(b"ustar\0");
        let starts: [&[u8]; 7] = [
            b"PGDMP\x01\x0e\x00\x04\x08\x01", b"PGDMP\x01\x10\x00\x04\x08\x01\x01", &tar,
            b"SQLite format 3\0\x10\0\x01\x01\0@  ", DUMP.as_bytes(), b"-- MariaDB dump 10\n", b"",
        ];
        let mut file = [starts[start], &bytes].concat();
        file.truncate(end.max(1));
        for file in [&file, &gzip(&file)] {
            for level in VerifyLevel::ALL {
                let question = question(level);
                let whole = look_in_pieces(&question, file, usize::MAX);
                prop_assert_eq!(&whole, &look_in_pieces(&question, file, piece));
                // Not even what is nonsense breaks a check.
                let broke = Some(ContentFault::DecoderFailed);
                prop_assert!(whole.and_then(|found| found.fault) != broke);
            }
        }
    }
}
