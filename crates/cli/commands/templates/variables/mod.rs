//! `vigie templates variables`: what templates can use, as it is known to those who check them. Knows
//! no template of anybody's own.

mod page;

use std::io::{self, Write};
use std::process::ExitCode;

use serde::Serialize;
use vigie_notify::{
    HANDLEBARS_HELPERS, HELPERS, HelperDocumentation, HelperExample, Locale, MailKind, Variable,
    helper_examples, variables,
};

use crate::arguments::{VariablesArguments, VariablesFormat};

/// What templates can use, as `--format json` shows it. The keys are stable.
#[derive(Debug, Serialize)]
struct Vocabulary {
    mails: Vec<MailVariables>,
    helpers: Vec<Helper>,
    handlebars_helpers: &'static [&'static str],
}

#[derive(Debug, Serialize)]
struct MailVariables {
    mail: &'static str,
    variables: Vec<Variable>,
}

#[derive(Debug, Serialize)]
struct Helper {
    name: &'static str,
    usage: &'static str,
    meaning: &'static str,
    example: HelperExample,
}

pub fn run(arguments: &VariablesArguments) -> anyhow::Result<ExitCode> {
    let vocabulary = Vocabulary::of(arguments.mail)?;
    let mut out = io::stdout().lock();
    match arguments.format {
        VariablesFormat::Json => {
            serde_json::to_writer_pretty(&mut out, &vocabulary)?;
            writeln!(out)?;
        }
        VariablesFormat::Text => print(&mut out, &vocabulary)?,
        VariablesFormat::Markdown => page::print(&mut out, &vocabulary)?,
    }
    Ok(ExitCode::SUCCESS)
}

impl Vocabulary {
    fn of(mail: Option<MailKind>) -> anyhow::Result<Self> {
        let mails = MailKind::ALL.into_iter();
        let mails = mails.filter(|known| mail.is_none_or(|mail| mail == *known));
        let helper = |(helper, example): (&HelperDocumentation, HelperExample)| Helper {
            name: helper.name,
            usage: helper.usage,
            meaning: helper.meaning,
            example,
        };
        let examples = helper_examples(&Locale::EN)?;
        Ok(Self {
            mails: mails
                .map(|mail| MailVariables {
                    mail: mail.as_str(),
                    variables: variables(mail),
                })
                .collect(),
            helpers: HELPERS.iter().zip(examples).map(helper).collect(),
            handlebars_helpers: &HANDLEBARS_HELPERS,
        })
    }
}

fn print(out: &mut dyn Write, vocabulary: &Vocabulary) -> io::Result<()> {
    for MailVariables { mail, variables } in &vocabulary.mails {
        writeln!(out, "Variables of the {mail} mail\n")?;
        for variable in variables {
            let kind = kind_of(variable);
            writeln!(out, "  {}  ({kind})", variable.name)?;
            writeln!(out, "      {}", variable.meaning)?;
            if !variable.example.is_null() {
                writeln!(out, "      such as {}", variable.example)?;
            }
        }
        writeln!(out)?;
    }
    writeln!(out, "Helpers\n")?;
    for helper in &vocabulary.helpers {
        writeln!(out, "  {}\n      {}", helper.usage, helper.meaning)?;
        writeln!(out, "      {} writes", helper.example.template)?;
        for line in helper.example.text.trim_end().lines() {
            writeln!(out, "        | {line}")?;
        }
    }
    let names = vocabulary.handlebars_helpers.join(", ");
    writeln!(out, "\nHandlebars' own helpers: {names}")
}

/// `text, or null`.
fn kind_of(variable: &Variable) -> String {
    let kind = variable.kind.as_str();
    if variable.nullable {
        format!("{kind}, or null")
    } else {
        kind.to_owned()
    }
}
