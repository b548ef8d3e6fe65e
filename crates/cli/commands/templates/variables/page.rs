//! The page about templates, in Markdown: the words of its introduction, and tables of what there is.

use std::cmp::Reverse;
use std::io::{self, Write};

use vigie_notify::{HELPERS, Templates, Variable};

use super::{Helper, MailVariables, Vocabulary, kind_of};

const INTRODUCTION: &str = include_str!("introduction.md");

pub(super) fn print(out: &mut dyn Write, vocabulary: &Vocabulary) -> io::Result<()> {
    let words = Templates::built_in_file("en/wording.toml").unwrap_or_default();
    write!(
        out,
        "{}",
        INTRODUCTION.replace("{{WORDING}}", words.trim_end())
    )?;
    writeln!(out, "\n## Variables\n")?;
    writeln!(
        out,
        "What is not known is null, never left out. Behind `[]` stands what each element of a list \
         has."
    )?;
    for (heading, variables) in tables(&vocabulary.mails) {
        print_table(out, &heading, &variables)?;
    }
    print_helpers(out, vocabulary)
}

/// The variables, each in the table of the mails that have it; those of most mails come first.
fn tables(mails: &[MailVariables]) -> Vec<(String, Vec<&Variable>)> {
    let mut tables: Vec<(Vec<&str>, Vec<&Variable>)> = Vec::new();
    for MailVariables { variables, .. } in mails {
        for variable in variables {
            let having: Vec<&str> = mails
                .iter()
                .filter(|mail| mail.variables.iter().any(|other| is_same(variable, other)))
                .map(|mail| mail.mail)
                .collect();
            match tables.iter_mut().find(|(mails, _)| *mails == having) {
                None => tables.push((having, vec![variable])),
                Some((_, known)) if known.iter().any(|known| is_same(known, variable)) => {}
                Some((_, known)) => known.push(variable),
            }
        }
    }
    tables.sort_by_key(|(having, _)| Reverse(having.len()));
    let heading = |having: &[&str]| match having {
        [mail] => format!("The {mail} mail"),
        having if having.len() == mails.len() => "Every mail".to_owned(),
        [others @ .., last] => format!("The mails {} and {last}", others.join(", ")),
        [] => String::new(),
    };
    let headed = tables.into_iter();
    headed
        .map(|(having, variables)| (heading(&having), variables))
        .collect()
}

/// Whether both are told in the same words; their examples may differ.
fn is_same(one: &Variable, other: &Variable) -> bool {
    one.name == other.name && one.meaning == other.meaning && kind_of(one) == kind_of(other)
}

fn print_table(out: &mut dyn Write, heading: &str, variables: &[&Variable]) -> io::Result<()> {
    writeln!(out, "\n### {heading}\n")?;
    writeln!(out, "| variable | type | meaning | example |")?;
    writeln!(out, "| --- | --- | --- | --- |")?;
    for variable in variables {
        let example = if variable.example.is_null() {
            String::new()
        } else {
            format!("`{}`", cell(&variable.example.to_string()))
        };
        writeln!(
            out,
            "| `{}` | {} | {} | {example} |",
            cell(&variable.name),
            kind_of(variable),
            cell(&variable.meaning)
        )?;
    }
    Ok(())
}

/// A text in a table, where a bar would end the cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn print_helpers(out: &mut dyn Write, vocabulary: &Vocabulary) -> io::Result<()> {
    writeln!(out, "\n## Helpers\n")?;
    writeln!(
        out,
        "What each example writes into the text part, in English and in the time zone \
         Africa/Douala."
    )?;
    for Helper {
        name,
        usage,
        meaning,
        example,
    } in &vocabulary.helpers
    {
        writeln!(out, "\n### `{name}`\n\n`{usage}`: {meaning}\n")?;
        writeln!(out, "```handlebars\n{}\n```\n", example.template)?;
        writeln!(out, "```text\n{}\n```", example.text.trim_end())?;
    }
    let names: Vec<String> = vocabulary
        .handlebars_helpers
        .iter()
        .map(|name| format!("`{name}`"))
        .collect();
    let with_default: Vec<String> = HELPERS
        .iter()
        .filter(|helper| helper.named.contains(&"default"))
        .map(|helper| format!("`{}`", helper.name))
        .collect();
    writeln!(
        out,
        "\nWith `default=\"…\"` these write something else for a null: {}.\n\nHandlebars' own \
         helpers can be called too: {}.",
        with_default.join(", "),
        names.join(", ")
    )
}
