//! A persistent subscription's settings and its state, as the protocol has them.

use tokio::{sync::oneshot, time::Duration};
use tonic::Status;

use super::{
    convert::{self, Begin},
    persistent::{failed, no_options, of_all, of_stream, tell},
};
use crate::{
    persistent::{
        GroupError,
        actor::{Command, Info},
        settings::{Name, Settings, Start, Strategy},
        source::format_place,
    },
    protocol::{
        persistent::{
            SettingsReq, SubscriptionInfo,
            settings_req::{
                self, ConsumerStrategy,
                options::StreamOption,
                settings::{CheckpointAfter, MessageTimeout},
            },
            subscription_info::ConnectionInfo,
        },
        shared::all_options::FilterOption,
    },
};

/// The subscription that is to be made or changed, and how.
pub(super) fn asked(request: SettingsReq) -> Result<(Name, Settings), Status> {
    let options = request.options.ok_or_else(no_options)?;
    let wire = options.settings.ok_or_else(|| Status::invalid_argument("the settings are missing"))?;
    let group = options.group_name;
    let (name, start, filter) = match (options.stream_option, options.stream_identifier) {
        (Some(StreamOption::Stream(stream)), _) => {
            let identifier = stream.stream_identifier.clone().unwrap_or_default();
            let (_, begin) = convert::in_stream(stream)?;
            (of_stream(identifier, group)?, start(begin), None)
        }
        (Some(StreamOption::All(all)), _) => {
            let begin = convert::in_all(&all);
            let filter = match all.filter_option {
                Some(FilterOption::Filter(filter)) => Some(convert::filter(filter)?.0),
                Some(FilterOption::NoFilter(_)) | None => None,
            };
            (of_all(group)?, start(begin), filter)
        }
        (None, Some(stream)) => (of_stream(stream, group)?, Start::At(wire.revision), None),
        (None, None) => return Err(no_options()),
    };
    Ok((name, settings(&wire, start, filter)?))
}

fn start(begin: Begin) -> Start {
    match begin {
        Begin::Start => Start::Beginning,
        Begin::At(place) => Start::At(place),
        Begin::End => Start::End,
    }
}

fn settings(
    wire: &settings_req::Settings,
    start: Start,
    filter: Option<crate::store::filter::Filter>,
) -> Result<Settings, Status> {
    let strategy = match (wire.consumer_strategy.as_str(), wire.named_consumer_strategy()) {
        ("", ConsumerStrategy::DispatchToSingle) => Strategy::DispatchToSingle,
        ("", ConsumerStrategy::RoundRobin) => Strategy::RoundRobin,
        ("", ConsumerStrategy::Pinned) => Strategy::Pinned,
        (name, _) => Strategy::from_name(name)
            .ok_or_else(|| Status::invalid_argument(format!("'{name}' is not a consumer strategy")))?,
    };
    Ok(Settings {
        start,
        filter,
        resolve_links: wire.resolve_links,
        extra_statistics: wire.extra_statistics,
        strategy,
        message_timeout_ms: match wire.message_timeout {
            Some(MessageTimeout::MessageTimeoutMs(milliseconds)) => milliseconds,
            Some(MessageTimeout::MessageTimeoutTicks(ticks)) => milliseconds(ticks),
            None => 0,
        },
        max_retry_count: wire.max_retry_count,
        checkpoint_after_ms: match wire.checkpoint_after {
            Some(CheckpointAfter::CheckpointAfterMs(milliseconds)) => milliseconds,
            Some(CheckpointAfter::CheckpointAfterTicks(ticks)) => milliseconds(ticks),
            None => 0,
        },
        min_checkpoint_count: wire.min_checkpoint_count,
        max_checkpoint_count: wire.max_checkpoint_count,
        max_subscriber_count: wire.max_subscriber_count,
        live_buffer_size: wire.live_buffer_size,
        read_batch_size: wire.read_batch_size,
        history_buffer_size: wire.history_buffer_size,
    })
}

/// A tick is 100 ns.
fn milliseconds(ticks: i64) -> i32 {
    let duration = Duration::from_micros(u64::try_from(ticks / 10).unwrap_or(0));
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}

/// Asks a subscription how it does.
pub(super) async fn info(
    name: &Name,
    commands: &tokio::sync::mpsc::Sender<Command>,
) -> Result<SubscriptionInfo, Status> {
    let (reply, answer) = oneshot::channel();
    tell(commands, name, Command::Info(reply)).await?;
    let info = answer.await.map_err(|_| failed(name, GroupError::DoesNotExist))?;
    Ok(describe(name, info))
}

fn describe(name: &Name, info: Info) -> SubscriptionInfo {
    let place = |place: Option<u64>| place.map(|place| format_place(name, place)).unwrap_or_default();
    let settings = info.settings;
    let connections = info.connections.into_iter().map(|connection| ConnectionInfo {
        from: connection.peer.address.map(|address| address.to_string()).unwrap_or_default(),
        username: connection.peer.user.name().to_owned(),
        total_items: signed(connection.total),
        available_slots: count(connection.slots - connection.in_flight),
        in_flight_messages: count(connection.in_flight),
        connection_name: connection.peer.connection_name,
    });
    SubscriptionInfo {
        event_source: name.stream.clone(),
        group_name: name.group.clone(),
        status: if info.live { "Live" } else { "Behind" }.to_owned(),
        connections: connections.collect(),
        total_items: signed(info.total),
        last_checkpointed_event_position: place(info.stored),
        last_known_event_position: place(info.last_known),
        resolve_link_tos: settings.resolve_links,
        start_from: match (settings.start, name.is_all()) {
            (Start::Beginning, _) => format_place(name, 0),
            (Start::At(at), _) => format_place(name, at),
            (Start::End, true) => "C:-1/P:-1".to_owned(),
            (Start::End, false) => "-1".to_owned(),
        },
        message_timeout_milliseconds: settings.message_timeout_ms,
        extra_statistics: settings.extra_statistics,
        max_retry_count: settings.max_retry_count,
        live_buffer_size: settings.live_buffer_size,
        buffer_size: settings.history_buffer_size,
        read_batch_size: settings.read_batch_size,
        check_point_after_milliseconds: settings.checkpoint_after_ms,
        min_check_point_count: settings.min_checkpoint_count,
        max_check_point_count: settings.max_checkpoint_count,
        read_buffer_count: count(info.waiting),
        retry_buffer_count: count(info.waiting_again),
        total_in_flight_messages: count(info.in_flight),
        outstanding_messages_count: count(info.in_flight),
        named_consumer_strategy: settings.strategy.name().to_owned(),
        max_subscriber_count: settings.max_subscriber_count,
        parked_message_count: signed(info.parked),
    }
}

fn count(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
