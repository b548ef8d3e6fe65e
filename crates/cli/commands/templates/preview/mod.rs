//! `vigie templates preview`: mails as pages for a browser. Sends nothing, and deletes nothing.

mod page;

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use vigie_domain::JobStatus;
use vigie_notify::samples::{self, JobSample, Sample};
use vigie_notify::{Clock, Locale, Mail, SystemClock, TimeZone};

use self::page::page;
use super::chosen::{Chosen, counted};
use crate::arguments::PreviewArguments;
use crate::config::Config;
use crate::vigie::{load_config, open_existing};

/// Tells the folder of a preview from any other, so that nothing of anybody's is written over.
const MARKER: &str = ".vigie-preview";

/// A mail with the name of its files.
struct Previewed {
    name: String,
    mail: Mail,
}

pub async fn run(config: Option<&Path>, arguments: &PreviewArguments) -> anyhow::Result<ExitCode> {
    let chosen = Chosen::new(config, &arguments.folder)?;
    let locales = chosen.locales(arguments.locale.as_ref())?;
    let samples = match arguments.job {
        Some(id) => vec![job(config, &chosen, id).await?],
        None => wanted_samples(arguments)?,
    };
    let time_zone = chosen.config.as_ref();
    let time_zone = time_zone.map_or(TimeZone::UTC, |config| config.mail.time_zone.clone());
    let previewed = written(&chosen, &samples, &locales, &time_zone)?;
    let dir = &arguments.out;
    make_room(dir)?;
    write_files(dir, &previewed)?;
    let faults = chosen.faults();
    let told: Vec<String> = faults.iter().map(|fault| chosen.told(fault)).collect();
    let index = dir.join("index.html");
    write_file(&index, &page(&previewed, &told))?;

    let count = counted(previewed.len(), "mail");
    let (folder, shown) = (dir.display(), index.display());
    writeln!(
        io::stdout().lock(),
        "Wrote {count} to {folder}; open {shown}"
    )?;
    for fault in &told {
        eprintln!("{fault}");
    }
    if arguments.open {
        show(&index);
    }
    if chosen.templates.are_sound() {
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!(
        "error: some of the templates can't be used; their mails are shown as they would be sent, \
         with the built-in ones"
    );
    Ok(ExitCode::FAILURE)
}

/// Where there is no desktop the page can still be opened elsewhere, so that this is no error.
fn show(index: &Path) {
    if let Err(error) = index.canonicalize().and_then(open::that_detached) {
        let shown = index.display();
        eprintln!("warning: could not show it in a browser ({error}); open {shown} yourself");
    }
}

fn wanted_samples(arguments: &PreviewArguments) -> anyhow::Result<Vec<Sample>> {
    let mut samples = samples::all();
    if let Some(name) = &arguments.sample {
        if !samples.iter().any(|sample| sample.name() == name) {
            let names: Vec<&str> = samples.iter().map(Sample::name).collect();
            bail!(
                "there is no sample {name:?}; there are:\n  {}",
                names.join("\n  ")
            );
        }
        samples.retain(|sample| sample.name() == name);
    }
    if let Some(mail) = arguments.mail {
        samples.retain(|sample| sample.mail() == mail);
    }
    if samples.is_empty() {
        bail!("the sample is one of another mail; leave out MAIL or --sample");
    }
    Ok(samples)
}

/// A job as it is now, and the entry that its mail would be about.
async fn job(config: Option<&Path>, chosen: &Chosen, id: i64) -> anyhow::Result<Sample> {
    let loaded: Config;
    let config = if let Some(config) = &chosen.config {
        config
    } else {
        // Its error says where a config is looked for.
        loaded = load_config(config).context("--job needs the config, which names the database")?;
        &loaded
    };
    let Some(store) = open_existing(config).await? else {
        bail!("there is no database yet, and so no job: no cycle has been done");
    };
    let overviews = store.jobs_with_latest_entries().await?;
    let found = overviews
        .into_iter()
        .find(|overview| overview.job.id.0 == id);
    let Some(found) = found else {
        bail!(
            "there is no job with the id {id}; `vigie status --format json` shows the `id` of each"
        );
    };
    if found.job.current_status == JobStatus::Ok {
        eprintln!("note: this job is OK, and so this mail would not be sent");
    }
    let is_silent = found.job.silent_since.is_some();
    let sample = JobSample {
        name: format!("job-{id}"),
        job: found.job,
        entry: found.latest_entry.filter(|_| !is_silent),
        now: SystemClock.now(),
    };
    Ok(sample.into())
}

fn written(
    chosen: &Chosen,
    samples: &[Sample],
    locales: &[Locale],
    time_zone: &TimeZone,
) -> anyhow::Result<Vec<Previewed>> {
    let mut previewed = Vec::new();
    for sample in samples {
        for locale in locales {
            previewed.push(Previewed {
                name: format!("{}.{locale}", sample.name()),
                mail: chosen.mail(sample, locale, time_zone)?,
            });
        }
    }
    Ok(previewed)
}

fn make_room(dir: &Path) -> anyhow::Result<()> {
    let shown = dir.display();
    let is_ours = dir.join(MARKER).is_file();
    if !is_ours && fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some()) {
        bail!("{shown} is not empty and holds no preview; choose another folder with --out");
    }
    fs::create_dir_all(dir).with_context(|| format!("could not create {shown}"))?;
    write_file(
        &dir.join(MARKER),
        "Files in this folder are written anew by `vigie templates preview`.\n",
    )
}

fn write_files(dir: &Path, previewed: &[Previewed]) -> anyhow::Result<()> {
    for Previewed { name, mail } in previewed {
        write_file(&dir.join(format!("{name}.html")), &mail.html)?;
        write_file(&dir.join(format!("{name}.txt")), &mail.text)?;
        let subject = format!("{}\n", mail.subject);
        write_file(&dir.join(format!("{name}.subject.txt")), &subject)?;
    }
    Ok(())
}

fn write_file(path: &Path, content: &str) -> anyhow::Result<()> {
    fs::write(path, content).with_context(|| format!("could not write {}", path.display()))
}
