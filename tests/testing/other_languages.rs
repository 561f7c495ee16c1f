//! The way for suites in other languages: the program itself, in memory.

use std::path::Path;
use std::process::Command;

#[test]
fn a_suite_in_python_runs_the_whole_service_in_memory() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/testing/memory_service.py");
    let mut python = Command::new("python3");
    let ran = python.arg(script).env("PORTCULLIS_BIN", env!("CARGO_BIN_EXE_portcullis")).output();
    let ran = ran.expect("python3 runs");
    let (out, err) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "{out}\n{err}");
    assert_eq!(out.trim(), "ok ada@example.com");
}
