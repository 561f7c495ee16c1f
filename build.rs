//! Links the program so that the code that runs lies together.

use std::env::var;
use std::process::Command;

const SCRIPT: &str = "deploy/layout.ld";
/// The first glibc that knows packed relocations: they are a twentieth of the size.
const PACKED: (u32, u32) = (2, 36);

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed={SCRIPT}");
    let is = |variable: &str, value: &str| var(variable).is_ok_and(|found| found == value);
    // Linkers of other systems have no scripts; whoever chooses a linker may have chosen one without.
    let flags = var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    let chosen = flags.contains("link") || flags.contains("ld-path");
    if !is("PROFILE", "release") || !is("CARGO_CFG_TARGET_OS", "linux") || !is("CARGO_CFG_TARGET_ENV", "gnu") || chosen
    {
        return;
    }
    let root = var("CARGO_MANIFEST_DIR").unwrap_or_default();
    println!("cargo:rustc-link-arg-bins=-Wl,-T,{root}/{SCRIPT}");
    let native = var("TARGET").is_ok_and(|target| is("HOST", &target));
    if native && glibc().is_some_and(|version| version >= PACKED) {
        println!("cargo:rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

/// The version of glibc on this machine.
fn glibc() -> Option<(u32, u32)> {
    let told = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok()?;
    let told = String::from_utf8(told.stdout).ok()?;
    let (major, minor) = told.trim().strip_prefix("glibc ")?.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
