//! Catch-up subscriptions: all events from a place on, and then every new one as it is written.

use futures::{
    StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};
use tonic::Status;
use uuid::Uuid;

use super::{
    allow,
    convert::{self, Begin, UuidForm, position, read_event},
    read::{PAGE, response},
    status,
};
use crate::{
    auth::User,
    database::{Database, Growth},
    persistent::settings::ALL,
    protocol::{
        shared::SubscriptionConfirmation,
        streams::{
            ReadResp,
            read_req::{
                Options, ReadDirection,
                options::{FilterOption, StreamOption},
            },
            read_resp::{CaughtUp, Checkpoint, Content},
        },
    },
    store::{
        Store,
        acl::Operation,
        event::Ticks,
        filter::Filter,
        read::{Direction, StreamPage},
    },
};

/// The answers of a subscription. They end with the server, with a tombstone, or when the client goes.
pub(super) fn subscribe(
    database: Database,
    user: User,
    options: Options,
) -> Result<BoxStream<'static, Result<ReadResp, Status>>, Status> {
    if options.read_direction == i32::from(ReadDirection::Backwards) {
        return Err(Status::invalid_argument("a subscription goes forwards"));
    }
    // First of all: what is written while the subscription begins is then either read or waited for.
    let growth = database.growth();
    let source = match options.stream_option {
        Some(StreamOption::Stream(stream)) => {
            let (name, begin) = convert::in_stream(stream)?;
            allow(&database, user, Operation::Read, &name)?;
            let end = database.read(|store, _| store.next_revision(&name))?;
            Source::Stream { from: after(begin, end), name }
        }
        Some(StreamOption::All(all)) => {
            allow(&database, user, Operation::Read, ALL)?;
            let filter = match options.filter_option {
                Some(FilterOption::Filter(filter)) => Some(convert::filter(filter)?),
                Some(FilterOption::NoFilter(_)) | None => None,
            };
            let end = database.read(|store, _| store.end())?;
            let filter = filter.map(|(filter, interval)| Checkpoints { filter, interval, searched: 0 });
            Source::Log { from: after(convert::in_all(&all), end), last: None, filter }
        }
        None => return Err(Status::invalid_argument("neither a stream nor $all is asked for")),
    };
    let form = UuidForm::from(options.uuid_option);
    let subscription =
        Subscription { database, growth, source, form, links: options.resolve_links, live: false };
    let subscription_id = Uuid::new_v4().to_string();
    let confirmed = response(Content::Confirmation(SubscriptionConfirmation { subscription_id }));
    let events = stream::try_unfold(subscription, |mut subscription| async {
        let responses = subscription.next().await?;
        Ok::<_, Status>(Some((stream::iter(responses.into_iter().map(Ok)), subscription)))
    });
    Ok(stream::once(async { Ok(confirmed) }).chain(events.try_flatten()).boxed())
}

/// A subscription begins after the place that it names, unlike a read.
pub(crate) fn after(begin: Begin, end: u64) -> u64 {
    match begin {
        Begin::At(place) => place.saturating_add(1),
        Begin::Start => 0,
        Begin::End => end,
    }
}

struct Subscription {
    database: Database,
    growth: Growth,
    source: Source,
    form: UuidForm,
    links: bool,
    /// It has read all there was, and said so.
    live: bool,
}

/// What is read, and where the next page begins.
enum Source {
    Stream { name: String, from: u64 },
    Log { from: u64, last: Option<u64>, filter: Option<Checkpoints> },
}

/// A filter, and how many events were looked at since the client was last told how far.
struct Checkpoints {
    filter: Filter,
    interval: usize,
    searched: usize,
}

impl Subscription {
    /// The next responses: there is at least one.
    async fn next(&mut self) -> Result<Vec<ReadResp>, Status> {
        loop {
            let (mut responses, more) = {
                let Self { source, form, links, .. } = self;
                self.database.read(|store, now| source.page(store, now, *form, *links))??
            };
            // EventStoreDB does not say that a subscription fell behind; it does say that it caught up again.
            self.live &= !more;
            if !more && !self.live {
                self.live = true;
                responses.push(response(Content::CaughtUp(self.source.caught_up())));
            }
            if !responses.is_empty() {
                return Ok(responses);
            }
            if !more {
                self.growth.more().await?;
            }
        }
    }
}

impl Source {
    /// The next page, and whether another one is there already.
    fn page(
        &mut self,
        store: &Store,
        now: Ticks,
        form: UuidForm,
        links: bool,
    ) -> Result<(Vec<ReadResp>, bool), Status> {
        let event = |record| response(Content::Event(read_event(&store.resolve(record, links, now), form)));
        match self {
            Self::Stream { name, from } => {
                match store.read_stream(name, *from, Direction::Forwards, PAGE, now) {
                    StreamPage::Deleted => Err(status::stream_deleted(name)),
                    StreamPage::NotFound => Ok((Vec::new(), false)),
                    StreamPage::Found { page, .. } => {
                        *from = page.next.max(*from);
                        Ok((page.events.into_iter().map(event).collect(), page.more))
                    }
                }
            }
            Self::Log { from, last, filter } => {
                let window = filter.as_ref().map_or(PAGE, |it| (it.interval - it.searched).min(PAGE));
                let page = store.read_all(
                    *from,
                    Direction::Forwards,
                    filter.as_ref().map(|it| &it.filter),
                    PAGE,
                    window,
                );
                // A client may begin at a place that the log has yet to reach.
                *from = page.next.max(*from);
                *last = page.last.or(*last);
                let mut responses: Vec<_> = page.events.into_iter().map(event).collect();
                if let (Some(checkpoints), Some(place)) = (filter, page.last) {
                    responses.extend(checkpoints.advance(page.searched, place, now));
                }
                Ok((responses, page.more))
            }
        }
    }

    /// With the place from which the subscription could be taken up again: a revision of the stream, or a position of the log.
    fn caught_up(&self) -> CaughtUp {
        let (stream_revision, position) = match self {
            Self::Stream { from, .. } => (from.checked_sub(1).map(status::signed), None),
            Self::Log { last, .. } => (None, last.map(position)),
        };
        CaughtUp { timestamp: Some(Ticks::now().timestamp()), stream_revision, position }
    }
}

impl Checkpoints {
    /// Counts the events that were looked at, and says how far after each interval.
    fn advance(&mut self, searched: usize, place: u64, now: Ticks) -> Option<ReadResp> {
        self.searched += searched;
        (self.searched >= self.interval).then(|| {
            self.searched = 0;
            let timestamp = Some(now.timestamp());
            response(Content::Checkpoint(Checkpoint {
                commit_position: place,
                prepare_position: place,
                timestamp,
            }))
        })
    }
}
