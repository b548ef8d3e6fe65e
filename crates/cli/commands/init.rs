//! `vigie init`: a config to start from.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use anyhow::{Context, bail};

use crate::arguments::InitArguments;
use crate::config::TEMPLATE;

pub fn run(arguments: &InitArguments) -> anyhow::Result<ExitCode> {
    let dir = &arguments.dir;
    let deposit = dir.join("deposit");
    fs::create_dir_all(&deposit)
        .with_context(|| format!("could not create {}", deposit.display()))?;
    let path = dir.join("vigie.toml");
    let created = OpenOptions::new().write(true).create_new(true).open(&path);
    let mut file = match created {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => bail!(
            "{} is there already and was left as it is; choose another folder with --dir",
            path.display()
        ),
        created => created.with_context(|| format!("could not create {}", path.display()))?,
    };
    file.write_all(TEMPLATE.as_bytes())
        .with_context(|| format!("could not write {}", path.display()))?;
    let shown = path.display();
    println!(
        "Wrote {shown}; agents are to drop their backups in {}.",
        deposit.display()
    );
    println!("Next: say in it who is told (mail.admin_email_recipient), then");
    println!("  vigie config check --config {shown}");
    println!("  vigie run --config {shown}");
    Ok(ExitCode::SUCCESS)
}
