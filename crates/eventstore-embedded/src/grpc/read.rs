//! Reads that end: a number of events of a stream or of `$all`, either way, page by page as the client takes them.

use futures::{
    StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};
use tonic::Status;

use super::{
    allow,
    convert::{self, Begin, UuidForm, read_event},
    status,
};
use crate::{
    auth::User,
    database::Database,
    persistent::settings::ALL,
    protocol::streams::{
        ReadResp,
        read_req::{
            Options, ReadDirection,
            options::{FilterOption, StreamOption},
        },
        read_resp::{Content, StreamNotFound},
    },
    store::{
        Store,
        acl::Operation,
        event::Ticks,
        filter::Filter,
        read::{Direction, Page, StreamPage},
    },
};

/// How many events are read at once: the store is locked meanwhile.
pub(super) const PAGE: usize = 256;

/// How many events are looked at while the store is locked, where a filter holds most of them back.
const SEARCH: usize = 4096;

/// The answers to a read of `count` events.
pub(super) fn read(
    database: Database,
    user: User,
    options: Options,
    count: u64,
) -> Result<BoxStream<'static, Result<ReadResp, Status>>, Status> {
    let backwards = options.read_direction == i32::from(ReadDirection::Backwards);
    let direction = if backwards { Direction::Backwards } else { Direction::Forwards };
    let form = UuidForm::from(options.uuid_option);
    let links = options.resolve_links;
    let common = Common { direction, form, links };
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    match options.stream_option {
        Some(StreamOption::Stream(stream)) => {
            let (name, begin) = convert::in_stream(stream)?;
            allow(&database, user, Operation::Read, &name)?;
            let tells_revisions = options.control_option.is_some_and(|control| control.compatibility > 0);
            let tells_first = tells_revisions && !backwards;
            let from = start(begin);
            let reader =
                StreamReader { name, common, from, left: count, tells_first, tells_last: tells_revisions };
            Ok(pages(database, reader))
        }
        Some(StreamOption::All(all)) => {
            allow(&database, user, Operation::Read, ALL)?;
            let filter = match options.filter_option {
                Some(FilterOption::Filter(filter)) => Some(convert::filter(filter)?.0),
                Some(FilterOption::NoFilter(_)) | None => None,
            };
            let from = start(convert::in_all(&all));
            Ok(pages(database, LogReader { filter, common, from, left: count }))
        }
        None => Err(Status::invalid_argument("neither a stream nor $all is asked for")),
    }
}

#[derive(Clone, Copy)]
struct Common {
    direction: Direction,
    form: UuidForm,
    links: bool,
}

fn start(begin: Begin) -> u64 {
    match begin {
        Begin::At(place) => place,
        Begin::Start => 0,
        Begin::End => u64::MAX,
    }
}

/// What reads a page after the other.
trait Reader: Send + 'static {
    /// The next page, and whether there is another one.
    fn page(&mut self, store: &Store, now: Ticks) -> Result<(Vec<ReadResp>, bool), Status>;
}

/// Goes from page to page while there are more.
fn pages(database: Database, reader: impl Reader) -> BoxStream<'static, Result<ReadResp, Status>> {
    stream::try_unfold(Some(reader), move |reader| {
        let database = database.clone();
        async move {
            let Some(mut reader) = reader else { return Ok(None) };
            let (responses, more) = database.read(|store, now| reader.page(store, now))??;
            Ok::<_, Status>(Some((stream::iter(responses.into_iter().map(Ok)), more.then_some(reader))))
        }
    })
    .try_flatten()
    .boxed()
}

struct StreamReader {
    name: String,
    common: Common,
    from: u64,
    left: usize,
    /// Whether a stream that begins elsewhere than the read is told of. That is over with the first page.
    tells_first: bool,
    tells_last: bool,
}

impl Reader for StreamReader {
    fn page(&mut self, store: &Store, now: Ticks) -> Result<(Vec<ReadResp>, bool), Status> {
        let Common { direction, form, links } = self.common;
        let (page, first, last) =
            match store.read_stream(&self.name, self.from, direction, self.left.min(PAGE), now) {
                StreamPage::Deleted => return Err(status::stream_deleted(&self.name)),
                StreamPage::NotFound => {
                    let stream_identifier = Some(convert::stream_identifier(&self.name));
                    let missing = Content::StreamNotFound(StreamNotFound { stream_identifier });
                    return Ok((vec![response(missing)], false));
                }
                StreamPage::Found { page, first, last } => (page, first, last),
            };
        let mut responses = Vec::with_capacity(page.events.len() + 2);
        if std::mem::take(&mut self.tells_first) {
            responses.extend(self.beginning(first, &page).map(Content::FirstStreamPosition).map(response));
        }
        self.left -= page.events.len();
        for record in page.events {
            let resolved = store.resolve(record, links, now);
            responses.push(response(Content::Event(read_event(&resolved, form))));
        }
        let more = page.more && self.left > 0;
        if self.tells_last && !more {
            responses.push(response(Content::LastStreamPosition(last)));
        }
        self.from = page.next;
        Ok((responses, more))
    }
}

impl StreamReader {
    /// Where the stream begins for this read, if EventStoreDB would tell: where its own first page has no events. It reads so
    /// many revisions at once, those that are not shown any more among them.
    fn beginning(&self, first: u64, page: &Page) -> Option<u64> {
        const PAGE: usize = 32;
        match page.events.is_empty() {
            true => Some(page.next).filter(|next| *next != self.from),
            false => {
                Some(first).filter(|first| self.from.saturating_add(self.left.min(PAGE) as u64) <= *first)
            }
        }
    }
}

struct LogReader {
    filter: Option<Filter>,
    common: Common,
    from: u64,
    left: usize,
}

impl Reader for LogReader {
    fn page(&mut self, store: &Store, now: Ticks) -> Result<(Vec<ReadResp>, bool), Status> {
        let Common { direction, form, links } = self.common;
        let page = store.read_all(self.from, direction, self.filter.as_ref(), self.left.min(PAGE), SEARCH);
        self.left -= page.events.len();
        self.from = page.next;
        let resolved = page.events.into_iter().map(|record| store.resolve(record, links, now));
        let events = resolved.map(|resolved| response(Content::Event(read_event(&resolved, form))));
        Ok((events.collect(), page.more && self.left > 0))
    }
}

pub(super) fn response(content: Content) -> ReadResp {
    ReadResp { content: Some(content) }
}
