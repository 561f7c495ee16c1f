//! What it costs each request to ask whether its grant was revoked.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use portcullis_domain::Timestamp;
use portcullis_domain::ids::GrantId;
use portcullis_domain::ports::sessions::RevocationList;
use portcullis_memory::{MemoryRevocations, SeededRandomness};

fn ask(c: &mut Criterion) {
    let (random, now) = (SeededRandomness::new(1), Timestamp::from_unix_seconds(1_800_000_000));
    let fresh = || GrantId::new(now, &random);
    let asked: Vec<_> = (0..1_024).map(|_| fresh()).collect();
    for revoked in [0, 1_000, 100_000] {
        let list = MemoryRevocations::new();
        (0..revoked).for_each(|_| list.revoke(fresh(), now));
        let mut next = asked.iter().cycle();
        c.bench_function(&format!("is_revoked among {revoked}"), |b| {
            b.iter(|| next.next().map(|grant| black_box(list.is_revoked(black_box(*grant)))));
        });
    }
}

criterion_group!(benches, ask);
criterion_main!(benches);
