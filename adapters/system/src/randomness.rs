//! The randomness of the machine.

use std::io::Write;

use portcullis_domain::ports::ambient::Randomness;

/// Gives bytes from the operating system's generator.
///
/// Without randomness nothing here may go on: no salt, token or key would be worth anything. So when the operating
/// system gives none, the process says so and aborts.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandomness;

impl Randomness for SystemRandomness {
    #[expect(clippy::disallowed_methods, reason = "this is the port where randomness enters")]
    fn fill(&self, buf: &mut [u8]) {
        if let Err(cause) = getrandom::fill(buf) {
            abort_without_randomness(&cause);
        }
    }
}

#[cold]
fn abort_without_randomness(cause: &getrandom::Error) -> ! {
    tracing::error!(%cause, "the operating system gives no randomness: aborting");
    // The log may be buffered; if standard error is gone as well there is nobody left to tell.
    drop(writeln!(std::io::stderr(), "the operating system gives no randomness ({cause}): aborting"));
    std::process::abort();
}
