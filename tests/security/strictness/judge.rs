//! Whether what was observed is what a row says.

use super::{
    observe::Observed,
    row::{After, Done, Row, Served},
};
use crate::support::{credential_absent, identity_stamped_once};

/// Says what is not as `done` says.
pub fn judge(row: &Row, done: &Done, observed: &Observed) -> Result<(), String> {
    credential_absent(&observed.raw, &["sk_live_server"])?;
    let targets: Vec<_> = observed.received.iter().map(|request| request.target.as_str()).collect();
    let finals: Vec<_> = observed.answers.iter().filter(|answer| answer.status >= 200 || answer.status == 101).collect();
    let told: Vec<_> = finals.iter().map(|answer| answer.status).collect();
    let all = |statuses: &[u16], received: &[&str]| {
        if told != statuses {
            return Err(format!("the client was told {told:?}, not {statuses:?}"));
        }
        if targets == received { Ok(()) } else { Err(format!("the backend received {targets:?}, not {received:?}")) }
    };
    let closing = |at: usize| {
        let said = finals.get(at).and_then(|answer| answer.header("connection"));
        if said == Some("close") { Ok(()) } else { Err(format!("the answer says Connection: {said:?}")) }
    };
    match done {
        Done::Refused(status) => {
            all(&[*status], &[])?;
            closing(0)
        }
        Done::Answered { status, after: After::Goes } => all(&[*status, 200], &["/any/next"]),
        Done::Answered { status, after: After::Ends } => all(&[*status], &[]),
        Done::Answered { status, after: After::Refuses } => all(&[*status, 400], &[]),
        Done::Opened => {
            all(&[101], &targets)?;
            let [request] = &*observed.received else { return Err(format!("the backend received {targets:?}")) };
            identity_stamped_once(request)?;
            let once = request.header("upgrade") == Some("websocket") && request.header("connection") == Some("Upgrade");
            if once { Ok(()) } else { Err(format!("{:?}", request.headers)) }
        }
        // Refused while there is somebody to tell, and broken off once the exchange has begun.
        Done::Broken => all(&[400], &[]).or_else(|fault| all(&[], &[]).map_err(|_| fault)),
        Done::Served(served) => {
            let target = served.line.split(' ').nth(1).unwrap_or_default();
            match served.after {
                After::Goes => all(&[200, 200], &[target, "/any/next"])?,
                After::Ends => all(&[200], &[target])?,
                After::Refuses => all(&[200, 400], &[target])?,
            }
            let continued = observed.answers.iter().filter(|answer| answer.status == 100).count();
            if continued != usize::from(served.continues) {
                return Err(format!("the client was told {continued} times to continue"));
            }
            as_served(row, served, observed)
        }
    }
}

fn as_served(row: &Row, served: &Served, observed: &Observed) -> Result<(), String> {
    let request = &observed.received[0];
    let line = format!("{} {} {}", request.method, request.target, request.version);
    if line != served.line {
        return Err(format!("the backend received {line}"));
    }
    identity_stamped_once(request)?;
    for wanted in served.has {
        let (name, value) = wanted.split_once(": ").unwrap_or((wanted.trim_end_matches(':'), ""));
        if request.all(name) != [value] {
            return Err(format!("{name} is {:?}", request.all(name)));
        }
    }
    if let Some(name) = served.lacks.iter().find(|name| request.headers.iter().any(|(other, _)| other.eq_ignore_ascii_case(name)))
    {
        return Err(format!("{name} is {:?}", request.all(name)));
    }
    let holds = |text: &&&str| observed.raw.windows(text.len()).any(|window| window == text.as_bytes());
    if let Some(text) = served.absent.iter().find(holds) {
        return Err(format!("{text:?} reached the backend"));
    }
    if request.body == served.body.as_bytes() {
        Ok(())
    } else {
        Err(format!("{}: the body is {:?}", row.id, String::from_utf8_lossy(&request.body)))
    }
}
