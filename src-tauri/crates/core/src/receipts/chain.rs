//! The chain of a till's receipts, as `write_money` of the migrations makes it and `verify` computes it anew.
use sha2::{Digest as _, Sha256};

/// Hash of a receipt: SHA-256 over the hash before (of the first: SHA-256 of nothing), the number as 8 bytes
/// (big-endian), the transaction's digest and the SHA-256 of the document.
pub fn hash(after: &[u8], number: i64, digest: &[u8], document: &str) -> Vec<u8> {
    Sha256::new()
        .chain_update(after)
        .chain_update(number.to_be_bytes())
        .chain_update(digest)
        .chain_update(Sha256::digest(document))
        .finalize()
        .to_vec()
}
