//! The page that a request comes from, as its headers tell, and whether a key lets it in.
//!
//! Knows nothing of how the request goes on: it is asked when the request is decided, and again when the keys of a stream change.

use super::{
    credential::Kind,
    denial::Denial,
    keys::{BrowserRule, KeyRecord},
    origin::{Claimed, Origin},
    request::RequestHead,
};

/// What the headers say of where a request comes from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Page<'a> {
    /// `Origin`.
    pub origin: Option<&'a Claimed<'a>>,
    /// `Sec-Fetch-Site`.
    pub fetch_site: Option<FetchSite>,
    /// `Host`.
    pub host: Option<&'a str>,
    /// Whether the client's connection is encrypted.
    pub secure: bool,
    /// Whether `User-Agent` is a browser's.
    pub browser_agent: bool,
}

/// What `Sec-Fetch-Site` says (Fetch Metadata, section 2.3). Only browsers send it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FetchSite {
    /// The page's own origin.
    SameOrigin,
    /// Any other.
    Other,
}

impl<'a> Page<'a> {
    /// The page that sent `head`.
    pub(super) fn of(head: &'a RequestHead<'a>) -> Self {
        let fetch_site =
            head.fetch_site.map(|site| if site == b"same-origin" { FetchSite::SameOrigin } else { FetchSite::Other });
        Self { origin: head.origin.as_ref(), fetch_site, host: head.host, secure: head.secure, browser_agent: head.browser_agent }
    }

    /// Whether a browser asks with a secret key, which the key only reports.
    ///
    /// # Errors
    /// [`Denial::SecretInBrowser`] where it does not.
    pub(super) fn keeps_secret(&self, key: &KeyRecord) -> Result<bool, Denial> {
        if key.kind != Kind::Secret {
            return Ok(false);
        }
        // Server clients may send an Origin or Sec-Fetch-Mode (undici does); Sec-Fetch-Site and a browser's name they do not.
        let browser = self.fetch_site.is_some() || self.origin.is_some() && self.browser_agent;
        if browser && key.browser() == BrowserRule::Refuse { Err(Denial::SecretInBrowser) } else { Ok(browser) }
    }

    /// Whether `key` lists the page's origin, so that the page may read the answer. Without an origin there is none to list.
    ///
    /// # Errors
    /// [`Denial::OriginMissing`] and [`Denial::OriginRefused`], where the key asks for one.
    pub(super) fn is_listed(&self, key: &KeyRecord) -> Result<bool, Denial> {
        let Some(claimed) = self.origin else {
            // A browser that sends no Origin still says where it is; `missing_origin` is for clients that are none.
            let native = key.missing_origin && self.fetch_site.is_none();
            let asks = key.kind == Kind::Publishable && !native && !self.is_same_origin(key);
            return if asks { Err(Denial::OriginMissing) } else { Ok(false) };
        };
        let listed = claimed.is_listed(key.origins.iter());
        let asks = !listed && (key.kind == Kind::Publishable || !key.origins.is_empty());
        if asks { Err(Denial::OriginRefused) } else { Ok(listed) }
    }

    /// A browser sends no Origin with a plain `GET` to the page's own origin, but says so.
    fn is_same_origin(&self, key: &KeyRecord) -> bool {
        self.fetch_site == Some(FetchSite::SameOrigin)
            && self
                .host
                .and_then(|host| Origin::of_host(host, self.secure))
                .is_some_and(|origin| Claimed::Origin(origin).is_listed(key.origins.iter()))
    }
}
