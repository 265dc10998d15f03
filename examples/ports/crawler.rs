//! The port of `crawler.py`: each page is a task, which adds tasks for the pages that it links to.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::error::Error;
use std::sync::LazyLock;
use std::time::Duration;

use cede::{Scope, scope, sleep};

const TICK: Duration = Duration::from_millis(30);

type Page = &'static str;

static SITE: LazyLock<HashMap<Page, (u32, Vec<Page>)>> = LazyLock::new(|| {
    HashMap::from([
        ("home", (2, vec!["news", "shop", "about"])),
        ("news", (3, vec!["home", "today", "archive"])),
        ("shop", (6, vec!["gears", "bolts"])),
        ("about", (9, vec!["home", "jobs"])),
        ("today", (5, vec!["news"])),
        ("archive", (8, vec![])),
        ("gears", (4, vec!["shop", "bolts"])),
        ("bolts", (7, vec!["gears"])),
    ])
});

fn load(page: Page) -> Option<&'static [Page]> {
    let (ticks, links) = SITE.get(page)?;
    sleep(*ticks * TICK);
    Some(links)
}

fn visit<'scope>(
    group: &'scope Scope<'scope, '_>,
    seen: &'scope RefCell<BTreeSet<Page>>,
    page: Page,
    depth: u32,
) {
    let Some(links) = load(page) else {
        println!("{page} does not exist");
        return;
    };
    println!("{page} has {} links and is {depth} away", links.len());
    for &link in links {
        if seen.borrow_mut().insert(link) {
            group.spawn(move || visit(group, seen, link, depth + 1));
        }
    }
}

pub(super) fn main() -> Result<(), Box<dyn Error>> {
    let seen = RefCell::new(BTreeSet::from(["home"]));
    scope(|group| {
        group.spawn(|| visit(group, &seen, "home", 0));
    })?;
    println!("seen: {}", Vec::from_iter(seen.into_inner()).join(" "));
    Ok(())
}
