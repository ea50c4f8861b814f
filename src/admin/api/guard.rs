//! What stands before every call: where it came from, who asks, whether they may, and that a refusal is remembered.
//!
//! Knows the table of calls; what a call does, it does not.

use std::{net::IpAddr, sync::Arc, time::Duration};

use axum::{
    extract::{ConnectInfo, FromRequestParts as _, MatchedPath, RawPathParams, Request, State},
    http::{
        HeaderMap, HeaderValue, Method,
        header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS},
    },
    middleware::Next,
    response::{IntoResponse, Response},
};
use tokio::time::timeout;

use super::{
    Api,
    endpoint::{self, Endpoint},
    guesses::Guesses,
    head,
    origin::{Arrival, Hosts},
    problem::{Kind, Problem, Refusal},
    query,
};
use crate::{
    admin::{Asker, Caller, Reach},
    keystore::Role,
};

/// How long a call may take, longer than the longest that one asks to wait.
const LONGEST: Duration = Duration::from_secs(90);
/// The longest token, in bytes: nothing longer is one.
const MAX_TOKEN_BYTES: usize = 512;

/// By which way calls come in.
pub(super) enum Door {
    /// Over the network, from whoever can reach the listener.
    Network {
        /// Its names.
        hosts: Hosts,
        /// Wrong tokens, by peer.
        guesses: Box<Guesses>,
    },
    /// Over the control socket, from this process's own user or root, who need no token: they could write the store.
    Local {
        /// There is no socket: this process asks itself.
        offline: bool,
    },
}

/// Lets a call pass, or answers it. Every answer, whoever makes it, leaves by here.
pub(super) async fn guard(State(api): State<Arc<Api>>, request: Request, next: Next) -> Response {
    let mut response = match admitted(&api, request).await {
        Ok(Admitted { request, call }) => {
            let answer = timeout(LONGEST, next.run(request)).await;
            let response = answer.unwrap_or_else(|_| Problem::from(Kind::TimedOut).into_response());
            match call {
                Some(call) => noted(&api, &call, response).await,
                None => response,
            }
        }
        Err(refused) => refused,
    };
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
    response
}

struct Admitted {
    request: Request,
    /// `None` of what anybody may ask.
    call: Option<Call>,
}

/// Who makes which call.
struct Call {
    endpoint: &'static Endpoint,
    target: String,
    caller: Caller,
    peer: Option<IpAddr>,
}

async fn admitted(api: &Api, request: Request) -> Result<Admitted, Response> {
    let (mut parts, body) = request.into_parts();
    let arrival = parts.extensions.get::<Arrival>().copied();
    if let Door::Network { hosts, .. } = &api.door {
        let arrival = arrival.ok_or_else(|| Problem::from(Kind::Broken).into_response())?;
        hosts.check(&parts.uri, &parts.headers, arrival).map_err(IntoResponse::into_response)?;
    }
    let path = parts.extensions.get::<MatchedPath>().map(|path| path.as_str().to_owned()).unwrap_or_default();
    let endpoint = found(&path, &parts.method).map_err(IntoResponse::into_response)?;
    query::check(&parts.uri, endpoint.map_or(&[], |endpoint| endpoint.query)).map_err(IntoResponse::into_response)?;
    let Some(endpoint) = endpoint else { return Ok(Admitted { request: Request::from_parts(parts, body), call: None }) };

    let asker = parts.extensions.get::<ConnectInfo<Asker>>().map(|ConnectInfo(asker)| *asker);
    let caller = api.caller(&parts.headers, arrival, asker).await.map_err(IntoResponse::into_response)?;
    let params = RawPathParams::from_request_parts(&mut parts, &()).await.ok();
    let target = endpoint.target(params.as_ref().and_then(head::id));
    let call = Call { endpoint, target, caller, peer: arrival.map(|arrival| arrival.peer) };
    if let Err(why) = endpoint.admits(&call.caller) {
        return Err(noted(api, &call, Problem::new(Kind::Forbidden, why).into_response()).await);
    }
    parts.extensions.insert(call.caller.clone());
    Ok(Admitted { request: Request::from_parts(parts, body), call: Some(call) })
}

/// The call of this path and method; `None` of what anybody may ask.
fn found(path: &str, method: &Method) -> Result<Option<&'static Endpoint>, Problem> {
    if super::is_public(path) {
        let reads = *method == Method::GET || *method == Method::HEAD;
        return if reads { Ok(None) } else { Err(Problem::from(Kind::MethodNotAllowed).allow("GET, HEAD")) };
    }
    let mut methods = Vec::new();
    for endpoint in endpoint::at(path) {
        if endpoint.answers(method) {
            return Ok(Some(endpoint));
        }
        methods.push(endpoint.method.as_str());
        methods.extend((endpoint.method == Method::GET).then_some("HEAD"));
    }
    if methods.is_empty() {
        Err(Kind::NoRoute.into())
    } else {
        Err(Problem::from(Kind::MethodNotAllowed).allow(&methods.join(", ")))
    }
}

/// The answer, once a refusal in it stands in the audit trail. Who is refused again and again is told to wait instead, and does not fill
/// the trail.
async fn noted(api: &Api, call: &Call, response: Response) -> Response {
    let Some(Refusal(why)) = response.extensions().get() else { return response };
    if let (Door::Network { guesses, .. }, Some(peer)) = (&api.door, call.peer)
        && let Err(seconds) = guesses.charge(peer)
    {
        return Problem::from(Kind::TooManyRefusals).after(seconds).into_response();
    }
    match api.manager.note_refused(call.endpoint.action, &call.target, why, &call.caller).await {
        Ok(()) => response,
        Err(trouble) => {
            // For the log; the answer is the same whatever the trouble is.
            drop(Problem::from(trouble));
            Problem::from(Kind::NotNoted).into_response()
        }
    }
}

impl Api {
    async fn caller(&self, headers: &HeaderMap, arrival: Option<Arrival>, asker: Option<Asker>) -> Result<Caller, Problem> {
        let (guesses, peer) = match (&self.door, arrival) {
            (Door::Local { offline }, _) => return local(asker, *offline),
            (Door::Network { guesses, .. }, Some(arrival)) => (guesses, arrival.peer),
            (Door::Network { .. }, None) => return Err(Kind::Broken.into()),
        };
        let Some(token) = bearer(headers)? else { return Err(Problem::from(Kind::Unauthenticated).challenge(false)) };
        if token.len() <= MAX_TOKEN_BYTES
            && let Some(caller) = self.manager.caller(token).await?
        {
            return Ok(caller);
        }
        Err(wrong(guesses, peer))
    }
}

/// A wrong token. Whoever sends many is told to wait; a right one from the same address is never made to, for else anybody on this
/// machine could keep an operator from revoking a key.
fn wrong(guesses: &Guesses, peer: IpAddr) -> Problem {
    match guesses.charge(peer) {
        Ok(()) => Problem::from(Kind::InvalidToken).challenge(true),
        Err(seconds) => Problem::from(Kind::TooManyRefusals).after(seconds),
    }
}

fn local(asker: Option<Asker>, offline: bool) -> Result<Caller, Problem> {
    let own = || offline.then(|| rustix::process::geteuid().as_raw());
    let uid = asker.and_then(|asker| asker.uid).or_else(own).ok_or(Kind::Unauthenticated)?;
    let actor = format!("local:{uid}").into_boxed_str();
    Ok(Caller { name: actor.clone(), actor, reach: Reach::Role(Role::Owner) })
}

/// The token of the one `Authorization` header (RFC 6750 section 2.1); `None` where there is no such header.
fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let mut said = headers.get_all(AUTHORIZATION).iter();
    let only = match (said.next(), said.next()) {
        (None, _) => return Ok(None),
        (Some(only), None) => only.to_str().unwrap_or_default(),
        (Some(_), Some(_)) => return Err(Problem::new(Kind::BadRequest, "`Authorization` must stand in the head once")),
    };
    // Another scheme is as good as none: its credentials are for somebody else.
    let (scheme, token) = only.split_once(' ').unwrap_or_default();
    Ok(scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|token| !token.is_empty()))
}
