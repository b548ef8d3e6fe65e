//! What `vigie run` takes over while it goes on: templates whenever a file of theirs has changed, and
//! the whole config when it is told to. Does no cycle.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use tokio::task::{JoinHandle, spawn_blocking};
use tracing::{error, info, warn};
use vigie_notify::{TemplateFiles, Templates};

use crate::causes::causes;
use crate::config::Config;
use crate::mails::{log_faults, template_builder};
use crate::vigie::{Vigie, load_config};

/// How long reading the folder of templates may hold up a cycle: it may lie on a disk that hangs.
const READING: Duration = Duration::from_secs(5);

/// Notices that a template has changed.
pub struct TemplateWatch {
    /// The files that were last taken over, or refused.
    seen: TemplateFiles,
    /// The files as they were in the cycle before, when they were others already.
    changed: Option<TemplateFiles>,
    reading: Option<JoinHandle<TemplateFiles>>,
}

impl TemplateWatch {
    pub fn new(vigie: &Vigie) -> Self {
        Self {
            seen: vigie.planner.composer().templates().files().clone(),
            changed: None,
            reading: None,
        }
    }

    /// Takes templates over that have changed, all of them or none: once they are the same in two
    /// cycles, as somebody may still be copying them. The files themselves are compared, since what a
    /// file system notes of changes is not the same everywhere.
    pub async fn look(&mut self, vigie: &mut Vigie) {
        let Some(folder) = vigie.config.templates.directory.clone() else {
            return;
        };
        let files = match read(&mut self.reading, folder).await {
            Ok(files) => files,
            Err(error) => {
                warn!("the templates stay as they were: {}", causes(&error));
                return;
            }
        };
        if files == self.seen {
            self.changed = None;
        } else if self.changed.as_ref() != Some(&files) {
            self.changed = Some(files);
        } else {
            self.changed = None;
            self.seen = files.clone();
            if let Err(error) = take_over(vigie, files).await {
                error!("the templates stay as they were: {}", causes(&error));
            }
        }
    }
}

/// Sound templates take the place of all others, and unsound ones that of unsound ones.
async fn take_over(vigie: &mut Vigie, files: TemplateFiles) -> anyhow::Result<()> {
    let templates = built(&vigie.config, files).await?;
    let is_broken = !vigie.planner.composer().templates().are_sound();
    if templates.are_sound() || is_broken {
        log_faults(&templates);
        vigie.planner.set_templates(templates);
        info!("the templates have changed and were taken over");
        return Ok(());
    }
    for fault in templates.faults() {
        error!(template = %fault, "a template that has changed can't be used");
    }
    bail!("they have changed, and mails can't be written with them");
}

/// Everything anew from the config file, or an error that says why all stays as it was.
pub async fn reload(path: Option<&Path>) -> anyhow::Result<Vigie> {
    let config = load_config(path)?;
    let files = match &config.templates.directory {
        Some(folder) => read(&mut None, folder.clone()).await?,
        None => TemplateFiles::none(),
    };
    let templates = built(&config, files).await?;
    let faults = templates.faults().iter().map(ToString::to_string);
    ensure!(
        templates.are_sound(),
        "templates can't be used:\n{}",
        faults.collect::<Vec<_>>().join("\n")
    );
    Vigie::with_templates(config, templates).await
}

/// Reads the folder, but not for ever. A reading that takes longer is gone on with the next time.
async fn read(
    reading: &mut Option<JoinHandle<TemplateFiles>>,
    folder: PathBuf,
) -> anyhow::Result<TemplateFiles> {
    let shown = folder.display().to_string();
    let task = reading.get_or_insert_with(|| spawn_blocking(move || TemplateFiles::read(&folder)));
    let read = tokio::time::timeout(READING, task)
        .await
        .with_context(|| format!("the folder of templates {shown} does not answer"))?;
    *reading = None;
    read.with_context(|| format!("could not read the folder of templates {shown}"))
}

async fn built(config: &Config, files: TemplateFiles) -> anyhow::Result<Templates> {
    let builder = template_builder(config).files(files);
    let building = spawn_blocking(move || builder.build());
    building.await.context("could not check the templates")
}
