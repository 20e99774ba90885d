//! For which call a call was made.
//!
//! For the one whose span its sender names. Where none is named, or no call has that span: for the one call to its caller;
//! where there are several, for the one that was under way when it began, the latest of them, else for the last that had
//! begun. No call is above itself: where spans or names make a circle, its earliest call is the top.

use std::collections::HashMap;

use time::OffsetDateTime;

use crate::Call;

/// Sets each call's parent and depth. The calls are in the order in which they began.
pub(crate) fn grow(calls: &mut [Call]) {
    let by_time = by_time(calls);
    let mut parents: Vec<Option<usize>> =
        by_span(calls).into_iter().zip(by_time).map(|(by_span, by_time)| by_span.or(by_time)).collect();
    cut_circles(&mut parents);
    let depths = depths(&parents);
    for (call, (parent, depth)) in calls.iter_mut().zip(parents.into_iter().zip(depths)) {
        (call.parent, call.depth) = (parent, depth);
    }
}

fn by_span(calls: &[Call]) -> Vec<Option<usize>> {
    let (mut of_span, mut of_service) = (HashMap::new(), HashMap::new());
    for (index, call) in calls.iter().enumerate() {
        if let Some(span) = &call.span {
            of_span.entry(span).or_insert(index);
            // Senders that use one span for all that they do are told apart by their names.
            of_service.entry((span, &call.service)).or_insert(index);
        }
    }
    let parent = |(index, call): (usize, &Call)| {
        let span = call.parent_span.as_ref()?;
        let parent = of_service.get(&(span, &call.caller)).or_else(|| of_span.get(span));
        parent.copied().filter(|parent| *parent != index)
    };
    calls.iter().enumerate().map(parent).collect()
}

/// The calls to a service as time passes.
#[derive(Default)]
struct Under<'a> {
    /// How many there are in the whole flow, and the last two of them.
    count: usize,
    last_two: [usize; 2],
    /// Those that have begun and not ended, the latest last. One that has ended is taken away when it is met.
    open: Vec<(usize, &'a Call)>,
    begun: Option<usize>,
}

fn by_time(calls: &[Call]) -> Vec<Option<usize>> {
    let mut of: HashMap<&str, Under<'_>> = HashMap::new();
    for (index, call) in calls.iter().enumerate() {
        let under = of.entry(&call.service).or_default();
        under.count += 1;
        under.last_two = [under.last_two[1], index];
    }
    let mut parents = vec![None; calls.len()];
    let indexed: Vec<_> = calls.iter().enumerate().collect();
    for at_once in indexed.chunk_by(|(_, a), (_, b)| a.started == b.started) {
        for &(index, call) in at_once {
            if let Some(under) = of.get_mut(call.service.as_str()) {
                under.open.push((index, call));
            }
        }
        for &(index, call) in at_once {
            parents[index] = of.get_mut(call.caller.as_str()).and_then(|under| under.parent(index, call));
        }
        for &(index, call) in at_once {
            if let Some(under) = of.get_mut(call.service.as_str()) {
                under.begun = Some(index);
            }
        }
    }
    parents
}

impl Under<'_> {
    /// Which of them is above that call, which is perhaps among them.
    fn parent(&mut self, index: usize, call: &Call) -> Option<usize> {
        let [before_last, last] = self.last_two;
        match self.count {
            0 => return None,
            1 => return Some(last).filter(|only| *only != index),
            2 if index == last => return Some(before_last),
            2 if index == before_last => return Some(last),
            _ => {}
        }
        let is_over = |call: &Call, now: OffsetDateTime| call.ended.is_some_and(|ended| ended < now);
        let itself = self.open.pop_if(|(open, _)| *open == index);
        while self.open.pop_if(|(_, open)| is_over(open, call.started)).is_some() {}
        let under_way = self.open.iter().rev().map(|(open, _)| *open).find(|open| *open != index);
        self.open.extend(itself);
        under_way.or(self.begun)
    }
}

fn cut_circles(parents: &mut [Option<usize>]) {
    // 0: not seen; else the walk on which it was.
    let mut walks = vec![0; parents.len()];
    for start in 0..parents.len() {
        let walk = start + 1;
        let mut next = Some(start);
        while let Some(here) = next.filter(|here| walks[*here] == 0) {
            walks[here] = walk;
            next = parents[here];
        }
        let Some(met) = next.filter(|met| walks[*met] == walk) else { continue };
        let (mut earliest, mut here) = (met, parents[met]);
        while let Some(other) = here.filter(|other| *other != met) {
            earliest = earliest.min(other);
            here = parents[other];
        }
        parents[earliest] = None;
    }
}

fn depths(parents: &[Option<usize>]) -> Vec<usize> {
    let mut depths: Vec<Option<usize>> = vec![None; parents.len()];
    for start in 0..parents.len() {
        let (mut path, mut here) = (Vec::new(), Some(start));
        while let Some(index) = here.filter(|index| depths[*index].is_none()) {
            path.push(index);
            here = parents[index];
        }
        let top = here.and_then(|index| depths[index]).map_or(0, |depth| depth + 1);
        for (index, depth) in path.into_iter().rev().zip(top..) {
            depths[index] = Some(depth);
        }
    }
    depths.into_iter().map(Option::unwrap_or_default).collect()
}
