//! Hashes per second on all cores: through the hasher behind the port, with the fast implementation alone, and with the
//! plain one alone. The last lines give the ratios of this one run.

use std::cell::RefCell;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput};
use futures_util::StreamExt;
use portcullis_domain::accounts::Password;
use portcullis_domain::ports::security::PasswordHasher;
use portcullis_system::{Argon2Hasher, HashSettings, SystemRandomness};

const PASSWORD: &str = "correct horse battery staple";
const SALT: [u8; 16] = [7; 16];

/// Hashes each thread computes in one iteration, so that the ends, where a core has nothing to do, weigh little.
const PER_THREAD: usize = 8;

type Totals = RefCell<Vec<(&'static str, u64, Duration)>>;

fn main() {
    let settings = HashSettings::default();
    let totals = Totals::default();
    let mut criterion =
        Criterion::default().sample_size(10).measurement_time(Duration::from_secs(6)).configure_from_args();

    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let hasher = Argon2Hasher::new(&settings, Arc::new(SystemRandomness)).expect("a hasher");
    let password = Password::present(PASSWORD.to_owned()).expect("a password");
    let in_line = settings.threads * (settings.standing_per_thread + 1);
    run(&mut criterion, &totals, "portcullis", settings.threads, |hashes| {
        runtime.block_on(async {
            let all = futures_util::stream::iter(0..hashes).map(|_| hasher.hash(&password));
            all.buffer_unordered(in_line).for_each(async |hash| drop(black_box(hash.expect("not overloaded")))).await;
        });
    });
    drop(hasher);

    run(&mut criterion, &totals, "argon2-rust", settings.threads, |hashes| {
        use argon2_rust::params::Memory;
        let params = argon2_rust::Params::builder().memory(Memory::kib(settings.memory_kib.into()));
        let params = params.passes(settings.iterations).lanes(settings.parallelism).build().expect("parameters");
        let argon2 = argon2_rust::Argon2::new(argon2_rust::Algorithm::Argon2id, argon2_rust::Version::V0x13, params);
        on_threads(settings.threads, hashes, || {
            let (mut kept, mut tag) = (argon2.hasher(), [0; 32]);
            move || {
                kept.hash_into(PASSWORD.as_bytes(), &SALT, &mut tag).expect("a hash");
                black_box(tag);
            }
        });
    });

    run(&mut criterion, &totals, "argon2", settings.threads, |hashes| {
        let params = argon2::Params::new(settings.memory_kib, settings.iterations, settings.parallelism, Some(32));
        let params = params.expect("parameters");
        on_threads(settings.threads, hashes, || {
            let argon2 = argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params.clone());
            move || {
                let mut tag = [0; 32];
                argon2.hash_password_into(PASSWORD.as_bytes(), &SALT, &mut tag).expect("a hash");
                black_box(tag);
            }
        });
    });

    criterion.final_summary();
    summary(&totals.into_inner());
}

fn run(criterion: &mut Criterion, totals: &Totals, name: &'static str, threads: usize, work: impl Fn(usize)) {
    let mut group = criterion.benchmark_group("hash");
    let hashes = PER_THREAD * threads;
    group.throughput(Throughput::Elements(hashes as u64));
    group.bench_function(BenchmarkId::new(name, format!("{threads} threads")), |bencher| {
        bencher.iter_custom(|iterations| {
            let hashes = hashes * usize::try_from(iterations).expect("few iterations");
            let begun = Instant::now();
            work(hashes);
            let took = begun.elapsed();
            totals.borrow_mut().push((name, hashes as u64, took));
            took
        });
    });
    group.finish();
}

fn on_threads<T: FnMut() + Send>(threads: usize, hashes: usize, make: impl Fn() -> T + Sync) {
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut task = make();
                (0..hashes / threads).for_each(|_| task());
            });
        }
    });
}

fn summary(totals: &[(&str, u64, Duration)]) {
    let rate = |name: &str| {
        let of = totals.iter().filter(|(of, ..)| *of == name);
        let (hashes, took) = of.fold((0, Duration::ZERO), |(n, t), (_, hashes, took)| (n + hashes, t + *took));
        hashes as f64 / took.as_secs_f64()
    };
    let (ours, fast, plain) = (rate("portcullis"), rate("argon2-rust"), rate("argon2"));
    let mut out = std::io::stdout();
    let lines = format!(
        "hashes/s: portcullis {ours:.0}, argon2-rust alone {fast:.0}, argon2 alone {plain:.0}\n\
         portcullis / argon2-rust = {:.3}, portcullis / argon2 = {:.2}\n",
        ours / fast,
        ours / plain
    );
    std::io::Write::write_all(&mut out, lines.as_bytes()).expect("standard output");
}
