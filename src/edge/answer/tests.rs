use super::*;
use crate::gate::limit::{Charge, LimitName, Pace, Quota};

fn text(answer: Vec<u8>) -> String {
    let text = String::from_utf8(answer).unwrap();
    let date = text.lines().find(|line| line.starts_with("Date: ")).unwrap_or_default().to_owned();
    text.replace(&date, "Date: now").replace('\r', "")
}

#[test]
fn a_refused_rate_tells_when_to_come_back() {
    let pace = Pace::Beyond { retry_after_ns: 1_000_000_001 };
    let mut charges = Charges::one(Charge::of_rate(LimitName::Rate, &Quota::new(10, 1, 5).unwrap(), pace));
    charges.set(Charge::of_places(LimitName::Connections, 2, 1, true).refusing_if_spent());
    let about = About { request_id: "r1", charges: Some(&charges), cors_origin: Some("https://a.example"), ..About::default() };
    expect_test::expect![[r#"
        HTTP/1.1 429 Too Many Requests
        Server: keygate
        Date: now
        X-Request-Id: r1
        Retry-After: 2
        RateLimit-Policy: "rate";q=10;w=1, "connections";q=2;qu="concurrent-requests"
        RateLimit: "rate";r=0;t=2, "connections";r=1
        Access-Control-Allow-Origin: https://a.example
        Access-Control-Expose-Headers: Retry-After, RateLimit, RateLimit-Policy, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, X-Request-Id
        Vary: Origin
        Content-Type: application/problem+json
        Cache-Control: no-store
        Content-Length: 152

        {"type":"/keygate/refusals#rate_limited","title":"Too many requests.","status":429,"code":"rate_limited","request_id":"r1","violated-policies":["rate"]}"#]]
    .assert_eq(&text(refusal(Denial::RateLimited, &about)));
}

#[test]
fn who_waits_for_a_place_is_not_sent_for_it_at_once() {
    let places = Charge::of_places(LimitName::Connections, 2, 2, true).refusing_if_spent();
    let mut charges = Charges::one(places);
    let told = |charges: &Charges| {
        let answer = text(refusal(Denial::KeyConnections, &About { charges: Some(charges), ..About::default() }));
        answer.lines().find(|line| line.starts_with("Retry-After")).unwrap_or_default().to_owned()
    };
    assert_eq!(told(&charges), "Retry-After: 5");
    let rate = |retry_after_ns| Charge::of_rate(LimitName::Rate, &Quota::new(10, 1, 5).unwrap(), Pace::Beyond { retry_after_ns });
    charges.set(rate(1));
    assert_eq!(told(&charges), "Retry-After: 5");
    charges.set(rate(60_000_000_000));
    assert_eq!(told(&charges), "Retry-After: 60");
}

#[test]
fn every_problem_is_json_and_its_type_is_on_the_page() {
    let page = text(refusals_page(&About::default()));
    for &denial in Denial::ALL {
        let value: serde_json::Value = serde_json::from_str(&problem(denial, "r", &Charges::default())).unwrap();
        assert_eq!(value["status"], denial.status());
        assert!(page.contains(&format!("<dt id={}>", denial.code())), "{denial:?}");
    }
}

#[test]
fn the_length_is_the_bodys() {
    for &denial in Denial::ALL {
        let answer = text(refusal(denial, &About::default()));
        let (head, body) = answer.split_once("\n\n").unwrap();
        assert!(head.contains(&format!("Content-Length: {}", body.len())));
        let without = text(refusal(denial, &About { without_body: true, ..About::default() }));
        assert!(without.ends_with("\n\n"));
    }
}
