//! `vigie demo`: a deposit that covers every status, scanned at a fixed instant, and the mails that
//! come of it. Everything is real but the agents and the clock.

mod deposit;

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, bail};
use async_trait::async_trait;
use jiff::Timestamp;
use vigie_notify::{Mail, Receipt, Transport, TransportError};

use self::deposit::{DAY_BEFORE, DECLARED_AT, SCANNED_AT, TODAY};
use crate::arguments::DemoArguments;
use crate::commands::scan::{self, ScanOutcome};
use crate::config::Config;
use crate::cycle::cycle;
use crate::delivery::deliver;
use crate::lock::CycleLock;
use crate::mails::transport;
use crate::progress::Showing;
use crate::vigie::{Vigie, load_config_alone};

/// Tells a demo's folder from any other, so that only the former is ever deleted.
const MARKER: &str = ".vigie-demo";

pub async fn run(arguments: &DemoArguments) -> anyhow::Result<ExitCode> {
    let dir = &arguments.dir;
    make_room(dir)?;
    fs::write(dir.join("vigie.toml"), deposit::CONFIG)
        .with_context(|| format!("could not write to {}", dir.display()))?;
    // A variable that names the real deposit or database is not meant for the demo.
    let config = load_config_alone(&dir.join("vigie.toml"))?;
    let mails = Arc::new(Shown::new(transport(&config)?));
    let result = replay(config, mails.clone(), dir).await?;
    tell(&mut io::stdout().lock(), dir, &result, &mails)?;
    Ok(ExitCode::SUCCESS)
}

/// Lives through the two days before the scan, so that there is a last good backup to tell of.
async fn replay(config: Config, mails: Arc<Shown>, dir: &Path) -> anyhow::Result<ScanOutcome> {
    let root = dir.join("deposit");
    let instant = |text: &str| text.parse::<Timestamp>();
    fs::create_dir_all(&root).with_context(|| format!("could not create {}", root.display()))?;
    let vigie = Vigie::with_transport(config, mails).await?;
    let lock = CycleLock::take(&vigie.config.database.path)?;
    vigie.declare_jobs(&lock, instant(DECLARED_AT)?).await?;
    deposit::drop_reports(&root, &DAY_BEFORE)?;
    let day_before = instant(DAY_BEFORE.read_at)?;
    cycle(&vigie, &lock, day_before, None, &Showing::nothing()).await?;
    deliver(&vigie, day_before).await?;
    deposit::drop_reports(&root, &TODAY)?;
    let scanned_at = instant(SCANNED_AT)?;
    let cycle = cycle(&vigie, &lock, scanned_at, None, &Showing::nothing()).await?;
    let mails = deliver(&vigie, scanned_at).await?;
    vigie.store.close().await;
    Ok(ScanOutcome { cycle, mails })
}

fn make_room(dir: &Path) -> anyhow::Result<()> {
    let shown = dir.display();
    if dir.join(MARKER).is_file() {
        fs::remove_dir_all(dir).with_context(|| format!("could not remove the demo in {shown}"))?;
    } else if fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some()) {
        bail!("{shown} is not empty and holds no demo; choose another folder with --dir");
    }
    fs::create_dir_all(dir).with_context(|| format!("could not create {shown}"))?;
    fs::write(
        dir.join(MARKER),
        "This folder is made anew by `vigie demo`.\n",
    )
    .with_context(|| format!("could not write to {shown}"))
}

fn tell(
    out: &mut dyn Write,
    dir: &Path,
    result: &ScanOutcome,
    mails: &Shown,
) -> anyhow::Result<()> {
    let dir = dir.display();
    writeln!(
        out,
        "A deposit with 8 agents, scanned as if it were {SCANNED_AT}:\n"
    )?;
    scan::print(out, result)?;
    writeln!(out, "\nWhat the administrator got, in {dir}/mails:")?;
    let mails = mails.mails.lock().unwrap_or_else(PoisonError::into_inner);
    for mail in mails.iter() {
        writeln!(out, "  {}", mail.subject)?;
    }
    if let Some(urgent) = mails.iter().find(|mail| mail.urgent) {
        writeln!(out, "\nThe most urgent of them:\n")?;
        for line in urgent.text.lines() {
            writeln!(out, "  | {line}")?;
        }
    }
    writeln!(out, "\nGo on with:")?;
    writeln!(out, "  vigie status --config {dir}/vigie.toml")?;
    writeln!(out, "  vigie history SHOP_2025 --config {dir}/vigie.toml")?;
    Ok(())
}

/// Delivers as the config says, and remembers what went out.
struct Shown {
    transport: Arc<dyn Transport>,
    mails: Mutex<Vec<Mail>>,
}

impl Shown {
    fn new(transport: Arc<dyn Transport>) -> Self {
        Self {
            transport,
            mails: Mutex::new(Vec::new()),
        }
    }
}

#[async_trait]
impl Transport for Shown {
    async fn send(&self, mail: &Mail) -> Result<Receipt, TransportError> {
        let receipt = self.transport.send(mail).await?;
        self.mails
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(mail.clone());
        Ok(receipt)
    }
}
