//! The program as an operator calls it: arguments in, an exit code and two streams out.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;

use crate::place::Place;
use crate::service::Settings;

/// What a call of the program came to.
#[derive(Debug)]
pub(crate) struct Called {
    /// The exit code; none when a signal ended it.
    pub(crate) code: Option<i32>,
    /// Standard output.
    pub(crate) out: String,
    /// Standard error.
    pub(crate) err: String,
}

impl Called {
    /// The call, when it ended with this code.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:?}");
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Standard output as JSON lines.
    #[track_caller]
    pub(crate) fn lines(&self) -> Vec<Value> {
        let parse = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        self.out.lines().map(parse).collect()
    }
}

/// Calls the program and waits for its end.
pub(crate) fn call(settings: &Settings, arguments: &[&str]) -> Called {
    call_with_input(settings, arguments, b"")
}

/// Calls the program with this on its standard input.
pub(crate) fn call_with_input(settings: &Settings, arguments: &[&str], input: &[u8]) -> Called {
    let mut command = settings.command(arguments);
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program runs");
    let mut stdin = child.stdin.take().expect("a pipe");
    let input = input.to_vec();
    // What the program does not read is nobody's fault here.
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().expect("the program ends");
    writer.join().expect("the writer ends");
    let text = |bytes| String::from_utf8(bytes).expect("the program writes UTF-8");
    Called { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// A file of the test.
pub(crate) fn file(place: &Place, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = place.dir().join(name);
    std::fs::write(&path, content).expect("the folder can be written");
    path
}

/// As an argument.
pub(crate) fn argument(path: &Path) -> &str {
    path.to_str().expect("the path is text")
}

/// A schema that is up to date.
pub(crate) fn migrated(place: &Place) -> Settings {
    let settings = Settings::on(place);
    call(&settings, &["migrate", "up"]).expect(0);
    settings
}
