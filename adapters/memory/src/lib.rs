//! Everything in memory: the strictest adapter, and the contract suites
