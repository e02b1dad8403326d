//! A back end of a few lines: a thread per connection, answers by path.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// Pieces of a download, and the pause before each: two seconds together.
pub(crate) const PIECES: usize = 20;
const PAUSE: Duration = Duration::from_millis(100);

/// What one piece is.
pub(crate) const PIECE: &str = "0123456789";

/// A listening back end. Its threads end with the test's process.
pub(crate) struct BackEnd {
    pub(crate) address: SocketAddr,
    /// Tells of each request as it arrives.
    pub(crate) requests: Receiver<String>,
}

impl BackEnd {
    /// Starts one that answers `/slow` in pieces, `/never` not at all, and everything else with its
    /// `name`.
    pub(crate) fn start(name: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, requests) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let sender = sender.clone();
                std::thread::spawn(move || serve(stream, name, &sender));
            }
        });
        Self { address, requests }
    }

    /// A configuration's upstream `back` with this target, and a route to it for every path.
    pub(crate) fn routes(&self) -> String {
        routes(self.address)
    }
}

/// An upstream `back` with that target, and a route to it for every path under `/back`.
pub(crate) fn routes(address: SocketAddr) -> String {
    format!(
        "[[upstream]]\nname = \"back\"\ntargets = [\"{address}\"]\n\
         [[api]]\nname = \"back\"\nprotocol = \"http\"\nbase_path = \"/back\"\n\
         [[api.route]]\nroute = \"ANY /{{proxy+}}\"\n\
         integration = {{ type = \"http_proxy\", upstream = \"back\" }}\n"
    )
}

fn serve(mut stream: TcpStream, name: &str, requests: &Sender<String>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        while line != "\r\n" {
            line.clear();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
        }
        // Nobody may be interested any more.
        let _ = requests.send(path.clone());
        match path.as_str() {
            "/slow" => {
                stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
                for _ in 0..PIECES {
                    std::thread::sleep(PAUSE);
                    write!(stream, "{:x}\r\n{PIECE}\r\n", PIECE.len())?;
                }
                stream.write_all(b"0\r\n\r\n")?;
            }
            "/never" => std::thread::sleep(Duration::from_secs(600)),
            _ => write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{name}", name.len())?,
        }
    }
}
