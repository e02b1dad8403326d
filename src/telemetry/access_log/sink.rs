//! Sink: one destination, opened, on a thread of its own. It may block; nobody waits for it.
//!
//! A sink opens on its first write and, after an error that a new connection might cure, once more. What
//! cannot be written is lost and counted: keeping it would only move the question of how much to keep.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::buffer::LogBatch;
use super::destination::Destination;

/// How long a destination that takes nothing is waited for, before the rest of a batch is given up.
const STALL_MAX: Duration = Duration::from_secs(1);

/// Lines that could not be written, and why the first of them could not.
#[derive(Debug)]
pub(super) struct Loss {
    pub(super) lines: u64,
    pub(super) error: io::Error,
}

/// One destination, opened.
#[derive(Debug)]
pub(super) enum Sink {
    Stream(LineFile),
    File(PathBuf, Option<LineFile>),
    Syslog(Syslog),
}

impl Sink {
    /// Opens the destination, except a syslog, which each write may open again.
    pub(super) fn open(destination: &Destination) -> io::Result<Self> {
        Ok(match destination {
            Destination::Stdout => Self::Stream(LineFile::of(&io::stdout())?),
            Destination::Stderr => Self::Stream(LineFile::of(&io::stderr())?),
            Destination::File(path) => Self::File(path.clone(), Some(LineFile::open(path)?)),
            Destination::SyslogUnix(path) => {
                Self::Syslog(Syslog::new(Receiver::Unix(path.clone())))
            }
            Destination::SyslogUdp(address) => Self::Syslog(Syslog::new(Receiver::Udp(*address))),
        })
    }

    /// Writes a batch; what fails is lost.
    pub(super) fn write(&mut self, batch: &LogBatch) -> Result<(), Loss> {
        match self {
            Self::Stream(file) => file.write(&batch.lines),
            Self::File(path, file) => {
                let file = match file {
                    Some(file) => file,
                    None => {
                        let opened = LineFile::open(path)
                            .map_err(|error| Loss { lines: batch.count.into(), error })?;
                        file.insert(opened)
                    }
                };
                file.write(&batch.lines)
            }
            Self::Syslog(syslog) => syslog.write(&batch.lines),
        }
    }

    /// Opens a file again, so that a rotated one is let go. When that fails the old one is kept: lines
    /// in a file with an unexpected name are better than none.
    pub(super) fn reopen(&mut self) -> io::Result<()> {
        if let Self::File(path, file) = self {
            let fresh = LineFile::open(path)?;
            if let Some(mut old) = file.replace(fresh) {
                old.end_torn_line();
            }
        }
        Ok(())
    }
}

/// A file or stream of lines.
#[derive(Debug)]
pub(super) struct LineFile {
    file: File,
    /// The last write ended inside a line (the disk was full, say). The next one ends that line first,
    /// so that only one record is damaged.
    torn: bool,
}

impl LineFile {
    /// `O_APPEND`, so that several processes (an upgrade in progress) and a truncating rotation do
    /// not write over each other. Readable by the group, because logs hold addresses of people.
    fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).create(true).mode(0o640).open(path)?;
        Ok(Self { file, torn: false })
    }

    /// A second descriptor of a stream, without the standard library's buffer and lock.
    fn of(stream: &impl AsFd) -> io::Result<Self> {
        let file = File::from(stream.as_fd().try_clone_to_owned()?);
        Ok(Self { file, torn: false })
    }

    fn write(&mut self, lines: &[u8]) -> Result<(), Loss> {
        if self.torn {
            self.end_torn_line();
        }
        let mut done = 0;
        while done < lines.len() {
            match self.write_some(&lines[done..]) {
                Ok(count) => done += count,
                Err(error) => {
                    if done > 0 {
                        self.torn = lines[done - 1] != b'\n';
                    }
                    let lines = count_lines(&lines[done..]);
                    return Err(Loss { lines, error });
                }
            }
        }
        Ok(())
    }

    /// At least one byte, or an error.
    fn write_some(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.file.write(bytes) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // A standard output that somebody made non-blocking.
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    wait_writable(&self.file)?;
                }
                result => return result,
            }
        }
    }

    fn end_torn_line(&mut self) {
        if self.torn {
            self.torn = self.write_some(b"\n").is_err();
        }
    }
}

fn wait_writable(file: &File) -> io::Result<()> {
    let timeout = Timespec::try_from(STALL_MAX).map_err(io::Error::other)?;
    match poll(&mut [PollFd::new(file, PollFlags::OUT)], Some(&timeout))? {
        0 => Err(ErrorKind::TimedOut.into()),
        _ => Ok(()),
    }
}

fn count_lines(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}

/// A receiver of RFC 5424 messages, one datagram per line.
#[derive(Debug)]
pub(super) struct Syslog {
    receiver: Receiver,
    socket: Option<Socket>,
    host_name: String,
    /// The message being sent; kept for its memory.
    message: Vec<u8>,
}

#[derive(Debug)]
enum Receiver {
    Unix(PathBuf),
    Udp(SocketAddr),
}

#[derive(Debug)]
enum Socket {
    Unix(UnixDatagram),
    Udp(UdpSocket),
}

/// Facility local7 (23) and severity informational (6), RFC 5424 section 6.2.1. local7 is what other
/// proxies use for their access logs unless told otherwise.
const PRIORITY: u8 = 23 * 8 + 6;

impl Syslog {
    fn new(receiver: Receiver) -> Self {
        Self { receiver, socket: None, host_name: host_name(), message: Vec::new() }
    }

    fn write(&mut self, lines: &[u8]) -> Result<(), Loss> {
        // RFC 5424 section 6: HEADER without STRUCTURED-DATA. The time of sending; the time of the
        // request is in the line.
        let header = format!(
            "<{PRIORITY}>1 {:.6} {} ringgate {} access - ",
            jiff::Timestamp::now(),
            self.host_name,
            std::process::id(),
        );
        let mut loss: Option<Loss> = None;
        let mut done = 0;
        for end in memchr::memchr_iter(b'\n', lines) {
            self.message.clear();
            self.message.extend_from_slice(header.as_bytes());
            self.message.extend_from_slice(&lines[done..end]);
            if let Err(error) = self.send() {
                let too_long =
                    error.raw_os_error() == Some(rustix::io::Errno::MSGSIZE.raw_os_error());
                let lost = if too_long { 1 } else { count_lines(&lines[done..]) };
                let loss = loss.get_or_insert(Loss { lines: 0, error });
                loss.lines += lost;
                if !too_long {
                    break;
                }
            }
            done = end + 1;
        }
        loss.map_or(Ok(()), Err)
    }

    /// A receiver that was restarted refuses until the socket is connected again. By UDP the refusal is
    /// an ICMP message about an earlier datagram, and this one has not been sent yet.
    fn send(&mut self) -> io::Result<()> {
        let fresh = self.socket.is_none();
        match self.send_once() {
            Err(error) if !fresh && is_cured_by_connecting(&error) => {
                self.socket = None;
                self.send_once()
            }
            result => result,
        }
    }

    fn send_once(&mut self) -> io::Result<()> {
        let socket = match &self.socket {
            Some(socket) => socket,
            None => self.socket.insert(self.receiver.connect()?),
        };
        match socket {
            Socket::Unix(socket) => socket.send(&self.message)?,
            Socket::Udp(socket) => socket.send(&self.message)?,
        };
        Ok(())
    }
}

fn is_cured_by_connecting(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionRefused
            | ErrorKind::ConnectionReset
            | ErrorKind::NotConnected
            | ErrorKind::BrokenPipe
    )
}

impl Receiver {
    fn connect(&self) -> io::Result<Socket> {
        match self {
            Self::Unix(path) => {
                let socket = UnixDatagram::unbound()?;
                socket.connect(path)?;
                // A receiver that does not read makes its senders wait; without a bound, for ever.
                socket.set_write_timeout(Some(STALL_MAX))?;
                Ok(Socket::Unix(socket))
            }
            Self::Udp(address) => {
                let local: SocketAddr = match address {
                    SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
                    SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
                };
                let socket = UdpSocket::bind(local)?;
                socket.connect(address)?;
                Ok(Socket::Udp(socket))
            }
        }
    }
}

/// RFC 5424 section 6.2.4: printable ASCII, `-` when not known.
fn host_name() -> String {
    let name = rustix::system::uname();
    match name.nodename().to_str() {
        Ok(name) if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic()) => {
            name.chars().take(255).collect()
        }
        _ => "-".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(lines: &str) -> LogBatch {
        LogBatch::new(0, lines.into(), lines.lines().count() as u32)
    }

    #[test]
    fn a_full_disk_loses_the_lines_and_says_how_many() {
        let mut sink = Sink::open(&Destination::File("/dev/full".into())).unwrap();
        let loss = sink.write(&batch("one\ntwo\nthree\n")).unwrap_err();
        assert_eq!(loss.lines, 3);
        assert_eq!(loss.error.kind(), ErrorKind::StorageFull);
    }

    #[test]
    fn a_torn_line_is_ended_before_the_next_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let mut file = LineFile::open(&path).unwrap();
        file.write_some(b"half a li").unwrap();
        file.torn = true;
        file.write(b"whole\n").unwrap();
        file.write(b"next\n").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "half a li\nwhole\nnext\n");
    }

    #[test]
    fn a_rotated_file_keeps_its_lines_and_the_next_ones_go_to_a_new_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let rotated = folder.path().join("log.1");
        let mut sink = Sink::open(&Destination::File(path.clone())).unwrap();
        sink.write(&batch("before\n")).unwrap();
        std::fs::rename(&path, &rotated).unwrap();
        sink.write(&batch("between\n")).unwrap();
        sink.reopen().unwrap();
        sink.write(&batch("after\n")).unwrap();
        assert_eq!(std::fs::read_to_string(&rotated).unwrap(), "before\nbetween\n");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "after\n");
    }

    #[test]
    fn a_file_that_cannot_be_opened_again_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("below");
        std::fs::create_dir(&below).unwrap();
        let path = below.join("log");
        let moved = folder.path().join("moved");
        let mut sink = Sink::open(&Destination::File(path)).unwrap();
        std::fs::rename(&below, &moved).unwrap();
        assert!(sink.reopen().is_err());
        sink.write(&batch("kept\n")).unwrap();
        assert_eq!(std::fs::read_to_string(moved.join("log")).unwrap(), "kept\n");
    }

    /// The parts of an RFC 5424 message: PRI and VERSION, TIMESTAMP, HOSTNAME, APP-NAME, PROCID, MSGID,
    /// STRUCTURED-DATA and MSG.
    fn parts(message: &[u8]) -> Vec<String> {
        let text = std::str::from_utf8(message).unwrap();
        text.splitn(8, ' ').map(str::to_owned).collect()
    }

    #[test]
    fn syslog_by_udp_is_one_message_per_line() {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        receiver.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let address = receiver.local_addr().unwrap();
        let mut sink = Sink::open(&Destination::SyslogUdp(address)).unwrap();
        sink.write(&batch("first line\nsecond line\n")).unwrap();
        let mut buffer = [0; 2048];
        for expected in ["first line", "second line"] {
            let length = receiver.recv(&mut buffer).unwrap();
            let parts = parts(&buffer[..length]);
            assert_eq!(parts[0], "<190>1");
            assert!(parts[1].parse::<jiff::Timestamp>().is_ok(), "{}", parts[1]);
            assert_eq!(parts[1].len(), "2026-11-21T10:24:00.000000Z".len());
            assert!(!parts[2].is_empty());
            assert_eq!(parts[3], "ringgate");
            assert_eq!(parts[4], std::process::id().to_string());
            assert_eq!(parts[5..7], ["access", "-"]);
            assert_eq!(parts[7], expected);
        }
    }

    #[test]
    fn a_restarted_unix_syslog_gets_the_next_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let mut sink = Sink::open(&Destination::SyslogUnix(path.clone())).unwrap();
        let loss = sink.write(&batch("nobody\nthere\n")).unwrap_err();
        assert_eq!(loss.lines, 2);

        for line in ["first", "after the restart"] {
            let receiver = UnixDatagram::bind(&path).unwrap();
            receiver.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
            sink.write(&batch(&format!("{line}\n"))).unwrap();
            let mut buffer = [0; 2048];
            let length = receiver.recv(&mut buffer).unwrap();
            assert_eq!(parts(&buffer[..length])[7], line);
            drop(receiver);
            std::fs::remove_file(&path).unwrap();
        }
    }

    #[test]
    fn a_line_too_long_for_a_datagram_is_lost_alone() {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        receiver.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let address = receiver.local_addr().unwrap();
        let mut sink = Sink::open(&Destination::SyslogUdp(address)).unwrap();
        let lines = format!("{}\nshort\n", "x".repeat(70_000));
        let loss = sink.write(&batch(&lines)).unwrap_err();
        assert_eq!(loss.lines, 1);
        let mut buffer = [0; 2048];
        let length = receiver.recv(&mut buffer).unwrap();
        assert_eq!(parts(&buffer[..length])[7], "short");
    }

    #[test]
    fn a_unix_syslog_that_does_not_read_is_given_up_in_bounded_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let _receiver = UnixDatagram::bind(&path).unwrap();
        let mut sink = Sink::open(&Destination::SyslogUnix(path)).unwrap();
        // More datagrams than any queue length that Linux is set to by default (10 to 512).
        let loss = sink.write(&batch(&"line\n".repeat(20_000))).unwrap_err();
        assert!((1..20_000).contains(&loss.lines), "{}", loss.lines);
        assert_eq!(loss.error.kind(), ErrorKind::WouldBlock);
    }
}
