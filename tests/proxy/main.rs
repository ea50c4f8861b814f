//! The gate end to end: the real program on real sockets, judged by what the backend received and what the client was told.

mod support;

mod block;
mod canary;
mod channels;
mod connections;
mod cors;
mod credentials;
mod cut;
mod drain;
mod explain;
mod head_differential;
mod http;
mod limits;
mod metrics;
mod modes;
mod negative_controls;
mod peers;
mod refusal_close;
mod reload;
mod sse;
mod stream_limits;
mod streams;
mod transports;
mod unix;
mod upgrade;
mod upstreams;
mod websocket;
