//! Writes the seeds of every target below a directory, or names the number of each shape that `ndr` knows:
//! `cargo run -p rwmi-oracles --example seeds -- fuzz/corpus`

use std::{env, fs, io, path::Path};

fn main() -> io::Result<()> {
    let Some(root) = env::args().nth(1) else {
        for (name, number) in rwmi_oracles::shapes_by_number() {
            println!("{number} {name}");
        }
        return Ok(());
    };
    for (target, _) in rwmi_oracles::TARGETS {
        let directory = Path::new(&root).join(target);
        fs::create_dir_all(&directory)?;
        for (name, octets) in rwmi_oracles::seeds(target) {
            fs::write(directory.join(name), octets)?;
        }
    }
    Ok(())
}
