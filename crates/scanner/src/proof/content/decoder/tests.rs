//! What the decoders make of streams, held against what `zstd -t`, `gzip -t`, `xz -t` and `bzip2 -t`
//! make of them.

use std::io::Write;
use std::process::{Command, Stdio};

use proptest::prelude::*;
use vigie_domain::{Compression, ContentFault};

use super::*;

const ALL: [Compression; 4] = [
    Compression::Zstd,
    Compression::Gzip,
    Compression::Xz,
    Compression::Bzip2,
];

/// What came out.
#[derive(Debug, Default)]
struct Sink(Vec<u8>);

impl Output for Sink {
    fn push(&mut self, bytes: &[u8]) -> Result<(), ContentFault> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}

/// Runs the tool of a compression, or `None` when it fails.
fn run(compression: Compression, arguments: &[&str], input: &[u8]) -> Option<Vec<u8>> {
    let mut child = Command::new(compression.as_str())
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("{compression} has to be installed: {error}"));
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // It may stop reading early.
    let writing = std::thread::spawn(move || stdin.write_all(&input).is_ok());
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap();
    output.status.success().then_some(output.stdout)
}

fn compress(compression: Compression, input: &[u8]) -> Vec<u8> {
    run(compression, &["-c"], input).unwrap()
}

fn is_fine_for_the_tool(compression: Compression, input: &[u8]) -> bool {
    run(compression, &["-t"], input).is_some()
}

/// Decodes what comes in pieces that end at these offsets.
fn decode(
    compression: Compression,
    input: &[u8],
    ends: impl IntoIterator<Item = usize>,
) -> Result<Vec<u8>, Stop> {
    let mut decoder = Decoder::new(compression)?;
    let mut sink = Sink::default();
    let mut from = 0;
    for to in ends.into_iter().chain([input.len()]) {
        let piece = &input[from..to.max(from)];
        from = to.max(from);
        if let Taken::Part(taken) = decoder.push(piece, false, &mut sink)? {
            assert_eq!(decoder.push(&piece[taken..], true, &mut sink)?, Taken::All);
        }
    }
    decoder.finish(&mut sink)?;
    Ok(sink.0)
}

fn decode_whole(compression: Compression, input: &[u8]) -> Result<Vec<u8>, Stop> {
    decode(compression, input, [])
}

/// More than comes out of a decoder at once, some of which can be compressed.
fn text(length: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(7);
    let line = |_| format!("{}\t{}\n", random.u16(..), "x".repeat(random.usize(..40)));
    let mut bytes = (0..length / 10)
        .flat_map(line_bytes(line))
        .collect::<Vec<u8>>();
    bytes.truncate(length);
    bytes
}

fn line_bytes(mut line: impl FnMut(usize) -> String) -> impl FnMut(usize) -> Vec<u8> {
    move |number| line(number).into_bytes()
}

#[test]
fn what_the_tools_wrote_is_decoded_whatever_they_were_told() {
    let text = text(700_000);
    for compression in ALL {
        for level in ["-1", "-9"] {
            let compressed = run(compression, &["-c", level], &text).unwrap();
            assert_eq!(recognise(&compressed), Some(compression));
            assert_eq!(decode_whole(compression, &compressed), Ok(text.clone()));
        }
        let nothing = compress(compression, b"");
        assert_eq!(recognise(&nothing), Some(compression));
        assert_eq!(decode_whole(compression, &nothing), Ok(Vec::new()));
    }
    let (zstd, xz) = (Compression::Zstd, Compression::Xz);
    for (compression, arguments) in [
        (zstd, &["-c", "-19", "--long=27"][..]),
        (zstd, &["-c", "--no-check"]),
        (xz, &["-c", "--check=none"]),
        (xz, &["-c", "--check=sha256", "--block-size=100000"]),
        // More than may be taken without a large room.
        (xz, &["-c", "--lzma2=dict=64MiB"]),
    ] {
        let compressed = run(compression, arguments, &text).unwrap();
        assert_eq!(decode_whole(compression, &compressed), Ok(text.clone()));
    }
}

#[test]
fn what_follows_a_stream_is_taken_as_the_tools_take_it() {
    let once = text(1000);
    for compression in ALL {
        let stream = compress(compression, &once);
        let magic = &stream[..3];
        let mut damaged = stream.clone();
        damaged[0] ^= 1;
        let after: [(&str, &[u8]); 7] = [
            ("another stream", &stream),
            ("four zeros", &[0; 4]),
            ("five zeros", &[0; 5]),
            ("zeros and another stream", &[&[0; 4], &stream[..]].concat()),
            ("the start of a stream", magic),
            ("text", b"something else"),
            ("a stream whose magic is damaged", &damaged),
        ];
        for (what, after) in after {
            let file = [&stream[..], after].concat();
            let decoded = decode_whole(compression, &file);
            let is_lost = what.starts_with("text")
                || what.ends_with("damaged")
                || what.starts_with("zeros and");
            // The tool passes over whatever it does not know, even where a stream is lost by it.
            let is_fine = is_fine_for_the_tool(compression, &file)
                && !(compression == Compression::Bzip2 && is_lost);
            assert_eq!(
                decoded.is_ok(),
                is_fine,
                "{compression}, then {what}: {decoded:?}"
            );
            if what == "another stream" {
                assert_eq!(decoded.unwrap(), [&once[..], &once].concat());
            }
        }
    }
}

#[test]
fn frames_of_zstd_that_are_to_be_skipped_are_skipped() {
    let zstd = Compression::Zstd;
    let frame = compress(zstd, b"abc");
    let skippable = b"\x5A\x2A\x4D\x18\x03\0\0\0xyz";
    let empty = b"\x50\x2A\x4D\x18\0\0\0\0";
    let file = [&skippable[..], &frame, empty, &frame, skippable].concat();
    assert_eq!(recognise(&file), Some(zstd));
    assert_eq!(decode_whole(zstd, &file), Ok(b"abcabc".to_vec()));
    assert!(is_fine_for_the_tool(zstd, &file));
    let cut = &file[..file.len() - 1];
    assert!(decode_whole(zstd, cut).is_err());
    assert!(!is_fine_for_the_tool(zstd, cut));
}

#[test]
fn every_field_of_a_member_of_gzip_may_be_there() {
    let gzip = Compression::Gzip;
    let plain = compress(gzip, b"abc");
    let head = [0x1F, 0x8B, 8, 0x1F, 0, 0, 0, 0, 0, 3];
    let fields = b"\x03\0abcname\0comment\0\x12\x34";
    let file = [&head[..], fields, &plain[10..]].concat();
    assert_eq!(decode(gzip, &file, 0..file.len()), Ok(b"abc".to_vec()));
    for end in 0..file.len() {
        assert_eq!(decode_whole(gzip, &file[..end]), Err(cut(gzip)), "{end}");
    }
    let mut reserved = file;
    reserved[3] |= 0x80;
    assert!(decode_whole(gzip, &reserved).is_err());
    assert!(!is_fine_for_the_tool(gzip, &reserved));
}

#[test]
fn a_stream_is_never_whole_before_its_end_and_a_flipped_bit_never_passes() {
    let text = text(3000);
    for compression in ALL {
        let stream = compress(compression, &text);
        for end in 0..stream.len() {
            let cut = decode_whole(compression, &stream[..end]);
            // Before any frame, zstd has nothing to miss.
            assert!(cut.is_err() || end == 0, "{compression} at {end}");
        }
        for bit in 0..stream.len() * 8 {
            let mut flipped = stream.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            // Some bits say nothing of the content: the time in gzip's header.
            let decoded = decode_whole(compression, &flipped);
            assert!(
                decoded.is_err() || decoded.as_ref() == Ok(&text),
                "{compression} at bit {bit}"
            );
        }
    }
}

#[test]
fn what_takes_too_much_memory_is_not_decoded() {
    let text = text(1000);
    // What is piped has no size, so that the window is all that tells how much is to be kept.
    let zstd = run(
        Compression::Zstd,
        &["-c", "--ultra", "-22", "--long=28"],
        &text,
    )
    .unwrap();
    let xz = run(Compression::Xz, &["-c", "--lzma2=dict=256MiB"], &text).unwrap();
    for (compression, stream) in [(Compression::Zstd, zstd), (Compression::Xz, xz)] {
        let limit = crate::proof::content::room::LARGE_BYTES;
        let expected = Err(Stop::Unseen(Unseen::NeedsMemory { limit }));
        assert_eq!(
            decode_whole(compression, &stream),
            expected,
            "{compression}"
        );
    }
}

#[test]
fn what_was_compressed_with_a_dictionary_is_not_damaged() {
    // A frame that names the dictionary 7, and one raw block.
    let frame = b"\x28\xB5\x2F\xFD\x21\x07\x03\x19\0\0abc";
    assert_eq!(
        decode_whole(Compression::Zstd, frame),
        Err(Stop::Unseen(Unseen::NeedsDictionary))
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn in_whatever_pieces_a_stream_comes_it_is_the_same(
        cuts in proptest::collection::vec(0_usize..2000, 0..30),
        damaged_at in proptest::option::of(0_usize..2000),
    ) {
        let text = text(4000);
        for compression in ALL {
            let mut stream = compress(compression, &text);
            if let Some(at) = damaged_at {
                let at = at % stream.len();
                stream[at] ^= 0x10;
            }
            let mut ends: Vec<usize> = cuts.iter().map(|cut| cut % stream.len()).collect();
            ends.sort_unstable();
            let (whole, pieces) = (decode_whole(compression, &stream), decode(compression, &stream, ends));
            // Why it can't be decoded may show at another place.
            prop_assert_eq!(whole.ok(), pieces.ok());
        }
    }

    #[test]
    fn no_bytes_make_a_decoder_panic_or_go_on_for_ever(
        bytes in proptest::collection::vec(any::<u8>(), 0..2000),
        ends in proptest::collection::vec(0_usize..2000, 0..5),
    ) {
        let magics: [&[u8]; 5] = [
            b"\x28\xB5\x2F\xFD", b"\x50\x2A\x4D\x18", b"\x1F\x8B\x08\0", b"\xFD7zXZ\0", b"BZh91AY&SY",
        ];
        for magic in magics {
            let stream = [magic, &bytes].concat();
            let mut ends: Vec<usize> = ends.iter().map(|end| end % (stream.len() + 1)).collect();
            ends.sort_unstable();
            for compression in ALL {
                let _ = decode(compression, &stream, ends.clone());
            }
        }
    }
}
