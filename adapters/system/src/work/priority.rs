//! Stepping back behind the threads that answer requests.

/// How much nicer than the others a working thread is.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 5;

/// Lowers the priority of the calling thread, so that cheap requests stay fast while passwords are hashed.
#[cfg(target_os = "linux")]
pub(super) fn step_back() {
    // On Linux "the calling process" is the calling thread.
    let lowered = rustix::process::getpriority_process(None)
        .and_then(|current| rustix::process::setpriority_process(None, (current + NICENESS).min(19)));
    if let Err(cause) = lowered {
        tracing::debug!(%cause, "the priority of a password thread stays as it is");
    }
}

/// Elsewhere priorities belong to the whole process, so nothing changes.
#[cfg(not(target_os = "linux"))]
pub(super) fn step_back() {}
