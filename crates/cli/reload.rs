//! What `vigie run` takes over while it goes on: templates whenever a file of theirs has changed, and
//! the whole config when it is told to. Does no cycle.

use std::path::Path;
use std::time::Duration;

use anyhow::ensure;
use tokio::task::JoinHandle;
use tracing::{error, info, warn};
use vigie_notify::TemplateFiles;

use crate::causes::causes;
use crate::mails::{log_faults, quiet_templates, template_builder};
use crate::vigie::{Vigie, load_config};

/// How long reading the folder of templates may hold up a cycle: it may lie on a disk that hangs.
const READING: Duration = Duration::from_secs(5);

/// Notices that a template has changed.
pub struct TemplateWatch {
    /// The files as they were last read, sound or not.
    seen: TemplateFiles,
    reading: Option<JoinHandle<TemplateFiles>>,
}

impl TemplateWatch {
    pub fn new(vigie: &Vigie) -> Self {
        Self {
            seen: vigie.dispatcher.composer().templates().files().clone(),
            reading: None,
        }
    }

    /// Takes templates over that have changed, all of them or none. The files themselves are
    /// compared: what a file system notes of changes is not the same everywhere.
    pub async fn look(&mut self, vigie: &mut Vigie) {
        let Some(folder) = vigie.config.templates.directory.clone() else {
            return;
        };
        let reading = self.reading.get_or_insert_with(|| {
            tokio::task::spawn_blocking(move || TemplateFiles::read(&folder))
        });
        let Ok(read) = tokio::time::timeout(READING, reading).await else {
            warn!("the folder of templates does not answer; the templates stay as they were");
            return;
        };
        self.reading = None;
        let Ok(files) = read else {
            return;
        };
        if files == self.seen {
            return;
        }
        self.seen = files.clone();
        match template_builder(&vigie.config).map(|builder| builder.files(files).build()) {
            Ok(templates) if templates.are_sound() => {
                log_faults(&templates);
                vigie.dispatcher.set_templates(templates);
                info!("the templates have changed and were taken over");
            }
            Ok(templates) => {
                log_faults(&templates);
                error!("the templates have changed and can't be used; those of before stay");
            }
            Err(error) => error!("the templates stay as they were: {}", causes(&error)),
        }
    }
}

/// Everything anew from the config file, or an error that says why all stays as it was.
pub async fn reload(path: Option<&Path>) -> anyhow::Result<Vigie> {
    let config = load_config(path)?;
    let templates = quiet_templates(&config)?;
    let faults = templates.faults().iter().map(ToString::to_string);
    ensure!(
        templates.are_sound(),
        "templates can't be used:\n{}",
        faults.collect::<Vec<_>>().join("\n")
    );
    Vigie::open(config).await
}
