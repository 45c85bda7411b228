//! DIDs of others: how their documents are found and what must hold of them. The only crate that knows `ssi`.
