//! Serves the units of a JSON file as `org.freedesktop.systemd1` on a private bus, for tests:
//!
//! ```text
//! fake_systemd unix:path=/tmp/x/bus testdata/linux/lx1/systemd.json
//! ```
//! Prints `ready` when the name is taken, and serves until it is ended.

#[path = "../tests/it/fake_systemd.rs"]
mod fake_systemd;

use std::io::Write;
use std::path::Path;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, file] = arguments.as_slice() else {
        eprintln!("usage: fake_systemd ADDRESS FILE");
        std::process::exit(2);
    };
    let _connection = fake_systemd::serve(address, Path::new(file)).await?;
    println!("ready");
    std::io::stdout().flush()?;
    std::future::pending::<()>().await;
    Ok(())
}
