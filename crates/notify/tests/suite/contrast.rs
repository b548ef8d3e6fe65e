//! Whether every mail can be read: each colour of text against the one behind it, by the rule of
//! WCAG 2 (level AA), on a light screen and on a dark one.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The least contrast of text that is not large.
const LEAST: f64 = 4.5;

/// The least contrast of what is no text but has to be seen: the edge of a button.
const LEAST_OF_EDGES: f64 = 3.0;

/// Every colour of text, with each colour that is behind it.
const TEXT: &[(&str, &str, &str)] = &[
    ("the band of most states", "#ffffff", "#b42318"),
    ("its badge", "#b42318", "#ffffff"),
    ("the band of a late one and a cut one", "#ffffff", "#9a3d06"),
    ("its badge", "#9a3d06", "#ffffff"),
    ("the band of a job that is OK again", "#ffffff", "#1c6b37"),
    ("its badge", "#1c6b37", "#ffffff"),
    ("the band of what is not known", "#ffffff", "#475467"),
    ("its badge", "#475467", "#ffffff"),
    ("the band of what is unusual", "#ffffff", "#6d5200"),
    ("its badge", "#6d5200", "#ffffff"),
    ("the band of a digest", "#ffffff", "#1f4b7a"),
    ("its badge", "#1f4b7a", "#ffffff"),
    ("the logo, above the card", "#1d2939", "#eef1f5"),
    ("words, headings, values", "#1d2939", "#ffffff"),
    ("labels and the foot", "#55606e", "#ffffff"),
    ("quotes and digests", "#1d2939", "#f3f5f8"),
    ("labels of digests", "#55606e", "#f3f5f8"),
    ("digits that differ", "#8a1a10", "#fbdcd8"),
    ("notes", "#4d3300", "#fff3d1"),
    ("the first button", "#ffffff", "#1d2939"),
    ("words, headings, values in the dark", "#e4e7ec", "#191f26"),
    ("labels and the foot in the dark", "#a9b3c0", "#191f26"),
    ("quotes and digests in the dark", "#e4e7ec", "#232a33"),
    ("labels of digests in the dark", "#a9b3c0", "#232a33"),
    ("digits that differ in the dark", "#ffd9d4", "#5a1f1a"),
    ("notes in the dark", "#f7e3b0", "#3a2e12"),
    ("the first button in the dark", "#191f26", "#e4e7ec"),
    ("the logo in the dark", "#e4e7ec", "#0f1318"),
];

/// The edges of buttons, each with the colour around it.
const EDGES: &[(&str, &str)] = &[
    ("#55606e", "#ffffff"),
    ("#1d2939", "#ffffff"),
    ("#a9b3c0", "#191f26"),
    ("#e4e7ec", "#191f26"),
];

/// Lines between rows, which may be hardly seen: without them nothing is lost.
const LINES: &[&str] = &["#dfe3e8", "#39424d"];

#[test]
fn all_text_stands_out_from_what_is_behind_it() {
    for (what, text, behind) in TEXT {
        let contrast = contrast(text, behind);
        assert!(
            contrast >= LEAST,
            "{what}: {text} on {behind} is {contrast:.2}"
        );
    }
    for (edge, around) in EDGES {
        let contrast = contrast(edge, around);
        assert!(
            contrast >= LEAST_OF_EDGES,
            "{edge} beside {around} is {contrast:.2}"
        );
    }
}

#[test]
fn no_colour_is_left_unjudged() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut used = BTreeSet::new();
    for folder in ["templates", "src/vocabulary"] {
        for file in files_below(&root.join(folder)) {
            used.extend(colours(&fs::read_to_string(file).unwrap()));
        }
    }
    let mut judged: BTreeSet<String> = TEXT
        .iter()
        .flat_map(|(_, text, behind)| [*text, *behind])
        .map(str::to_owned)
        .collect();
    judged.extend(LINES.iter().map(|&line| line.to_owned()));
    assert_eq!(used, judged);
}

#[test]
fn contrast_is_what_the_rule_says() {
    assert!((contrast("#000000", "#ffffff") - 21.0).abs() < 0.01);
    assert!((contrast("#777777", "#ffffff") - 4.48).abs() < 0.01);
}

fn contrast(one: &str, other: &str) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

fn luminance(colour: &str) -> f64 {
    let part = |start: usize| {
        let value = u8::from_str_radix(&colour[start..start + 2], 16).unwrap();
        let share = f64::from(value) / 255.0;
        if share <= 0.04045 {
            share / 12.92
        } else {
            ((share + 0.055) / 1.055).powf(2.4)
        }
    };
    0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5)
}

/// The colours such as `#1d2939` in a file.
fn colours(text: &str) -> Vec<String> {
    let is_colour =
        |text: &&str| text.len() == 7 && text[1..].bytes().all(|byte| byte.is_ascii_hexdigit());
    text.match_indices('#')
        .filter_map(|(start, _)| text.get(start..start + 7))
        .filter(is_colour)
        .map(str::to_lowercase)
        .collect()
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files
}
