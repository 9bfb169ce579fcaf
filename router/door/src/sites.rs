//! Requests that a browser sends for a page of another site.

use warp::http::HeaderMap;
use warp::http::header::{HOST, ORIGIN};

/// Why a request of [`is_from_other_site`] is refused.
pub const OTHER_SITE: &str = "this request comes from a web page of another site";

/// Whether a browser sent this for a page that this server did not serve: any page could otherwise reach a service
/// that listens on its visitor's loopback address. Programs send no `Origin`.
pub fn is_from_other_site(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(ORIGIN) else { return false };
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let site = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, site)| site);
    site.is_none() || site != host
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_programs_and_own_pages_may_post() {
        let headers = |origin: &str| {
            HeaderMap::from_iter([(HOST, "127.0.0.1:8080".parse().unwrap()), (ORIGIN, origin.parse().unwrap())])
        };
        assert!(!is_from_other_site(&HeaderMap::new()));
        assert!(!is_from_other_site(&headers("http://127.0.0.1:8080")));
        for origin in ["http://shop.example", "http://127.0.0.1:3000", "null", "http://127.0.0.1:8080.shop.example"] {
            assert!(is_from_other_site(&headers(origin)), "{origin}");
        }
    }
}
