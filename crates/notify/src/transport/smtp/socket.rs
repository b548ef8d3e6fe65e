//! A socket to the first address of a host that takes a connection. Knows no mail and no TLS.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};

use super::problem::Problem;
use super::stage::Stage;

/// How many addresses are tried: whoever answers for a name could else name so many that nothing
/// else is done for hours.
const MOST_ADDRESSES: usize = 8;

/// Tries the addresses of the host in turn, each no longer than `wait`.
pub(super) async fn connect(host: &str, port: u16, wait: Duration) -> Result<TcpStream, Problem> {
    let addresses = Stage::Lookup
        .within(wait, lookup_host((host, port)))
        .await?;
    first_to_answer(addresses, wait).await
}

async fn first_to_answer(
    addresses: impl Iterator<Item = SocketAddr>,
    wait: Duration,
) -> Result<TcpStream, Problem> {
    let mut failures = Vec::new();
    for address in addresses.take(MOST_ADDRESSES) {
        match Stage::Connecting.within(wait, connect_to(address)).await {
            Ok(socket) => return Ok(socket),
            Err(problem) => failures.push(format!("{address}: {}", problem.text)),
        }
    }
    if failures.is_empty() {
        failures.push("the name has no address".to_owned());
    }
    Err(Problem::broken(&failures.join(", ")))
}

async fn connect_to(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpStream::connect(address).await?;
    // What fills no whole packet, the end of a mail above all, would else wait until the server's
    // system confirms what came before it, which it does 40 ms later.
    socket.set_nodelay(true)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    const WAIT: Duration = Duration::from_secs(5);

    async fn listener() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    #[tokio::test]
    async fn an_address_that_refuses_does_not_hide_the_next_one() {
        let (closed, refusing) = listener().await;
        drop(closed);
        let (_open, answering) = listener().await;
        let socket = first_to_answer([refusing, answering].into_iter(), WAIT).await;
        let socket = socket.unwrap();
        assert_eq!(socket.peer_addr().unwrap(), answering);
        assert!(socket.nodelay().unwrap());
    }

    #[tokio::test]
    async fn a_name_with_many_addresses_holds_nobody_up() {
        let (closed, refusing) = listener().await;
        drop(closed);
        let (_open, answering) = listener().await;
        let addresses = |refusals| std::iter::repeat_n(refusing, refusals).chain([answering]);
        let last = first_to_answer(addresses(MOST_ADDRESSES - 1), WAIT).await;
        assert_eq!(last.unwrap().peer_addr().unwrap(), answering);
        let beyond = first_to_answer(addresses(MOST_ADDRESSES), WAIT).await;
        assert!(beyond.is_err());
    }

    #[tokio::test]
    async fn every_address_that_failed_is_told() {
        let (one, first) = listener().await;
        let (other, second) = listener().await;
        drop((one, other));
        let problem = first_to_answer([first, second].into_iter(), WAIT).await;
        let text = problem.unwrap_err().text;
        assert!(text.starts_with(&format!("{first}: ")), "{text}");
        assert!(text.contains(&format!(", {second}: ")), "{text}");

        let problem = first_to_answer([].into_iter(), WAIT).await;
        assert_eq!(problem.unwrap_err().text, "the name has no address");
    }
}
