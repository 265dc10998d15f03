//! A generator that waits for the network: its caller is a plain loop, and other tasks run meanwhile.

use std::error::Error;
use std::io::{self, BufRead, BufReader, Write};

use cede::Generator;
use cede::net::{TcpListener, TcpStream};

/// The lines that come in on a connection, as numbers. Reading suspends the whole task, this generator included.
fn numbers(stream: TcpStream) -> Generator<u32, (), ()> {
    Generator::try_new(move |numbers| -> Result<(), Box<dyn Error>> {
        for line in BufReader::new(stream).lines() {
            numbers.yield_(line?.parse()?);
        }
        Ok(())
    })
}

/// A second generator on top of the first.
fn running_sums(numbers: Generator<u32, (), ()>) -> Generator<u32, (), ()> {
    Generator::new(move |sums| {
        let mut sum = 0;
        for number in numbers {
            sum += number;
            sums.yield_(sum);
        }
    })
}

fn main() -> Result<(), Box<dyn Error>> {
    cede::run(|| {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let sender = cede::try_spawn(move || -> io::Result<()> {
            let mut stream = TcpStream::connect(address)?;
            for number in 1..=5 {
                writeln!(stream, "{number}")?;
                cede::yield_now();
            }
            Ok(())
        });
        let (stream, _) = listener.accept()?;
        let mut seen = Vec::new();
        for sum in running_sums(numbers(stream)) {
            println!("{sum}");
            seen.push(sum);
        }
        assert_eq!(seen, [1, 3, 6, 10, 15]);
        Ok(sender.join()?)
    })
}
