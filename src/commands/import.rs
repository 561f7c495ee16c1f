//! `portcullis users import`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use portcullis::{Config, open_app};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

use super::intake::{End, Intake, Tally};
use super::report::Report;
use super::{Outcome, misused, say, tell, with_causes};
use crate::exchange::{self, Broken, FirebaseParameters, Format, Input};

/// What the exit codes mean.
pub(super) const EXIT_CODES: &str = "Exit codes: 0 every row is here now; 1 rows were refused, or the import could not \
    be finished; 2 the command was not understood; 130 it was interrupted.";

/// Rows that are read ahead.
const AHEAD: usize = 256;

#[derive(Args)]
pub(super) struct Import {
    /// The file; - for standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The form of the file; without it, the file's name or beginning tells.
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Only tell what would happen. What rows of one file do to each other is not foreseen.
    #[arg(long)]
    dry_run: bool,
    /// Print the summary for programs.
    #[arg(long)]
    json: bool,
    /// Write a line for each refused row into this file instead of standard error.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// The password hash parameters of a Firebase project, as its console shows them, in a file.
    #[arg(long, value_name = "FILE")]
    firebase_params: Option<PathBuf>,
    /// Accounts that are brought in at once.
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: u16,
}

/// Brings the accounts of a file in.
pub(super) fn import(runtime: &Runtime, config: &Config, command: &Import) -> Outcome {
    let name = command.file.display();
    let mut input = Input::open(&command.file).map_err(|error| format!("{name}: {error}"))?;
    let format = match command.format.or_else(|| Format::of_name(&command.file)) {
        Some(format) => format,
        None => match Format::of_content(input.head()?) {
            Some(format) => format,
            None => {
                return Ok(misused(&format!("{name}: its format cannot be told from its beginning: give --format")));
            }
        },
    };
    let parameters = match (&command.firebase_params, format) {
        (Some(path), Format::Firebase) => Some(firebase_parameters(path)?),
        (Some(_), _) => return Ok(misused("--firebase-params belongs to --format firebase")),
        (None, Format::Firebase) => {
            let remedy = "copy them from the console (Authentication, Users, ⋮, Password hash parameters) into a file";
            return Ok(misused(&format!("passwords of Firebase need --firebase-params FILE: {remedy}")));
        }
        (None, _) => None,
    };
    let report = Report::new(command.report.as_deref(), &command.file, input.length, input.position.clone());
    let report = report.map_err(|error| {
        let path = command.report.as_deref().unwrap_or(Path::new("standard error"));
        format!("{}: {error}", path.display())
    })?;

    let started = Instant::now();
    let (tally, end, read) = runtime.block_on(async {
        let (app, sql) = open_app(config).await?;
        if sql.is_none() {
            return Err("a database in memory forgets accounts at once: set DATABASE_URL".into());
        }
        let (send, rows) = mpsc::channel(AHEAD);
        // Parsing keeps a thread busy, and waiting for standard input cannot be broken off.
        let reading = std::thread::Builder::new().name("import".to_owned()).spawn(move || {
            exchange::read(input, format, parameters.as_ref(), &mut |row| send.blocking_send(row).is_ok())
        })?;
        let intake = Intake::new(app, usize::from(command.jobs), command.dry_run, report);
        let (tally, end) = intake.run(rows).await?;
        let read = if end.is_complete() { reading.join().map_err(|_| "the reader of the file died")? } else { Ok(()) };
        if let Some(sql) = sql {
            sql.close().await;
        }
        Ok::<_, Box<dyn std::error::Error>>((tally, end, read))
    })?;
    let complete = end.is_complete() && read.is_ok();
    say(&summary(command, &tally, complete, started.elapsed().as_secs_f64()))?;
    match (end, read) {
        (End::Failed(place, failure), _) => {
            let why = with_causes(&failure);
            Err(format!("{name}: stopped at {place}: {why}; run the same command again to finish it").into())
        }
        (End::Interrupted, _) => {
            tell(&format!("{name}: interrupted; run the same command again to finish it"));
            Ok(ExitCode::from(130))
        }
        (End::Complete, Err(Broken::Stopped)) | (End::Complete, Ok(())) if tally.refused == 0 => Ok(ExitCode::SUCCESS),
        (End::Complete, Err(Broken::Stopped)) | (End::Complete, Ok(())) => Ok(ExitCode::FAILURE),
        (End::Complete, Err(broken)) => Err(format!("{name}: {broken}; what stands before it is done").into()),
    }
}

fn firebase_parameters(path: &Path) -> Result<FirebaseParameters, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    FirebaseParameters::parse(&text).map_err(|error| format!("{}: {error}", path.display()))
}

fn summary(command: &Import, tally: &Tally, complete: bool, seconds: f64) -> String {
    let Tally { added, present, refused } = *tally;
    let rows = added + present + refused;
    if command.json {
        let summary = serde_json::json!({
            "rows": rows, "added": added, "present": present, "refused": refused,
            "dry_run": command.dry_run, "complete": complete, "seconds": seconds,
        });
        return format!("{summary}\n");
    }
    #[expect(clippy::cast_precision_loss, reason = "a rate has no more digits")]
    let rate = rows as f64 / seconds.max(0.001);
    let (would, nothing) = if command.dry_run { ("would be ", "; nothing was changed") } else { ("", "") };
    format!(
        "{rows} rows: {added} {would}added, {present} present, {refused} refused, in {seconds:.1} s ({rate:.0}/s)\
         {nothing}\n"
    )
}
