//! `portcullis users export`.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use portcullis::Config;
use portcullis_domain::audit::{Action, Actor};
use portcullis_domain::origin::Origin;
use portcullis_domain::{App, Failure};

use super::operate::on_app_of_any_keys;
use super::{Outcome, misused, say};
use crate::exchange::{Record, Writer, WrittenFormat};

/// What a database in memory does.
const LACK: &str = "holds no accounts";
/// Accounts that are read at once.
const PAGE: u32 = 500;

#[derive(Args)]
pub(super) struct Export {
    /// The file to make, readable by its owner only; without it, standard output.
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// The form of the file; without it, the file's name tells, or else it is JSON lines.
    #[arg(long, value_enum)]
    format: Option<WrittenFormat>,
    /// With the password hashes.
    #[arg(long)]
    with_hashes: bool,
}

/// Writes all accounts out.
pub(super) async fn export(config: &Config, command: &Export) -> Outcome {
    let format = command.format.unwrap_or_else(|| WrittenFormat::of_name(command.file.as_deref()));
    let Some(path) = &command.file else {
        if command.with_hashes && io::stdout().is_terminal() {
            return Ok(misused("password hashes are not shown on a terminal: give a FILE"));
        }
        return on_app_of_any_keys(config, LACK, async |app| {
            record(app, command).await?;
            let writer = Writer::new(BufWriter::new(io::stdout().lock()), format, command.with_hashes)?;
            let (_, _) = all(app, writer, command.with_hashes).await?;
            Ok(ExitCode::SUCCESS)
        })
        .await;
    };
    let named = |error: io::Error| format!("{}: {error}", path.display());
    let file = Draft::create(path).map_err(named)?;
    on_app_of_any_keys(config, LACK, async |app| {
        record(app, command).await?;
        let writer = Writer::new(BufWriter::new(file), format, command.with_hashes).map_err(named)?;
        let (accounts, written) = all(app, writer, command.with_hashes).await?;
        let file = written.into_inner().map_err(|error| named(error.into_error()))?;
        file.publish().map_err(named)?;
        say(&format!("{accounts} accounts are in {}\n", path.display()))
    })
    .await
}

/// The entry in the audit trail stands before the first account leaves.
async fn record(app: &App, command: &Export) -> Result<(), Failure> {
    let act = if command.with_hashes { Action::ExportHashes } else { Action::Export };
    app.audit.record(Actor::Operator, act, "users export", &Origin::default()).await
}

async fn all<W: Write>(
    app: &App,
    mut writer: Writer<W>,
    with_hashes: bool,
) -> Result<(u64, W), Box<dyn std::error::Error>> {
    let (mut after, mut accounts) = (None, 0);
    loop {
        let page = app.accounts.export(after, PAGE).await?;
        for (user, hash) in &page {
            let record = Record::new(user, hash.as_ref().filter(|_| with_hashes));
            writer.write(&record).map_err(|error| broken_off(&error, accounts))?;
            accounts += 1;
        }
        let Some((last, _)) = page.last() else { break };
        after = Some(last.id);
    }
    let out = writer.finish().map_err(|error| broken_off(&error, accounts))?;
    Ok((accounts, out))
}

fn broken_off(error: &io::Error, accounts: u64) -> String {
    format!("the export is not complete: after {accounts} accounts nothing more could be written: {error}")
}

/// A file that has its name once it is complete.
struct Draft {
    file: File,
    draft: Option<PathBuf>,
    path: PathBuf,
}

impl Draft {
    /// Beside `path`, which must not exist, for its owner only. What is no file, such as a pipe, is written directly.
    fn create(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.write(true).mode(0o600);
        match std::fs::metadata(path) {
            Ok(there) if there.is_file() || there.is_dir() => Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "this exists already: remove it, or choose another name",
            )),
            Ok(_) => Ok(Self { file: options.open(path)?, draft: None, path: path.to_owned() }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let mut name = path.as_os_str().to_owned();
                name.push(format!(".{}.part", std::process::id()));
                let draft = PathBuf::from(name);
                let file = options.create_new(true).open(&draft)?;
                Ok(Self { file, draft: Some(draft), path: path.to_owned() })
            }
            Err(error) => Err(error),
        }
    }

    /// Gives it its name.
    fn publish(mut self) -> io::Result<()> {
        if let Some(draft) = &self.draft {
            self.file.sync_all()?;
            // Unlike a rename it never takes the place of a file that was made in the meantime.
            std::fs::hard_link(draft, &self.path)?;
            std::fs::remove_file(draft)?;
            self.draft = None;
        }
        Ok(())
    }
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if let Some(draft) = self.draft.take() {
            // Half an export is of no use; when it cannot be removed, its name says what it is.
            let _left = std::fs::remove_file(draft);
        }
    }
}
