//! Links the program so that the code that runs lies together.

use std::process::Command;

const SCRIPT: &str = "deploy/layout.ld";
/// A variable that says `off` where the linker knows no scripts.
const SWITCH: &str = "PORTCULLIS_LAYOUT";
/// The first glibc that knows packed relocations: they are a twentieth of the size.
const PACKED: (u32, u32) = (2, 36);

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed={SCRIPT}");
    println!("cargo:rerun-if-env-changed={SWITCH}");
    // Linkers of other systems have no scripts; whoever chooses a linker may have chosen one without.
    let flags = var("CARGO_ENCODED_RUSTFLAGS");
    let chosen = !var("RUSTC_LINKER").is_empty() || flags.contains("link") || flags.contains("ld-path");
    let knows_scripts = var("CARGO_CFG_TARGET_OS") == "linux" && var("CARGO_CFG_TARGET_ENV") == "gnu" && !chosen;
    if var("PROFILE") != "release" || !knows_scripts || var(SWITCH) == "off" {
        return;
    }
    println!("cargo:rustc-link-arg-bins=-T");
    println!("cargo:rustc-link-arg-bins={}/{SCRIPT}", var("CARGO_MANIFEST_DIR"));
    if var("TARGET") == var("HOST") && glibc().is_some_and(|version| version >= PACKED) {
        println!("cargo:rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

/// What Cargo says.
#[expect(clippy::disallowed_methods, reason = "this is how Cargo speaks to a build script")]
fn var(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

/// The version of glibc on this machine.
fn glibc() -> Option<(u32, u32)> {
    let told = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok()?;
    let told = String::from_utf8(told.stdout).ok()?;
    let (major, minor) = told.trim().strip_prefix("glibc ")?.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
