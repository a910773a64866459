//! Callers get their shares and rate limits on whichever replicas they are.
//!
//! `cargo test --test fleet callers_ -- --ignored --nocapture` prints the tables.

use super::EXCLUSIVE;
use super::fairness::Scenario;
use super::processes::Store;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server: tests/run"]
async fn callers_share_the_quota_equally_on_whichever_replicas_they_are() {
    let _exclusive = EXCLUSIVE.lock().await;
    let store = Store::start().await;
    let (a, b, c, all) = (&[0][..], &[1][..], &[2][..], &[0, 1, 2][..]);
    let spread = Scenario::new("one on each replica, one spread", 30.0)
        .caller("a", a, 30.0)
        .caller("b", b, 30.0)
        .caller("c", c, 30.0)
        .caller("spread", all, 10.0);
    let pinned = Scenario::new("four on one replica, one on each other", 30.0)
        .caller("a1", a, 15.0)
        .caller("a2", a, 15.0)
        .caller("a3", a, 60.0)
        .caller("a4", a, 15.0)
        .caller("b", b, 15.0)
        .caller("c", c, 60.0);
    let mixed = Scenario::new("three on one replica, one on two, two spread", 30.0)
        .caller("a1", a, 15.0)
        .caller("a2", a, 30.0)
        .caller("a3", a, 15.0)
        .caller("bc", &[1, 2], 15.0)
        .caller("spread1", all, 10.0)
        .caller("spread2", all, 20.0);
    let mut pattern = Scenario::new("a pattern of weight 2, pinned and spread, and two", 60.0)
        .limit("team/*", 2, None)
        .caller("one", b, 60.0)
        .caller("two", all, 20.0);
    for name in 0..30 {
        let on = if name < 15 {
            [a, a, a, b, c][name % 5]
        } else {
            all
        };
        pattern = pattern.caller(&format!("team/{name}"), on, 4.0 / on.len() as f64);
    }
    let (spread, pinned, mixed, pattern) = tokio::join!(
        spread.run(&store),
        pinned.run(&store),
        mixed.run(&store),
        pattern.run(&store)
    );
    for rates in [spread, pinned, mixed] {
        assert!((28.5..=31.5).contains(&rates.of("")), "{}", rates.of(""));
        assert!(rates.jain("") >= 0.98, "{}", rates.jain(""));
    }
    let [team, one, two] = ["team/", "one", "two"].map(|name| pattern.of(name));
    assert!(
        (team - 30.0).abs() < 2.5 && (one - two).abs() < 3.0,
        "{team}, {one}, {two}"
    );
    assert!(pattern.jain("team/") >= 0.96, "{}", pattern.jain("team/"));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server: tests/run"]
async fn callers_beside_a_lone_one_keep_their_shares_however_many_they_are() {
    let _exclusive = EXCLUSIVE.lock().await;
    let store = Store::start().await;
    let (callers, rate) = (200, 60.0);
    let fair = rate / f64::from(callers + 1);
    let mut scenario = Scenario::new("200 and one", rate).caller("lone", &[1], 20.0 * fair);
    for number in 0..callers {
        scenario = scenario.caller(&format!("many/{number}"), &[0], 2.0 * fair);
    }
    let rates = scenario.run(&store).await;
    let shares = rates.of("lone") / fair;
    println!("the lone caller gets {shares:.2} shares");
    // It gets about six tokens, and those that a busy machine cannot use for the many.
    assert!((0.4..=2.0).contains(&shares), "{shares}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server: tests/run"]
async fn callers_have_one_rate_limit_and_a_pattern_has_one_as_a_whole() {
    let _exclusive = EXCLUSIVE.lock().await;
    let store = Store::start().await;
    let all = &[0, 1, 2][..];
    let spread = Scenario::new("2/s, spread", 30.0)
        .limit("slow", 1, Some(2.0))
        .caller("slow", all, 5.0)
        .caller("other", all, 15.0);
    let uneven = Scenario::new("2/s, uneven", 30.0)
        .limit("slow", 1, Some(2.0))
        .caller("slow", &[0], 6.0)
        .caller("slow", &[1], 1.0);
    let patterns = [("2/s for a pattern", 2.0), ("20/s for a pattern", 20.0)];
    let [slow, fast] = patterns.map(|(name, limit)| {
        let mut pattern = Scenario::new(name, 10.0 * limit).limit("team/*", 1, Some(limit));
        for name in 0..30 {
            let on = &all[name % 3..=name % 3];
            pattern = pattern.caller(&format!("team/{name}"), on, limit / 10.0);
        }
        pattern
    });
    let (spread, uneven, slow, fast) = tokio::join!(
        spread.run(&store),
        uneven.run(&store),
        slow.run(&store),
        fast.run(&store)
    );
    for (rates, name) in [(&spread, "slow"), (&uneven, "slow"), (&slow, "team/")] {
        assert!((1.6..=2.2).contains(&rates.of(name)), "{}", rates.of(name));
    }
    let other = spread.of("other");
    assert!((26.5..=29.5).contains(&other), "{other}");
    assert!((16.5..=21.0).contains(&fast.of("")), "{}", fast.of(""));
    assert!(fast.jain("") >= 0.96, "{}", fast.jain(""));
}
