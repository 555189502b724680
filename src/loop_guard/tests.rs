//! The guard beside simulated services and clients.

use super::*;
use crate::uppercase::{has_lowercase, uppercase};
use std::collections::VecDeque;
use std::time::Duration;

fn source(n: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], n))
}

/// What this service answers to a datagram, if anything.
fn answer(guard: &mut LoopGuard, n: u16, mut content: Vec<u8>, now: Instant) -> Option<Vec<u8>> {
    let changed = has_lowercase(&content);
    uppercase(&mut content);
    guard.admits(&source(n), &content, changed, now).then_some(content)
}

/// Datagrams like numbered ones, in capitals, but without a number.
fn words(n: u32) -> Vec<u8> {
    (0..8).map(|place| b'A' + (n >> (4 * place) & 15) as u8).collect()
}

#[test]
fn the_same_capitals_are_answered_65_times_and_then_once_a_second() {
    let start = Instant::now();
    let mut guard = LoopGuard::new(start);
    let mut answered = |now| (0..1000).filter(|_| guard.admits(&source(5000), b"HELLO", false, now)).count();
    assert_eq!(answered(start) as u32, 1 + limits::REPEATS, "the first one is no repetition");
    for second in 1..10 {
        assert_eq!(answered(start + Duration::from_secs(second)), 1, "second {second}");
    }
}

#[test]
fn a_rested_account_holds_one_burst_and_no_more() {
    let start = Instant::now();
    let mut guard = LoopGuard::new(start);
    while guard.admits(&source(5000), b"", false, start) {}
    let later = start + Duration::from_secs(100_000);
    let burst = (0..1000).filter(|_| guard.admits(&source(5000), b"", false, later)).count();
    assert_eq!(burst as u32, limits::REPEATS);
}

#[test]
fn different_datagrams_and_different_sources_do_not_pay_for_each_other() {
    let now = Instant::now();
    let mut guard = LoopGuard::new(now);
    for n in 0..100_000 {
        assert!(guard.admits(&source(5000), &words(n), n % 2 == 0, now));
    }
    while guard.admits(&source(5000), b"X", false, now) {}
    assert!(guard.admits(&source(5001), b"X", false, now));
    assert!(guard.admits(&source(5000), b"Y", false, now));
}

#[test]
fn loops_of_many_datagrams_die_as_well() {
    // As many as a receive buffer holds, going round and round: each dies after its burst.
    let now = Instant::now();
    let mut guard = LoopGuard::new(now);
    let mut flying: Vec<u32> = (0..277).collect();
    let mut rounds = 0;
    while !flying.is_empty() {
        flying.retain(|n| guard.admits(&source(5000), &words(*n), false, now));
        rounds += 1;
        assert!(rounds <= 2 + limits::REPEATS, "{} are still flying", flying.len());
    }
}

/// What another service answers to its `n`th datagram.
type Service = fn(usize, &[u8]) -> Vec<u8>;

fn cut(mut content: Vec<u8>, length: usize) -> Vec<u8> {
    content.truncate(length);
    content
}

/// Services that say something to whatever they get.
const SERVICES: [(&str, Service); 14] = [
    ("a fixed text", |_, _| b"error: unknown command".to_vec()),
    ("one byte", |_, _| b"?".to_vec()),
    ("a counter", |n, _| format!("error {n}: unknown command").into_bytes()),
    ("only a counter", |n, _| n.to_string().into_bytes()),
    ("the time", |n, _| format!("it is 12:{:02}:{:02}.{n:06}, sorry", n / 60 % 60, n % 60).into_bytes()),
    ("one of a hundred texts", |n, _| format!("quote {}", (n * 7 % 100).pow(9)).into_bytes()),
    ("what it got", |_, got| got.to_vec()),
    ("what it got in small letters", |_, got| got.to_ascii_lowercase()),
    ("words before it", |_, got| cut([b"you said: ", got].concat(), 3000)),
    ("words before it, cut", |_, got| cut([b"you said: ", got].concat(), 100)),
    ("a number before it, cut", |n, got| cut([format!("{n}> ").as_bytes(), got].concat(), 1472)),
    ("words behind it", |_, got| cut([got, b" is no command"].concat(), 3000)),
    ("words around it", |_, got| [b"{\"error\": \"", &got[..got.len().min(900)], b"\"}"].concat()),
    ("its bytes in hexadecimal digits, cut", |_, got| {
        let digits: String = got.iter().map(|byte| format!("{byte:02x} ")).collect();
        cut(digits.into_bytes(), 512)
    }),
];

/// Lets datagrams fly between us and a service, each for `time` a round, until none is left. Returns when
/// that was, in seconds; or `None` after two minutes.
fn let_fly(service: Service, forged: Vec<Vec<u8>>, time: Duration) -> Option<f64> {
    let start = Instant::now();
    let mut guard = LoopGuard::new(start);
    let mut flying = VecDeque::from(forged);
    let (mut now, mut rounds) = (start, 0);
    let step = time / flying.len() as u32;
    while let Some(datagram) = flying.pop_front() {
        now += step;
        if now - start > Duration::from_secs(120) {
            return None;
        }
        if let Some(reply) = answer(&mut guard, 5000, datagram, now) {
            rounds += 1;
            flying.push_back(service(rounds, &reply));
        }
    }
    Some((now - start).as_secs_f64())
}

#[test]
fn a_loop_with_any_service_ends_within_two_seconds_on_one_host() {
    for (name, service) in SERVICES {
        let over = let_fly(service, vec![b"hello".to_vec()], Duration::from_micros(75));
        assert!(over.is_some_and(|seconds| seconds < 2.0), "{name}: {over:?}");
    }
}

#[test]
fn a_loop_across_a_network_ends_too_unless_it_is_slow() {
    for milliseconds in [1, 20, 50, 100] {
        for (name, service) in [SERVICES[0], SERVICES[2], SERVICES[7], SERVICES[9]] {
            let over = let_fly(service, vec![b"hello".to_vec()], Duration::from_millis(milliseconds));
            assert!(over.is_some(), "{name}, {milliseconds} ms");
        }
    }
}

#[test]
fn many_forged_datagrams_between_us_and_any_service_do_not_hide_each_other() {
    // So many that each of them comes only twice a second, which uses up its 64 repetitions in 32 s.
    let forged: Vec<Vec<u8>> = (0..1000).map(|n| [b"it is ", &*words(n)].concat()).collect();
    for (name, service) in SERVICES {
        let over = let_fly(service, forged.clone(), Duration::from_millis(500));
        assert!(over.is_some_and(|seconds| seconds < 70.0), "{name}: {over:?}");
    }
}

#[test]
fn a_service_that_answers_twice_falls_silent_as_well() {
    for (name, service) in SERVICES {
        let start = Instant::now();
        let mut guard = LoopGuard::new(start);
        let mut flying = VecDeque::from([b"hello".to_vec()]);
        let (mut now, mut rounds) = (start, 0);
        while let Some(datagram) = flying.pop_front() {
            now += Duration::from_micros(15);
            assert!(now - start < Duration::from_secs(4), "{name}: {} are flying", flying.len());
            if let Some(reply) = answer(&mut guard, 5000, datagram, now) {
                // As many as fit a socket's buffer; the others are lost.
                for _ in 0..if flying.len() < 2000 { 2 } else { 0 } {
                    rounds += 1;
                    flying.push_back(service(rounds, &reply));
                }
            }
        }
    }
}

#[test]
fn services_in_a_ring_fall_silent() {
    // Each passes its answer on to the next one: what we say to one comes back from another.
    let start = Instant::now();
    let mut guard = LoopGuard::new(start);
    let (mut now, mut content) = (start, b"hello".to_vec());
    for round in 0.. {
        now += Duration::from_micros(75);
        let Some(reply) = answer(&mut guard, 5000 + round % 3, content, now) else { break };
        content = SERVICES[round as usize % SERVICES.len()].1(round.into(), &reply);
        assert!(now - start < Duration::from_secs(2), "they still answer");
    }
}

#[test]
fn a_flood_of_different_datagrams_does_not_hide_a_loop() {
    let start = Instant::now();
    let mut guard = LoopGuard::new(start);
    for n in 0.. {
        let now = start + n * Duration::from_micros(5);
        assert!(answer(&mut guard, 6000, [b"it is ", &*words(n)].concat(), now).is_some(), "{n}");
        if n % 15 == 0 && answer(&mut guard, 5000, b"error".to_vec(), now).is_none() {
            break;
        }
        assert!(now - start < Duration::from_secs(2), "the loop goes on");
    }
}

/// How many of `count` datagrams are answered that an honest client sends, `a_second` of them.
fn answered(count: u32, a_second: u32, content: impl Fn(u32) -> Vec<u8>) -> u32 {
    let start = Instant::now();
    let mut guard = LoopGuard::new(start);
    let at = |n| start + n * (Duration::from_secs(1) / a_second);
    (0..count).filter(|&n| answer(&mut guard, 5000, content(n), at(n)).is_some()).count() as u32
}

#[test]
fn honest_clients_are_answered_as_ever() {
    // Numbers and text, as load generators send; 200,000 a second.
    let text = |n: u32| {
        let mut random = u64::from(n) + 1;
        let mut letter = || {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            b'a' + (random >> 60) as u8
        };
        [format!("{n:08X}").into_bytes(), (0..24).map(|_| letter()).collect()].concat()
    };
    assert_eq!(answered(400_000, 200_000, text), 400_000);
    // Short texts, of which every twentieth datagram repeats some by chance.
    let short = |n: u32| {
        let n = if n.is_multiple_of(20) { 0 } else { n.wrapping_mul(2_654_435_761) >> 8 };
        (0..5).map(|place| b'a' + (n >> (4 * place) & 15) as u8).collect()
    };
    assert_eq!(answered(200_000, 50_000, short), 200_000);
    // A list that is numbered; the same again a few times a second, for ever.
    assert_eq!(answered(16_000, 20_000, |n| format!("datagram {n}").into_bytes()), 16_000);
    assert_eq!(answered(5_000, 5, |_| b"status?".to_vec()), 5_000);
    assert_eq!(answered(5_000, limits::ALIKE_RATE, |_| b"status?".to_vec()), 5_000);
    // What is said more often than that misses an answer now and then, as if it were lost.
    for (many, content) in [
        (answered(5_000, 50, |_| b"status?".to_vec()), "the same"),
        (answered(50_000, 900, |n| format!("datagram {n}").into_bytes()), "a number"),
    ] {
        let of = if content == "the same" { 5_000 } else { 50_000 };
        let least = of - of / limits::MISSED;
        assert!((least..of).contains(&many), "{content}: {many} of {of}");
    }
}
