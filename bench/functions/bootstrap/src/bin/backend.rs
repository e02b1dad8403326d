//! A back end that waits as functions do: a thread for each connection, which sleeps until it is asked and
//! answers with as many bytes as the path says. So a gateway that proxies to it has as many sleepers to wake
//! as one that hands out events, and what is left between the two is what functions cost.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};

fn main() -> std::io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?);
    for connection in listener.incoming() {
        let connection = connection?;
        std::thread::spawn(move || serve(connection));
    }
    Ok(())
}

/// `GET /proxy/27` is answered with 27 bytes. Ends with the connection.
fn serve(connection: TcpStream) -> Option<()> {
    connection.set_nodelay(true).ok()?;
    let mut reader = BufReader::new(connection);
    let mut line = String::new();
    loop {
        line.clear();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let path = line.split(' ').nth(1)?;
        let bytes: usize = path.rsplit('/').next()?.parse().ok()?;
        while line != "\r\n" {
            line.clear();
            reader.read_line(&mut line).ok()?;
        }
        let mut answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {bytes}\r\n\r\n"
        );
        answer.push_str(&"x".repeat(bytes));
        reader.get_mut().write_all(answer.as_bytes()).ok()?;
    }
}
