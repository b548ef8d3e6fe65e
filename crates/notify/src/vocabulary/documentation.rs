//! What each helper does, for people and for the check of templates. Runs none.

/// What a helper takes as its first argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ArgumentKind {
    /// An instant.
    Date,
    /// A whole number.
    Integer,
    /// A text.
    Text,
    /// A list.
    List,
    /// Anything.
    Any,
    /// Nothing that is looked up: the helper is for what stands within it.
    Block,
}

/// What a helper does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct HelperDocumentation {
    /// Its name.
    pub name: &'static str,
    /// How it is called.
    pub usage: &'static str,
    /// What it writes.
    pub meaning: &'static str,
    /// What it takes first.
    pub takes: ArgumentKind,
    /// How many arguments it takes at least and at most, not counting those with a name.
    pub arguments: (usize, usize),
    /// The arguments that have a name.
    pub named: &'static [&'static str],
    /// A template that calls it with the variables of the entry mail's full sample.
    pub example: &'static str,
}

const fn value(
    name: &'static str,
    usage: &'static str,
    meaning: &'static str,
    takes: ArgumentKind,
    example: &'static str,
) -> HelperDocumentation {
    HelperDocumentation {
        name,
        usage,
        meaning,
        takes,
        arguments: (1, 1),
        named: &["default"],
        example,
    }
}

/// The helpers that Handlebars itself brings and templates may call.
pub const HANDLEBARS_HELPERS: [&str; 16] = [
    "if", "unless", "each", "with", "lookup", "eq", "ne", "gt", "gte", "lt", "lte", "and", "or",
    "not", "len", "raw",
];

/// Every helper that is Vigie's own, in the order in which they are documented. Those of
/// [`HANDLEBARS_HELPERS`] can be called too.
pub const HELPERS: &[HelperDocumentation] = &[
    value(
        "date",
        "{{date at}}",
        "An instant, in the reader's time zone and with its name.",
        ArgumentKind::Date,
        "{{date recorded_at}}",
    ),
    value(
        "time",
        "{{time at}}",
        "The time of day of an instant, in the reader's time zone: for a subject, where a whole date is \
         too long.",
        ArgumentKind::Date,
        "{{time recorded_at}}",
    ),
    value(
        "relative",
        "{{relative at}}",
        "How long ago an instant was, or how soon it will be.",
        ArgumentKind::Date,
        "{{relative job.last_report_at}}",
    ),
    value(
        "duration",
        "{{duration seconds}}",
        "A duration, given in seconds, in its two largest units.",
        ArgumentKind::Integer,
        "{{duration operation_seconds}}",
    ),
    value(
        "bytes",
        "{{bytes size}}",
        "A size, given in bytes, as people say it and exact.",
        ArgumentKind::Integer,
        "{{bytes actual_size}}",
    ),
    value(
        "short_hash",
        "{{short_hash digest}}",
        "The first twelve digits of a digest: to recognize it, not to prove anything.",
        ArgumentKind::Text,
        "{{short_hash expected_sha256}}",
    ),
    value(
        "status_name",
        "{{status_name status}}",
        "A status in words of the reader's language.",
        ArgumentKind::Text,
        "{{status_name status}}",
    ),
    value(
        "upper",
        "{{upper text}}",
        "A text in capitals.",
        ArgumentKind::Text,
        "{{upper job.city}}",
    ),
    HelperDocumentation {
        name: "default",
        usage: "{{default value \"text\"}}",
        meaning: "A value, or what follows it when the value is null or empty.",
        takes: ArgumentKind::Any,
        arguments: (2, 2),
        named: &[],
        example: "{{default validated_path \"nowhere\"}}",
    },
    HelperDocumentation {
        name: "pad",
        usage: "{{pad text 12}}",
        meaning: "A text, filled up with spaces to a width of at most 200 characters.",
        takes: ArgumentKind::Text,
        arguments: (2, 2),
        named: &[],
        example: "{{pad \"City\" 12}}{{job.city}}",
    },
    HelperDocumentation {
        name: "digest",
        usage: "{{digest a unlike=b}}",
        meaning: "A whole digest. In HTML the digits that differ from those of the other one, if \
                  that is given and not null, are marked.",
        takes: ArgumentKind::Text,
        arguments: (1, 1),
        named: &["unlike", "default"],
        example: "{{digest actual_sha256 unlike=expected_sha256}}",
    },
    HelperDocumentation {
        name: "carets",
        usage: "{{carets a unlike=b}}",
        meaning: "For the text part: a caret below each digit of a digest that differs from the \
                  other one; nothing when one of both is null.",
        takes: ArgumentKind::Text,
        arguments: (1, 1),
        named: &["unlike"],
        example: "{{carets \"abc\" unlike=\"axc\"}}",
    },
    HelperDocumentation {
        name: "quote",
        usage: "{{quote text}}",
        meaning: "Text from outside. In the text part each line is marked, so that none can pass \
                  for a line of the mail, by `  | ` or by what is given as `lead=\"| \"`; in HTML \
                  its lines are kept apart.",
        takes: ArgumentKind::Text,
        arguments: (1, 1),
        named: &["lead"],
        example: "{{quote logs_summary}}",
    },
    HelperDocumentation {
        name: "table",
        usage: "{{table list \"field\" \"Heading\" …}}",
        meaning: "A list as a table, with a field and a heading for each column.",
        takes: ArgumentKind::List,
        arguments: (3, 21),
        named: &[],
        example: "{{table stages \"name\" \"Stage\" \"seconds\" \"Seconds\"}}",
    },
    HelperDocumentation {
        name: "wrap",
        usage: "{{#wrap lead=\"Reason  \"}}…{{/wrap}}",
        meaning: "In the text part, prose broken into lines of at most 76 characters, behind a \
                  lead if one is given; in HTML, the prose as it is.",
        takes: ArgumentKind::Block,
        arguments: (0, 0),
        named: &["lead"],
        example: "{{#wrap lead=\"Reason  \"}}a sentence{{/wrap}}",
    },
    HelperDocumentation {
        name: "row",
        usage: "{{#row \"Label\"}}…{{/row}}",
        meaning: "A label and a value: in the text part a line, with the values one below the \
                  other; in HTML a row of a table. The value stands on lines of its own.",
        takes: ArgumentKind::Text,
        arguments: (1, 1),
        named: &[],
        example: "{{#row \"City\"}}{{job.city}}{{/row}}",
    },
    HelperDocumentation {
        name: "step",
        usage: "{{#step 1}}…{{/step}}",
        meaning: "One numbered step of a list of things to do: in HTML an item of a list.",
        takes: ArgumentKind::Integer,
        arguments: (1, 1),
        named: &[],
        example: "{{#step 1}}Look at the log.{{/step}}",
    },
];
