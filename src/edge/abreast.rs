//! Waiting for many at once: network peers, each on a thread that mostly sleeps. Work for the processor goes to
//! rayon instead, whose few threads must never wait for a network.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

/// Asks for every item, at most `most` at a time, and gives the answers in the order of the items; `done` hears
/// of each as it comes.
pub fn abreast<T: Sync, R: Send>(
    items: &[T],
    most: usize,
    ask: impl Fn(&T) -> R + Sync,
    mut done: impl FnMut(&R),
) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::channel();
    let mut all: Vec<Option<R>> = items.iter().map(|_| None).collect();
    std::thread::scope(|scope| {
        for _ in 0..items.len().min(most) {
            let (next, ask, sender) = (&next, &ask, sender.clone());
            scope.spawn(move || {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(at) else { return };
                    // The receiver outlives every worker.
                    let _ = sender.send((at, ask(item)));
                }
            });
        }
        drop(sender);
        for (at, answer) in receiver {
            done(&answer);
            all[at] = Some(answer);
        }
    });
    all.into_iter().flatten().collect()
}
