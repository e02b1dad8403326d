//! `ImportApiKeys`: keys from a CSV file. The first line names the columns; a line that cannot be used
//! becomes a warning, unless warnings are to fail the whole import.

use super::super::super::{Answer, Call};
use super::super::usage_plan;
use super::{ApiKey, by_value, checked_description, checked_name, checked_value, put_new};
use crate::aws::Fault;
use crate::resources::rest::Map;
use serde_json::json;

/// Characters of a value in a file; elsewhere it may be shorter.
const VALUE_CHARACTERS_MIN: usize = 30;

/// What a line says.
struct Row<'a> {
    name: &'a str,
    value: &'a str,
    description: &'a str,
    is_enabled: bool,
    plans: Vec<&'a str>,
}

pub(super) fn import(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let text = call.text("body").to_owned();
    let mut lines = records(&text).into_iter();
    let columns = Columns::of(&lines.next().unwrap_or_default())?;
    let mut ids: Vec<String> = Vec::new();
    let mut warnings = Vec::new();
    for (index, fields) in lines.enumerate() {
        // Lines are counted as people do, with the first of them.
        let line = index + 2;
        let done = columns.row(&fields).and_then(|row| take(call, &row));
        match done {
            Ok((id, missing)) => {
                if !ids.contains(&id) {
                    ids.push(id);
                }
                warnings.extend(missing.into_iter().map(|text| format!("Line {line}: {text}")));
            }
            Err(fault) => warnings.push(format!("Line {line}: {}", fault.message)),
        }
    }
    if call.is_set("failOnWarnings") && !warnings.is_empty() {
        return Err(Fault::bad_request(format!(
            "Warnings found during import:\n\t{}",
            warnings.join("\n\t")
        )));
    }
    Ok(Answer::Json(json!({ "ids": ids, "warnings": warnings })))
}

/// Makes or overwrites one key, and puts it into its plans; says what of that could not be done.
fn take(call: &mut Call<'_>, row: &Row<'_>) -> Result<(String, Vec<String>), Fault> {
    let value = checked_value(row.value.to_owned(), VALUE_CHARACTERS_MIN)?;
    let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let name = checked_name(text(row.name))?;
    let description = checked_description(text(row.description))?;
    let id = match by_value(call, &value) {
        Some(known) => {
            let changed = ApiKey {
                name,
                description,
                enabled: row.is_enabled,
                last_updated_date: call.now,
                ..(*known).clone()
            };
            call.draft.put("", &known.id, changed);
            known.id.clone()
        }
        None => {
            let id = call.ids.long();
            let key = ApiKey {
                id: id.clone(),
                value,
                name,
                customer_id: None,
                description,
                enabled: row.is_enabled,
                created_date: call.now,
                last_updated_date: call.now,
                stage_keys: Vec::new(),
                tags: Map::new(),
            };
            put_new(call, key);
            id
        }
    };
    let mut missing = Vec::new();
    for plan in &row.plans {
        if let Err(fault) = usage_plan::keys::add(call, plan, &id) {
            missing.push(format!("Usage plan {plan}: {}", fault.message));
        }
    }
    Ok((id, missing))
}

/// Where each column stands.
struct Columns {
    name: usize,
    key: usize,
    description: Option<usize>,
    enabled: Option<usize>,
    plans: Option<usize>,
}

impl Columns {
    fn of(header: &[String]) -> Result<Self, Fault> {
        let find = |name: &str| header.iter().position(|it| it.eq_ignore_ascii_case(name));
        match (find("name"), find("key")) {
            (Some(name), Some(key)) => Ok(Self {
                name,
                key,
                description: find("description"),
                enabled: find("enabled"),
                plans: find("usageplanids"),
            }),
            _ => Err(Fault::bad_request(
                "Invalid API key file: its first line must name the columns Name and Key",
            )),
        }
    }

    fn row<'a>(&self, fields: &'a [String]) -> Result<Row<'a>, Fault> {
        let at = |index: Option<usize>| {
            index.and_then(|index| fields.get(index)).map(String::as_str).unwrap_or_default()
        };
        let (name, value) = (at(Some(self.name)), at(Some(self.key)));
        if name.is_empty() || value.is_empty() {
            return Err(Fault::bad_request("Name and Key must not be empty"));
        }
        let enabled = at(self.enabled);
        let is_enabled = enabled.eq_ignore_ascii_case("true");
        if !is_enabled && !enabled.is_empty() && !enabled.eq_ignore_ascii_case("false") {
            return Err(Fault::bad_request("Enabled must be TRUE or FALSE"));
        }
        let plans = at(self.plans).split(',').map(str::trim).filter(|id| !id.is_empty());
        let description = at(self.description);
        Ok(Row { name, value, description, is_enabled, plans: plans.collect() })
    }
}

/// The records of a file: fields between commas, trimmed; a field in double or single quotes may hold
/// commas and line ends, and its own quote twice. Empty lines are none.
fn records(text: &str) -> Vec<Vec<String>> {
    let mut records = Vec::new();
    let mut fields: Vec<String> = Vec::new();
    let mut field = String::new();
    // A field that began with a quote keeps its blanks.
    let mut was_quoted = false;
    let mut characters = text.trim_start_matches('\u{feff}').chars().peekable();
    let finish = |field: &mut String, was_quoted: &mut bool| {
        let text = std::mem::take(field);
        match std::mem::take(was_quoted) {
            true => text,
            false => text.trim().to_owned(),
        }
    };
    while let Some(character) = characters.next() {
        match character {
            ',' => fields.push(finish(&mut field, &mut was_quoted)),
            '\n' | '\r' => {
                fields.push(finish(&mut field, &mut was_quoted));
                records.push(std::mem::take(&mut fields));
            }
            quote @ ('"' | '\'') if field.trim().is_empty() && !was_quoted => {
                field.clear();
                was_quoted = true;
                while let Some(inner) = characters.next() {
                    if inner != quote {
                        field.push(inner);
                    } else if characters.next_if_eq(&quote).is_some() {
                        field.push(quote);
                    } else {
                        break;
                    }
                }
            }
            // Behind the closing quote only blanks make sense; nothing else is worth a refusal.
            _ if was_quoted && character.is_whitespace() => {}
            _ => field.push(character),
        }
    }
    fields.push(finish(&mut field, &mut was_quoted));
    records.push(fields);
    records.retain(|fields| fields.iter().any(|field| !field.is_empty()));
    records
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn fields_may_be_quoted_either_way() {
        let text = "a , \"b,\"\"c\"\"\" ,'d, e'\r\n\n x,it's\n,,\n'open,";
        let expected: Vec<Vec<String>> =
            [vec!["a", "b,\"c\"", "d, e"], vec!["x", "it's"], vec!["open,"]]
                .into_iter()
                .map(|fields| fields.into_iter().map(str::to_owned).collect())
                .collect();
        assert_eq!(records(text), expected);
    }

    proptest! {
        #[test]
        fn any_file_is_read(text in "[a,'\" \n\r\u{e4}]{0,60}") {
            records(&text);
        }

        #[test]
        fn quoted_fields_are_read_back(fields in prop::collection::vec("[a-z,'\"\n]{1,8}", 1..5)) {
            let quoted: Vec<String> =
                fields.iter().map(|field| format!("\"{}\"", field.replace('"', "\"\""))).collect();
            prop_assert_eq!(records(&quoted.join(",")), vec![fields]);
        }
    }
}
