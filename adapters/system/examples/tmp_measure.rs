use std::sync::Arc; use std::time::{Duration, Instant};
use portcullis_domain::accounts::Password; use portcullis_domain::ports::security::*; use portcullis_system::*;
use futures_util::StreamExt;
fn rss() -> String { std::fs::read_to_string("/proc/self/status").unwrap().lines().filter(|l| l.starts_with("VmRSS")||l.starts_with("RssAnon")||l.starts_with("Threads")).map(|l| l.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>().join("  ") }
fn main() {
  println!("before {}", rss());
  for _ in 0..3 { let t=Instant::now(); let h=Argon2Hasher::new(&HashSettings::default(), Arc::new(SystemRandomness)).unwrap(); println!("start {:?}", t.elapsed()); drop(h);}
  let h=Arc::new(Argon2Hasher::new(&HashSettings::default(), Arc::new(SystemRandomness)).unwrap()); 
  println!("started {}", rss());
  let rt=tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
  rt.block_on(async {
    let p=|s:&str| Password::present(s.to_owned()).unwrap();
    let policy=GuessPolicy::new(8, vec!["Portcullis".into()], h.pool()).unwrap();
    let t=Instant::now(); policy.check(&p("tumble overcast violin"), &["ann@example.com","ann"]).await.unwrap(); println!("first check {:?} {}", t.elapsed(), rss());
    let mut v=vec![]; for i in 0..300 { let s=format!("Xk7#vQ2!pLw{i}"); let t=Instant::now(); policy.check(&p(&s), &["ann.marie@example.com","ann.marie","annmarie"]).await.ok(); v.push(t.elapsed()); } v.sort(); println!("check typical p50 {:?} p99 {:?}", v[150], v[297]);
    for s in ["4@8({[<369!1i|7$5+%2z".repeat(50).chars().take(1024).collect::<String>(), "1|7!".repeat(256), "a".repeat(1024), "word ".repeat(204)] { let t=Instant::now(); let r=policy.check(&p(&s), &["ann.marie@example.com","ann.marie","annmarie"]).await; println!("check 1024: {:?} {}", t.elapsed(), r.is_ok()); }
    let hash=h.hash(&p("x")).await.unwrap(); println!("one hash {}", rss());
    let mut v=vec![]; for _ in 0..200 { let t=Instant::now(); h.verify(&p("x"), Some(&hash)).await.unwrap(); v.push(t.elapsed()); } v.sort(); println!("unloaded p50 {:?} p99 {:?}", v[100], v[197]);
    for par in [2,4,6] { let t=Instant::now(); let n=600; futures_util::stream::iter(0..n).map(|_| h.hash(Box::leak(Box::new(p("x"))))).buffer_unordered(par).for_each(async |r| {r.unwrap();}).await; println!("hash/s at {par}: {:.0}", n as f64/t.elapsed().as_secs_f64()); }
    { let t=Instant::now(); let n=600; futures_util::stream::iter(0..n).map(|i| {let h=h.clone(); let policy=&policy; async move { let pw=Password::present(format!("tumble violin {i}")).unwrap(); policy.check(&pw,&["ann.marie@example.com","ann.marie","annmarie"]).await.unwrap(); h.hash(&pw).await.unwrap() }}).buffer_unordered(4).for_each(async |_| {}).await; println!("register/s at 4: {:.0}", n as f64/t.elapsed().as_secs_f64()); }
    println!("loaded {}", rss());
    // open loop 10x
    let rate=2900.0; let secs=10; let start=Instant::now(); let mut tasks=futures_util::stream::FuturesUnordered::new(); let (mut acc, mut refd)=(vec![],vec![]); let mut n=0u64;
    let mut tick=tokio::time::interval(Duration::from_millis(1));
    loop { tokio::select! { _=tick.tick() => { if start.elapsed()>Duration::from_secs(secs) {break;} while (n as f64) < start.elapsed().as_secs_f64()*rate { n+=1; let h=h.clone(); let hash=hash.clone(); tasks.push(async move { let t=Instant::now(); let r=h.verify(&Password::present("x".into()).unwrap(), Some(&hash)).await; (r.is_ok(), t.elapsed()) }); } }
      Some((ok,d))=tasks.next(), if !tasks.is_empty() => { if ok {acc.push(d)} else {refd.push(d)} } } }
    while let Some((ok,d))=tasks.next().await { if ok {acc.push(d)} else {refd.push(d)} }
    acc.sort(); refd.sort(); println!("overload: offered {n} accepted {} ({:.0}/s) p50 {:?} p99 {:?} max {:?}; refused {} p50 {:?} p99 {:?} max {:?}; {}", acc.len(), acc.len() as f64/secs as f64, acc[acc.len()/2], acc[acc.len()*99/100], acc[acc.len()-1], refd.len(), refd[refd.len()/2], refd[refd.len()*99/100], refd[refd.len()-1], rss());
    tokio::time::sleep(Duration::from_secs(12)).await; println!("idle {}", rss());
  });
}
