//! Templates that are broken in every way that somebody has thought of, and what is said of each.

use vigie_notify::MailKind;

pub const SUBJECT: &str = "en/missing/subject.txt.hbs";
pub const TEXT: &str = "en/missing/body.txt.hbs";
pub const HTML: &str = "en/missing/body.html.hbs";
pub const ENTRY: &str = "en/entry/body.txt.hbs";
pub const FOOT: &str = "en/partials/foot.hbs";

pub const MISSING: &[MailKind] = &[MailKind::Missing];
pub const ENTRY_MAIL: &[MailKind] = &[MailKind::Entry];
pub const UNDELIVERED: &[MailKind] = &[MailKind::Undelivered];
pub const OF_NO_JOB: &[MailKind] = &[
    MailKind::Group,
    MailKind::Outage,
    MailKind::Summary,
    MailKind::Digest,
    MailKind::Undelivered,
];
pub const ALL: &[MailKind] = &MailKind::ALL;
pub const NONE: &[MailKind] = &[];

/// A template that is broken.
pub struct Case {
    pub what: &'static str,
    /// Each file's path and text.
    pub files: Vec<(String, String)>,
    /// What is said of it.
    pub fault: &'static str,
    /// The mails that are written with the built-in templates.
    pub falls_back: &'static [MailKind],
}

/// Every case.
pub fn cases() -> Vec<Case> {
    let written = [MISSPELT, MISUSED, MALFORMED].concat();
    written
        .into_iter()
        .map(|(what, path, text, fault, falls_back)| case(what, path, text, fault, falls_back))
        .chain(endless())
        .chain(too_large())
        .collect()
}

type Row = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static [MailKind],
);

fn case(
    what: &'static str,
    path: &str,
    text: impl Into<String>,
    fault: &'static str,
    falls_back: &'static [MailKind],
) -> Case {
    Case {
        what,
        files: vec![(path.to_owned(), text.into())],
        fault,
        falls_back,
    }
}

impl Case {
    fn with(mut self, path: &str, text: impl Into<String>) -> Self {
        self.files.push((path.to_owned(), text.into()));
        self
    }
}

fn nested(open: &str, inner: &str, close: &str, times: usize) -> String {
    open.repeat(times) + inner + &close.repeat(times)
}

const MISSPELT: &[Row] = &[
    (
        "a misspelt variable",
        SUBJECT,
        "Help! {{job.databse}}",
        "en/missing/subject.txt.hbs:1:9: the missing mail has no variable `job.databse`; did \
             you mean `job.database`?",
        MISSING,
    ),
    (
        "a variable without its object",
        SUBJECT,
        "{{database}}",
        "en/missing/subject.txt.hbs:1:3: the missing mail has no variable `database`; did you \
             mean `job.database`?",
        MISSING,
    ),
    (
        "a misspelt variable in an if",
        TEXT,
        "x\n{{#if expectd_at}}late{{/if}}",
        "en/missing/body.txt.hbs:2:7: the missing mail has no variable `expectd_at`; did you \
             mean `expected_at`?",
        MISSING,
    ),
    (
        "a misspelt variable in an else if",
        TEXT,
        "x {{#if last_good}}a{{else if overdue_secs}}b{{/if}}",
        "en/missing/body.txt.hbs:1:31: the missing mail has no variable `overdue_secs`",
        MISSING,
    ),
    (
        "a misspelt variable in a branch that is not taken",
        ENTRY,
        "x\n\n{{#if (eq status \"NEVER\")}}\n  {{job.citty}}\n{{/if}}",
        "en/entry/body.txt.hbs:4:5: the entry mail has no variable `job.citty`; did you mean \
             `job.city`?",
        ENTRY_MAIL,
    ),
    (
        "a misspelt variable in an else",
        TEXT,
        "x {{#if job}}a{{else}}{{jbo.id}}{{/if}}",
        "en/missing/body.txt.hbs:1:25: the missing mail has no variable `jbo.id`",
        MISSING,
    ),
    (
        "a misspelt variable in a partial of all mails",
        FOOT,
        "Call {{job.agnet}}",
        "en/partials/foot.hbs:1:8: there is no variable `job.agnet` here; did you mean \
             `job.agent`?",
        ALL,
    ),
    (
        "a misspelt variable above a list",
        ENTRY,
        "x {{#each stages}}{{../job.databse}}{{/each}}",
        "en/entry/body.txt.hbs:1:21: there is no variable `../job.databse` here; did you mean \
             `job.database`?",
        ENTRY_MAIL,
    ),
    (
        "a misspelt variable of a list's element",
        ENTRY,
        "x {{#each stages as |stage|}}{{stage.nmae}}{{/each}}",
        "en/entry/body.txt.hbs:1:32: there is no variable `stage.nmae` here; did you mean \
             `name`?",
        ENTRY_MAIL,
    ),
    (
        "a misspelt list",
        ENTRY,
        "x {{#each stage}}{{name}}{{/each}}",
        "en/entry/body.txt.hbs:1:11: the entry mail has no variable `stage`; did you mean \
             `stages`?",
        ENTRY_MAIL,
    ),
    (
        "a misspelt object",
        TEXT,
        "x {{#with last_god}}{{size}}{{/with}}",
        "en/missing/body.txt.hbs:1:11: the missing mail has no variable `last_god`",
        MISSING,
    ),
    (
        "a variable of the other mail",
        SUBJECT,
        "[{{status}}]",
        "en/missing/subject.txt.hbs:1:4: the missing mail has no variable `status`; did you \
             mean `job.status`?",
        MISSING,
    ),
    (
        "a var that the config does not set",
        SUBJECT,
        "{{vars.phone}}",
        "en/missing/subject.txt.hbs:1:3: there is no variable `vars.phone`; add it to \
             [templates.vars] in the config",
        MISSING,
    ),
    (
        "an unknown helper",
        TEXT,
        "x {{byets last_good.size}}",
        "en/missing/body.txt.hbs:1:5: there is no helper `byets`; did you mean `bytes`?",
        MISSING,
    ),
    (
        "an unknown helper within another",
        TEXT,
        "x {{#if (equals job.status \"OK\")}}y{{/if}}",
        "en/missing/body.txt.hbs:1:10: there is no helper `equals`",
        MISSING,
    ),
    (
        "an unknown partial",
        TEXT,
        "x {{> fot}}",
        "en/missing/body.txt.hbs:1:7: there is no partial `fot`; did you mean `foot`?",
        MISSING,
    ),
    (
        "an unknown partial with something to stand in for it",
        TEXT,
        "x {{#> nothing-like-it}}y{{/nothing-like-it}}",
        "en/missing/body.txt.hbs:1:8: there is no partial `nothing-like-it`",
        MISSING,
    ),
    (
        "an unknown argument",
        TEXT,
        "x {{date now defualt=\"-\"}}",
        "en/missing/body.txt.hbs:1:14: `date` takes no argument `defualt`; did you mean `default`?",
        MISSING,
    ),
    (
        "a status that never is",
        ENTRY,
        "x {{#if (eq status \"HASH_MISMATCHED\")}}y{{/if}}",
        "en/entry/body.txt.hbs:1:20: this is never \"HASH_MISMATCHED\"; did you mean \
             \"HASH_MISMATCH\"?",
        ENTRY_MAIL,
    ),
    (
        "a file that is misspelt",
        "en/missing/subjct.txt.hbs",
        "mine",
        "en/missing/subjct.txt.hbs: no mail uses this file; did you mean \
             en/missing/subject.txt.hbs?",
        NONE,
    ),
    (
        "a folder that is no language",
        "templates/en/missing/subject.txt.hbs",
        "mine",
        "\"templates\" is no language",
        NONE,
    ),
];

const MISUSED: &[Row] = &[
    (
        "a list that is none",
        TEXT,
        "x {{#each job.database}}y{{/each}}",
        "en/missing/body.txt.hbs:1:11: `each` takes a list, and `job.database` is text",
        MISSING,
    ),
    (
        "an object as text",
        SUBJECT,
        "{{job}}",
        "en/missing/subject.txt.hbs:1:3: `job` is no text; name one of its parts: agent, city",
        MISSING,
    ),
    (
        "a list as text",
        ENTRY,
        "{{stages}}",
        "en/entry/body.txt.hbs:1:3: `stages` is a list; write `{{#each stages}}…{{/each}}`",
        ENTRY_MAIL,
    ),
    (
        "a helper for another type",
        TEXT,
        "x {{bytes job.database}}",
        "en/missing/body.txt.hbs:1:11: `bytes` takes a number, and `job.database` is text",
        MISSING,
    ),
    (
        "a helper without its argument",
        TEXT,
        "x {{date}}",
        "en/missing/body.txt.hbs:1:5: `date` is called so: {{date at}}",
        MISSING,
    ),
    (
        "a block that is none",
        TEXT,
        "x {{#date now}}y{{/date}}",
        "en/missing/body.txt.hbs:1:6: `date` is no block: write `{{date …}}`",
        MISSING,
    ),
    (
        "a block as if it were none",
        TEXT,
        "x {{wrap \"y\"}}",
        "en/missing/body.txt.hbs:1:5: `wrap` is a block: write `{{#wrap}}…{{/wrap}}`",
        MISSING,
    ),
    (
        "a column that is misspelt",
        ENTRY,
        "x {{#if (eq status \"UNKNOWN\")}}{{table stages \"nmae\" \"Stage\"}}{{/if}}",
        "en/entry/body.txt.hbs:1:47: there is no field `nmae`; did you mean `name`?",
        ENTRY_MAIL,
    ),
    (
        "a partial that needs something to stand in it",
        HTML,
        "{{#if links.runbook}}{{> html-start badge=\"MISSING\"}}{{/if}}x",
        "en/partials/html-start.hbs:19:5: this file is included without anything to stand here",
        MISSING,
    ),
    (
        "two conditions in one if",
        TEXT,
        "x {{#if job.city \"DOUALA\"}}y{{/if}}",
        "en/missing/body.txt.hbs:1:6: `if` takes 1 arguments, and this gives 2",
        MISSING,
    ),
    (
        "a misspelt argument of an if",
        TEXT,
        "x {{#if job.year includeZer=true}}y{{/if}}",
        "en/missing/body.txt.hbs:1:18: `if` takes no argument `includeZer`; did you mean \
         `includeZero`?",
        MISSING,
    ),
    (
        "a text that is always true",
        ENTRY,
        "x {{#if (or (eq status \"FAILED\") \"MISSING\")}}y{{/if}}",
        "en/entry/body.txt.hbs:1:34: \"MISSING\" alone is always true; compare it with `eq`",
        ENTRY_MAIL,
    ),
    (
        "a number held against text",
        TEXT,
        "x {{#if (eq job.year \"2025\")}}y{{/if}}",
        "en/missing/body.txt.hbs:1:22: a number is never \"2025\"; leave the quotes out",
        MISSING,
    ),
    (
        "a reason that never is",
        ENTRY,
        "x {{#if (eq reason.code \"SUCCESS\")}}y{{/if}}",
        "en/entry/body.txt.hbs:1:25: this is never \"SUCCESS\"; it can be stage_failed",
        ENTRY_MAIL,
    ),
    (
        "a name that is looked up",
        TEXT,
        "x {{lookup job \"databse\"}}",
        "en/missing/body.txt.hbs:1:16: the missing mail has no variable `databse`; did you mean \
         `database`?",
        MISSING,
    ),
    (
        "a part of what can be null",
        ENTRY,
        "x {{#if (eq reason.code \"still_growing\")}}{{date last_good.ended_at}}{{/if}}",
        "en/entry/body.txt.hbs:1:50: `last_good` can be null: ask with `{{#if last_good}}` first",
        ENTRY_MAIL,
    ),
    (
        "a status that is none",
        ENTRY,
        "x {{status_name overall_status}}",
        "en/entry/body.txt.hbs:1:17: `status_name` takes a status, and `overall_status` is none",
        ENTRY_MAIL,
    ),
    (
        "values of agents under the name of those of the operator",
        HTML,
        "<p>{{#with job as |vars|}}{{{vars.database}}}{{/with}}</p>",
        "en/missing/body.html.hbs:1:30: `{{{vars.database}}}` would write what comes from agents",
        MISSING,
    ),
    (
        "a link to where an agent wants",
        HTML,
        "<p><a href=\"{{job.database}}\">x</a></p>",
        "en/missing/body.html.hbs:1:15: `job.database` stands in `href=`, where it could be code",
        MISSING,
    ),
    (
        "a value without quotes",
        HTML,
        "<p title={{job.database}}>x</p>",
        "en/missing/body.html.hbs:1:12: `job.database` stands in `title=` without quotes",
        MISSING,
    ),
    (
        "an inline partial before it is defined",
        ENTRY,
        "x {{#if unchanged}}{{> m}}{{/if}}{{#*inline \"m\"}}y{{/inline}}",
        "en/entry/body.txt.hbs:1:24: there is no partial `m`",
        ENTRY_MAIL,
    ),
    (
        "an index without a list",
        TEXT,
        "x {{@index}}",
        "en/missing/body.txt.hbs:1:5: `@index` means nothing here: it belongs within `{{#each}}`",
        MISSING,
    ),
    (
        "a way up where there is no more",
        TEXT,
        "x {{../../now}}",
        "en/missing/body.txt.hbs:1:5: `../../now` goes further up than there are blocks",
        MISSING,
    ),
    (
        "values as markup",
        HTML,
        "<p>{{{job.database}}}</p>",
        "en/missing/body.html.hbs:1:7: `{{{job.database}}}` would write what comes from \
             agents as markup; write `{{job.database}}`",
        MISSING,
    ),
    (
        "values as markup, written otherwise",
        HTML,
        "<p>{{& job.database}}</p>",
        "would write what comes from agents as markup",
        MISSING,
    ),
    (
        "a partial whose name is computed",
        TEXT,
        "x {{> (lookup job \"database\")}}",
        "en/missing/body.txt.hbs:1:3: a partial must be included by its name",
        MISSING,
    ),
    (
        "a decorator",
        TEXT,
        "x {{* evil}}",
        "en/missing/body.txt.hbs:1:7: there is no decorator `evil`",
        MISSING,
    ),
    (
        "an empty subject",
        SUBJECT,
        "",
        "en/missing/subject.txt.hbs: this writes nothing",
        MISSING,
    ),
    (
        "a subject that is empty for some",
        SUBJECT,
        "{{#if last_good}}{{job.database}}{{/if}}\n",
        "en/missing/subject.txt.hbs: this writes nothing (in the sample missing.minimal)",
        MISSING,
    ),
    (
        "an empty text",
        TEXT,
        " \n",
        "en/missing/body.txt.hbs: this writes nothing",
        MISSING,
    ),
];

const MALFORMED: &[Row] = &[
    (
        "a block that is not closed",
        TEXT,
        "x\n{{#if job}}\ny",
        "en/missing/body.txt.hbs:2:1: `{{#if}}` is never closed: `{{/if}}` is missing",
        MISSING,
    ),
    (
        "a block that is closed as another",
        TEXT,
        "x {{#if job}}y{{/each}}",
        "en/missing/body.txt.hbs:1:15: `{{/each}}` stands where `{{/if}}` is needed",
        MISSING,
    ),
    (
        "a tag that is not closed",
        SUBJECT,
        "{{job.database}",
        "en/missing/subject.txt.hbs:1:1: this tag is never closed: `}}` is missing",
        MISSING,
    ),
    (
        "a comment that is not closed",
        TEXT,
        "x\n{{!-- TODO: {{job.agent}}\n",
        "en/missing/body.txt.hbs:2:1: this comment is never closed: `--}}` is missing",
        MISSING,
    ),
    (
        "a variable that not every mail has, in a partial of all mails",
        FOOT,
        "Call {{job.agent}}",
        "en/partials/foot.hbs:1:8: there is no variable `job.agent` here (in the undelivered mail)",
        OF_NO_JOB,
    ),
    (
        "a variable of another mail",
        "en/undelivered/subject.txt.hbs",
        "{{job.database}}",
        "en/undelivered/subject.txt.hbs:1:3: the undelivered mail has no variable `job.database`",
        UNDELIVERED,
    ),
    (
        "a part of each refused mail that may not be told",
        "en/undelivered/body.txt.hbs",
        "{{#each mails}}{{quote txt}}{{/each}}",
        "en/undelivered/body.txt.hbs:1:24: there is no variable `txt` here; did you mean `text`?",
        UNDELIVERED,
    ),
    (
        "a partial that includes itself",
        FOOT,
        "x {{> foot}}",
        "en/partials/foot.hbs:1:7: the partial `foot` includes itself",
        ALL,
    ),
    (
        "words that are no TOML",
        "en/wording.toml",
        "[note\n",
        "en/wording.toml:1:6: this is no valid TOML",
        ALL,
    ),
    (
        "words that mean nothing",
        "en/wording.toml",
        "[note]\nbuild_in = \"x\"\n",
        "en/wording.toml:2:1: there is no key `build_in`; did you mean `built_in`?",
        ALL,
    ),
    (
        "a date without its day",
        "en/wording.toml",
        "[date]\nformat = \"{month} {year}, {time}\"\n",
        "en/wording.toml:2:1: `format` must hold {day}",
        ALL,
    ),
    (
        "words that lose what they are about",
        "en/wording.toml",
        "[duration]\npast = \"long ago\"\n",
        "en/wording.toml:2:1: `past` must hold {duration}",
        ALL,
    ),
];

/// Lists that would take for ever.
fn endless() -> Vec<Case> {
    vec![
        case(
            "lists within lists within lists",
            ENTRY,
            nested(
                "{{#each @root.stages}}",
                &"{{pad \"x\" 200}}".repeat(10),
                "{{/each}}",
                9,
            ),
            "lists stand too deep within each other",
            ENTRY_MAIL,
        ),
        case(
            "lists within lists that write nothing",
            ENTRY,
            "x".to_owned() + &nested("{{#each @root.stages}}", "", "{{/each}}", 30),
            "lists stand too deep within each other",
            ENTRY_MAIL,
        ),
        case(
            "lists within lists by way of partials",
            ENTRY,
            "x{{#each stages}}{{> p}}{{/each}}",
            "lists stand too deep within each other",
            ENTRY_MAIL,
        )
        .with(
            "en/partials/p.hbs",
            "{{#each @root.stages}}{{> q}}{{/each}}",
        )
        .with(
            "en/partials/q.hbs",
            "{{#each @root.stages}}{{> r}}{{/each}}",
        )
        .with("en/partials/r.hbs", "{{#each @root.stages}}{{/each}}"),
        case(
            "lists that write too much",
            ENTRY,
            nested(
                "{{#each @root.stages}}",
                &"{{@root.job.id}}".repeat(1_500),
                "{{/each}}",
                2,
            ),
            "this mail writes too much, over and over",
            ENTRY_MAIL,
        ),
    ]
}

/// What would take for ever otherwise, or overflow the stack.
fn too_large() -> Vec<Case> {
    vec![
        case(
            "partials that include each other",
            FOOT,
            "{{> a}}",
            "en/partials/b.hbs:1:5: the partial `a` includes itself",
            ALL,
        )
        .with("en/partials/a.hbs", "{{> b}}")
        .with("en/partials/b.hbs", "{{> a}}"),
        case(
            "partials that include each other ten times",
            FOOT,
            "{{> p0}}",
            "this mail writes too much, over and over",
            ALL,
        )
        .with("en/partials/p0.hbs", "{{> p1}}".repeat(10))
        .with("en/partials/p1.hbs", "{{> p2}}".repeat(10))
        .with("en/partials/p2.hbs", "{{> p3}}".repeat(10))
        .with("en/partials/p3.hbs", "{{> p4}}".repeat(10))
        .with("en/partials/p4.hbs", "x"),
        case(
            "hundreds of blocks in each other",
            TEXT,
            nested("{{#if job}}", "", "{{/if}}", 900),
            "en/missing/body.txt.hbs: this has 900 blocks, and more than 500 are not taken",
            MISSING,
        ),
        case(
            "hundreds of else ifs",
            TEXT,
            "{{#if job}}".to_owned() + &"{{else if job}}".repeat(900) + "{{/if}}",
            "this has 901 blocks",
            MISSING,
        ),
        case(
            "ten thousand parentheses",
            TEXT,
            format!(
                "{{{{#if {}}}}}{{{{/if}}}}",
                nested("(not ", "job", ")", 10_000)
            ),
            "this opens 10000 parentheses",
            MISSING,
        ),
        case(
            "blocks that an escaped tag seems to close",
            TEXT,
            "\\{{/if}}{{#if job}}".repeat(400) + "x" + &"{{/if}}".repeat(400),
            "blocks and partials stand too deep within each other",
            MISSING,
        ),
        case(
            "blocks within partials within partials",
            FOOT,
            nested("{{#if job}}", "{{> p}}", "{{/if}}", 60),
            "blocks and partials stand too deep within each other",
            ALL,
        )
        .with(
            "en/partials/p.hbs",
            nested("{{#if job}}", "x", "{{/if}}", 60),
        ),
        case(
            "a file with too many tags",
            TEXT,
            "{{job.id}}".repeat(20_000),
            "this has 20000 tags, and more than 2000 are not taken",
            MISSING,
        ),
    ]
}

/// Templates that nothing is wrong with, however unusual they are.
pub const SOUND: &[&str] = &[
    "{{#each stages as |stage index|}}{{index}} {{stage.name}} {{@index}} {{@first}}{{/each}}",
    "{{#each stages}}{{this.name}} {{../job.database}} {{@root.job.city}} {{@root/now}}{{/each}}",
    "{{#with job as |j|}}{{j.database}} {{database}} {{../status}}{{/with}}",
    "{{#if last_good}}{{bytes last_good.size}}{{else}}none{{/if}}",
    "{{#unless last_good}}none{{else}}{{bytes last_good.size}}{{/unless}}",
    "{{#if (and last_good expected_at)}}{{date last_good.ended_at}}{{/if}}",
    "{{#with last_good}}{{bytes size}}{{else}}none{{/with}}",
    "{{#if last_good}}{{#each stages}}{{bytes @root.last_good.size}}{{/each}}{{/if}}",
    "{{lookup job \"database\"}} {{#with (lookup stages 0)}}{{name}}{{/with}}",
    "{{#if (or (eq status \"FAILED\") (eq status \"MISSING\"))}}x{{^}}y{{/if}}",
    "{{#eq status \"FAILED\"}}x{{else}}y{{/eq}}",
    "{{#if job.year includeZero=true}}x{{/if}}{{#unless unchanged}}y{{/unless}}",
    "{{~#if unchanged~}} x {{~else if is_server_fault~}} y {{~else~}} z {{~/if~}}",
    "{{#*inline \"m\"}}{{who}}{{/inline}}{{> m who=\"x\"}}{{> m who=job.city}}",
    "{{#if unchanged}}{{#*inline \"m\"}}x{{/inline}}{{> m}}{{/if}}y",
    "{{#*inline \"m\"}}{{#each @root.stages}}{{label}} {{name}}{{/each}}{{/inline}}{{> m label=\"x\"}}",
    "{{#*inline \"card\"}}[{{title}}: {{> @partial-block}}]{{/inline}}\
     {{#> card title=\"T\"}}{{title}} {{job.database}}{{/card}}",
    "{{#*inline \"page\"}}[{{> nav}}]{{/inline}}{{#> page}}{{#*inline \"nav\"}}N{{/inline}}{{/page}}",
    "{{#each stages as |stage|}}{{#*inline \"p\"}}{{stage.name}}{{/inline}}{{> p}}{{/each}}",
    "{{{{raw}}}}{{#if}} is text {{{{/raw}}}}",
    "{{!-- {{#if}} is a comment --}}{{! so is this }}x",
    "{{date \"2025-06-20T08:37:35Z\"}} {{vars.motto}} {{{vars.motto}}}",
    "{{#with vars}}{{{motto}}}{{/with}}{{#if (eq vars.motto \"x\")}}y{{/if}}",
    "{{len stages}} {{upper (status_name status)}} {{default job.city \"nowhere\"}}",
];
