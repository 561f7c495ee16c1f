//! From the settings to the verifier.

use std::sync::Arc;
use std::time::Duration;

use url::Url;

use crate::build_error::BuildError;
use crate::builder::Builder;
use crate::cache::Cached;
use crate::clock::Clock;
use crate::issuer_url::base;
use crate::keys::Keyring;
use crate::refresh::Refresh;
use crate::revocations::{FeedSink, KeyNews, Revocations};
use crate::verifier::{Inner, Verifier};

/// The largest leeway.
const MOST_LEEWAY: Duration = Duration::from_secs(60);

impl Builder {
    /// The verifier. It starts whether or not the issuer can be reached: keys are fetched in the background, which
    /// needs a tokio runtime around this call (unless the keys are given).
    pub fn build(self) -> Result<Verifier, BuildError> {
        let Some(first) = self.audiences.first() else { return Err(BuildError::NoAudience) };
        if self.leeway > MOST_LEEWAY {
            return Err(BuildError::Leeway);
        }
        if self.algorithms.is_empty() {
            return Err(BuildError::NoAlgorithm);
        }
        let realm = self.realm.clone().unwrap_or_else(|| first.clone());
        let issuer: Arc<str> = self.issuer.as_str().into();
        let mut tasks = Vec::new();
        let is_shared = self.shared.is_some();
        let (keyring, revocations) = match self.shared {
            Some(shared) => shared,
            None => (Arc::new(Keyring::new()), Arc::new(Revocations::new(self.longest_life))),
        };
        let refresh = match self.fixed {
            Some(keys) => {
                keyring.install(keys.map_err(|_| BuildError::Keys)?, Some(self.clock.uptime()));
                None
            }
            None if is_shared => None,
            None => {
                let base = base(self.address.as_deref().unwrap_or(&self.issuer), self.plain_http)?;
                let refresh = Arc::new(Refresh::new(self.fetch_floor));
                let known_address = self.address.is_some();
                tasks.push(fetching(&issuer, base, known_address, &keyring, &refresh, &self.clock)?);
                Some(refresh)
            }
        };
        if let Some(feed) = self.feed {
            let sink = FeedSink {
                issuer: issuer.clone(),
                clock: self.clock.clone(),
                revocations: revocations.clone(),
                keyring: keyring.clone(),
                key_news: refresh.clone().map(|refresh| refresh as Arc<dyn KeyNews>),
                staleness: self.staleness,
            };
            revocations.hearing.expect();
            tasks.push(feed.start(sink));
        }
        Ok(Verifier(Arc::new(Inner {
            issuer,
            audiences: self.audiences,
            algorithms: self.algorithms,
            leeway: i64::try_from(self.leeway.as_secs()).unwrap_or(0),
            longest_life: self.longest_life,
            staleness: self.staleness,
            oldest_keys: self.oldest_keys,
            realm,
            clock: self.clock,
            keyring,
            revocations,
            refresh,
            cached: (self.entries > 0).then(|| Cached::new(self.entries)),
            _tasks: tasks,
        })))
    }
}

type Task = Box<dyn std::any::Any + Send + Sync>;

#[cfg(feature = "discovery")]
fn fetching(
    issuer: &Arc<str>,
    base: Url,
    known_address: bool,
    keyring: &Arc<Keyring>,
    refresh: &Arc<Refresh>,
    clock: &Arc<dyn Clock>,
) -> Result<Task, BuildError> {
    use crate::discovery::{Keeper, Source};

    let source = Source::new(issuer.clone(), base, known_address)?;
    let keeper = Keeper::new(source, keyring.clone(), refresh.clone(), clock.clone());
    let runtime = tokio::runtime::Handle::try_current().map_err(|_| BuildError::NoRuntime)?;
    Ok(Box::new(crate::task::Task::of(runtime.spawn(keeper.run()))))
}

#[cfg(not(feature = "discovery"))]
fn fetching(
    _: &Arc<str>,
    _: Url,
    _: bool,
    _: &Arc<Keyring>,
    _: &Arc<Refresh>,
    _: &Arc<dyn Clock>,
) -> Result<Task, BuildError> {
    Err(BuildError::NoDiscovery)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_make_no_sense_are_refused() {
        let fixed = || Builder::new("https://auth.example".into()).fixed_keys(Some(r#"{"keys":[]}"#), None);
        let error = |builder: Builder| builder.build().err();
        assert_eq!(error(fixed()), Some(BuildError::NoAudience));
        assert_eq!(error(fixed().audience("a").leeway(Duration::from_secs(61))), Some(BuildError::Leeway));
        assert_eq!(error(fixed().audience("a").algorithms(&[])), Some(BuildError::NoAlgorithm));
        assert_eq!(error(fixed().audience("a").fixed_keys(Some("x"), None)), Some(BuildError::Keys));
        assert_eq!(error(fixed().audience("a")), None);
    }
}
