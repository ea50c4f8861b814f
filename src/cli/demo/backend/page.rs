//! The demo's page: a browser client, on a port of its own so that it has an origin that a publishable key can list.

use std::net::SocketAddr;

use axum::{
    Router,
    http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS},
    response::{IntoResponse, Response},
    routing::get,
};

/// Where `page.html` wants the gate's address.
const GATE: &str = "{{gate}}";

/// The page, told where the gate is. `gate` is an address that a browser can reach, not an unspecified one.
pub fn page(gate: SocketAddr) -> Router {
    let policy = policy(gate);
    let html = include_str!("../page.html").replace(GATE, &format!("http://{gate}"));
    let file = move |media_type, content: String| {
        let policy = policy.clone();
        get(async move || answer(media_type, policy.clone(), content.clone()))
    };
    Router::new()
        .route("/", file("text/html; charset=utf-8", html))
        .route("/page.css", file("text/css; charset=utf-8", include_str!("../page.css").to_owned()))
        .route("/page.js", file("text/javascript; charset=utf-8", include_str!("../page.js").to_owned()))
}

fn answer(media_type: &'static str, policy: String, content: String) -> Response {
    let headers = [
        (CONTENT_TYPE, media_type.to_owned()),
        (CONTENT_SECURITY_POLICY, policy),
        (X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (REFERRER_POLICY, "no-referrer".to_owned()),
        // The next demo may have this port and another gate.
        (CACHE_CONTROL, "no-store".to_owned()),
    ];
    (headers, content).into_response()
}

/// The page talks to the gate and to nobody else, so that a key typed into it can go nowhere else.
fn policy(gate: SocketAddr) -> String {
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src http://{gate} ws://{gate}; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}
