//! What keys used of a plan's quota, by day.
//!
//! A key's [`Usage`] holds the days on which something happened. A day without an entry used nothing,
//! and has left what the last day before it in the same period had left.

use super::super::super::page::Page;
use super::super::super::patch::{self, Family, Op};
use super::super::super::{Answer, Call};
use super::{find, keys};
use crate::aws::Fault;
use crate::resources::Timestamp;
use crate::resources::usage::{Quota, Usage, UsagePlan, UsagePlanKey};
use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::Offset;
use serde_json::{Map as Members, Value, json};
use std::sync::Arc;

/// Days that are kept, and that one answer may hold.
const DAYS_MAX: i64 = 90;

/// What is left where there is no quota.
const UNLIMITED: i64 = -1;

/// The last moment that the calendar knows is far behind any clock's.
fn today(now: Timestamp) -> Date {
    let moment = jiff::Timestamp::from_second(now.0).unwrap_or_default();
    Offset::UTC.to_datetime(moment).date()
}

/// `YYYY-MM-DD` and nothing else.
fn date(text: &str) -> Result<Date, Fault> {
    let date = Date::strptime("%Y-%m-%d", text).ok().filter(|_| text.len() == 10);
    date.ok_or_else(|| {
        Fault::bad_request(format!("Invalid date specified: '{text}', expected YYYY-MM-DD"))
    })
}

pub(super) fn get(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let plan = find(call)?;
    let (from, to) = (date(call.text("startDate"))?, date(call.text("endDate"))?);
    if from > to {
        return Err(Fault::bad_request("Invalid date range specified: it ends before it begins"));
    }
    let days_between = |earlier: Date, later: Date| i64::from((later - earlier).get_days());
    if days_between(from, today(call.now)) > DAYS_MAX || days_between(from, to) > DAYS_MAX {
        return Err(Fault::bad_request(format!(
            "Invalid date range specified: usage is known of the last {DAYS_MAX} days only"
        )));
    }
    let mut values = Members::new();
    let mut next = None;
    match call.text_of("keyId").filter(|key| !key.is_empty()) {
        Some(key) => {
            let is_known = call.draft.has::<UsagePlanKey>(&plan.id, key)
                || call.draft.has::<Usage>(&plan.id, key);
            if is_known {
                values.insert(key.into(), of_key(call, &plan, key, from, to));
            }
        }
        None => {
            let page = Page::v1(call);
            let keys = call.draft.list_after::<UsagePlanKey>(
                &plan.id,
                page.after.as_deref(),
                page.limit + 1,
            );
            let show = |key: &Arc<UsagePlanKey>| Ok(Value::from(key.key_id.as_str()));
            let (shown, position) = page.cut(&keys, |key| key.key_id.clone(), show)?;
            next = position;
            for key in shown.iter().filter_map(Value::as_str) {
                values.insert(key.into(), of_key(call, &plan, key, from, to));
            }
        }
    }
    Ok(Answer::Json(answer(&plan, from, to, values, next)))
}

fn answer(
    plan: &UsagePlan,
    from: Date,
    to: Date,
    values: Members<String, Value>,
    next: Option<String>,
) -> Value {
    let mut answer = json!({
        "usagePlanId": plan.id,
        "startDate": from.to_string(),
        "endDate": to.to_string(),
    });
    answer["values"] = Value::Object(values);
    if let Some(next) = next {
        answer["position"] = next.into();
    }
    answer
}

/// One pair per day: used and left.
fn of_key(call: &Call<'_>, plan: &UsagePlan, key: &str, from: Date, to: Date) -> Value {
    let usage = call.draft.get::<Usage>(&plan.id, key).unwrap_or_default();
    let days = from.series(1.day()).take_while(|day| *day <= to);
    days.map(|day| Value::from(on(&usage, plan.quota.as_ref(), day).to_vec())).collect()
}

/// What was used on a day, and what was left at its end.
fn on(usage: &Usage, quota: Option<&Quota>, day: Date) -> [i64; 2] {
    let pair = |entry: &[i64]| [0, 1].map(|index| entry.get(index).copied().unwrap_or_default());
    let text = day.to_string();
    if let Some(entry) = usage.days.get(&text) {
        return pair(entry);
    }
    let Some(quota) = quota else { return [0, UNLIMITED] };
    let last = usage.days.range(..text).next_back();
    let left = last.and_then(|(earlier, entry)| {
        let earlier = date(earlier).ok()?;
        (period_start(quota, earlier) == period_start(quota, day)).then(|| pair(entry)[1])
    });
    [0, left.unwrap_or(quota.limit)]
}

/// The day on which a day's period began. The offset says on which day of the week (from Sunday) or
/// of the month that is.
fn period_start(quota: &Quota, day: Date) -> Date {
    let days_back = match quota.period.as_str() {
        "WEEK" => (i64::from(day.weekday().to_sunday_zero_offset()) - quota.offset).rem_euclid(7),
        "MONTH" => {
            let start = quota.offset + 1;
            let today = i64::from(day.day());
            match today >= start {
                true => today - start,
                // In the month before: its length decides.
                false => {
                    let last_of_previous = day.first_of_month().saturating_sub(1.day());
                    today + i64::from(last_of_previous.day()) - start
                }
            }
        }
        _ => 0,
    };
    day.saturating_sub(days_back.days())
}

pub(super) fn update(call: &mut Call<'_>) -> Result<Answer, Fault> {
    const PATCH: Family = Family::Listed { add: &[], remove: &[], replace: &["/remaining"] };
    let plan = find(call)?;
    let key = call.text("keyId").to_owned();
    if !call.draft.has::<UsagePlanKey>(&plan.id, &key) {
        return Err(keys::unknown_key());
    }
    let day = today(call.now);
    for operation in patch::operations(call)? {
        match (operation.path.as_deref(), operation.op) {
            (Some("/remaining"), Op::Replace) => {
                let value = operation.value.as_deref().unwrap_or_default();
                let left = value.parse::<i32>().ok().map(i64::from).filter(|left| *left >= 0);
                let left = left.ok_or_else(|| {
                    Fault::bad_request(format!("Invalid remaining quota specified: '{value}'"))
                })?;
                if plan.quota.is_none() {
                    return Err(Fault::bad_request(format!(
                        "Usage Plan {} does not have a quota",
                        plan.id
                    )));
                }
                let mut usage =
                    (*call.draft.get::<Usage>(&plan.id, &key).unwrap_or_default()).clone();
                let used = on(&usage, plan.quota.as_ref(), day)[0];
                usage.days.insert(day.to_string(), vec![used, left]);
                call.draft.put(&plan.id, &key, usage);
            }
            (_, Op::Replace) => return Err(PATCH.bad_path(&operation)),
            // Nothing else can be done to anything, and Amazon says so by an empty list.
            (_, _) => {
                let nothing = Family::Listed { add: &[], remove: &[], replace: &[] };
                return Err(nothing.bad_path(&operation));
            }
        }
    }
    let mut values = Members::new();
    values.insert(key.clone(), of_key(call, &plan, &key, day, day));
    Ok(Answer::Json(answer(&plan, day, day, values, None)))
}

#[cfg(test)]
#[path = "usage_tests.rs"]
mod tests;
