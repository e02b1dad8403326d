//! Parking: how a thread inside a glommio executor sleeps until its ring has something.
//!
//! glommio has no public "await this descriptor". A `TcpStream` of its, made around a duplicate of the
//! eventfd, arms a poll for reading when it is made; its first read waits for that poll and then fails,
//! because an eventfd is no socket. So any return, an error too, means "look at the ring". This is the
//! one place that relies on it.

#![expect(unsafe_code, reason = "a glommio stream is made from a descriptor")]

use glommio::net::TcpStream;
use std::io;
use std::os::fd::{BorrowedFd, FromRawFd, IntoRawFd};
use std::time::Duration;

/// Sleeps until the eventfd is written or `timeout` has passed. May return early.
///
/// # Errors
/// When the descriptor cannot be duplicated (`EMFILE`).
pub async fn park(eventfd: BorrowedFd<'_>, timeout: Duration) -> io::Result<()> {
    let duplicate = eventfd.try_clone_to_owned()?.into_raw_fd();
    // SAFETY: `duplicate` was just made and is owned by nobody else; the stream closes it.
    let mut stream = unsafe { TcpStream::from_raw_fd(duplicate) };
    // It fails only for zero, which the next line's maximum rules out.
    let _ = stream.set_read_timeout(Some(timeout.max(Duration::from_micros(1))));
    let _ = futures_lite::AsyncReadExt::read(&mut stream, &mut [0u8; 8]).await;
    Ok(())
}
