//! `String.format`, as far as templates go: `%s %d %f %x %o %c %b %e %n %%` with width, precision and the
//! flags `-`, `0`, `+`, `,` and blank.

use super::expression::number;
use super::{Outcome, Run, Value};
use crate::template::budget::failed;
use crate::template::number::Number;

/// Columns of one item; Java has no limit and would fill the memory.
const WIDTH_MAX: usize = 1_000;

#[derive(Default)]
struct Item {
    left: bool,
    zero: bool,
    plus: bool,
    blank: bool,
    grouped: bool,
    width: usize,
    precision: Option<usize>,
    argument: Option<usize>,
}

impl<'a> Run<'a, '_> {
    pub(super) fn format(&mut self, format: &str, arguments: &[Value<'a>]) -> Outcome<Value<'a>> {
        let begin = self.out.len();
        let mut next = 0;
        let mut rest = format;
        while let Some(at) = rest.find('%') {
            self.write(&rest[..at])?;
            let (item, conversion, behind) = item(&rest[at + 1..]);
            let Some(conversion) = conversion else {
                return failed("format", "UnknownFormatConversionException: Conversion = '%'");
            };
            rest = behind;
            if item.width > WIDTH_MAX || item.precision.is_some_and(|it| it > WIDTH_MAX) {
                return failed("format", format!("a width of more than {WIDTH_MAX}"));
            }
            match conversion {
                '%' => self.write("%")?,
                'n' => self.write("\n")?,
                conversion => {
                    let place = item.argument.unwrap_or(next);
                    if item.argument.is_none() {
                        next += 1;
                    }
                    let Some(value) = arguments.get(place).copied() else {
                        return failed(
                            "format",
                            format!(
                                "MissingFormatArgumentException: Format specifier '%{conversion}'"
                            ),
                        );
                    };
                    let text = self.formatted(&item, conversion, value)?;
                    let missing = item.width.saturating_sub(text.chars().count());
                    let blanks = " ".repeat(missing);
                    if item.left {
                        self.write(&text)?;
                        self.write(&blanks)?;
                    } else if item.zero && conversion != 's' {
                        let sign = usize::from(text.starts_with(['-', '+', ' ']));
                        self.write(&text[..sign])?;
                        self.write(&"0".repeat(missing))?;
                        self.write(&text[sign..])?;
                    } else {
                        self.write(&blanks)?;
                        self.write(&text)?;
                    }
                }
            }
        }
        self.write(rest)?;
        Ok(Value::Text(self.take_written(begin)?))
    }

    fn formatted(&mut self, item: &Item, conversion: char, value: Value<'a>) -> Outcome<String> {
        let mismatch = |conversion: char| {
            failed(
                "format",
                format!("IllegalFormatConversionException: {conversion} does not fit the value"),
            )
        };
        let mut text = match conversion {
            's' | 'S' | 'b' | 'B' => {
                let text = match (conversion, value) {
                    ('b' | 'B', Value::Boolean(flag)) => flag.to_string(),
                    ('b' | 'B', value) => (!matches!(value, Value::Null)).to_string(),
                    (_, Value::Null) => "null".to_owned(),
                    (_, value) => self.text_of(value)?.to_owned(),
                };
                match item.precision {
                    Some(precision) => text.chars().take(precision).collect(),
                    None => text,
                }
            }
            'c' | 'C' => match value {
                Value::Text(text) => text.chars().take(1).collect(),
                Value::Integer(code) => match u32::try_from(code).ok().and_then(char::from_u32) {
                    Some(character) => character.to_string(),
                    None => return mismatch(conversion),
                },
                _ => return mismatch(conversion),
            },
            'd' => match number(value) {
                Some(Number::Whole(whole)) => {
                    signed(item, whole < 0, &group(item, &whole.unsigned_abs().to_string()))
                }
                _ => return mismatch(conversion),
            },
            'x' | 'X' | 'o' => match (conversion, value) {
                ('o', Value::Integer(whole)) => match i32::try_from(whole) {
                    Ok(whole) => format!("{whole:o}"),
                    Err(_) => format!("{whole:o}"),
                },
                (_, Value::Integer(whole)) => match i32::try_from(whole) {
                    Ok(whole) => format!("{whole:x}"),
                    Err(_) => format!("{whole:x}"),
                },
                _ => return mismatch(conversion),
            },
            'f' | 'e' | 'E' => match value {
                Value::Double(real) => real_text(item, conversion, real),
                Value::Decimal(text) => real_text(item, conversion, Number::parse(text).real()),
                _ => return mismatch(conversion),
            },
            other => {
                return failed(
                    "format",
                    format!("UnknownFormatConversionException: Conversion = '{other}'"),
                );
            }
        };
        if conversion.is_ascii_uppercase() {
            text = text.to_uppercase();
        }
        Ok(text)
    }
}

fn real_text(item: &Item, conversion: char, real: f64) -> String {
    let precision = item.precision.unwrap_or(6);
    if conversion == 'f' {
        let text = format!("{:.precision$}", half_up(real.abs(), precision));
        let (whole, fraction) =
            text.split_once('.').map_or((text.as_str(), None), |(it, rest)| (it, Some(rest)));
        let mut grouped = group(item, whole);
        if let Some(fraction) = fraction {
            grouped.push('.');
            grouped.push_str(fraction);
        }
        return signed(item, real < 0.0, &grouped);
    }
    let text = format!("{:.precision$e}", real.abs());
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let sign = if exponent < 0 { '-' } else { '+' };
    signed(item, real < 0.0, &format!("{mantissa}e{sign}{:02}", exponent.abs()))
}

/// Java rounds the decimal text of a double half up, Rust its binary value to even: 1.005 gives 1.01 there.
fn half_up(real: f64, precision: usize) -> f64 {
    let text = format!("{real:?}");
    let Some((_, fraction)) = text.split_once('.') else { return real };
    if text.contains('e')
        || fraction.len() <= precision
        || fraction.as_bytes().get(precision) != Some(&b'5')
    {
        return real;
    }
    // A step upwards at the digit that is cut off moves it beyond the half.
    let exponent = i32::try_from(precision + 2).unwrap_or(i32::MAX);
    real + 10_f64.powi(-exponent)
}

fn signed(item: &Item, is_negative: bool, digits: &str) -> String {
    let sign = match (is_negative, item.plus, item.blank) {
        (true, _, _) => "-",
        (false, true, _) => "+",
        (false, false, true) => " ",
        _ => "",
    };
    format!("{sign}{digits}")
}

fn group(item: &Item, digits: &str) -> String {
    if !item.grouped {
        return digits.to_owned();
    }
    let mut grouped = String::with_capacity(digits.len() * 4 / 3 + 1);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Reads what stands behind a `%`: the item, its conversion, and the rest.
fn item(text: &str) -> (Item, Option<char>, &str) {
    let mut item = Item::default();
    let mut rest = text;
    let number = |text: &str| -> Option<(usize, usize)> {
        let length = text.bytes().take_while(u8::is_ascii_digit).count();
        Some((text.get(..length)?.parse().ok()?, length))
    };
    if let Some((place, length)) = number(rest)
        && rest[length..].starts_with('$')
    {
        item.argument = Some(place.saturating_sub(1));
        rest = &rest[length + 1..];
    }
    while let Some(flag) = rest.chars().next() {
        match flag {
            '-' => item.left = true,
            '0' => item.zero = true,
            '+' => item.plus = true,
            ' ' => item.blank = true,
            ',' => item.grouped = true,
            _ => break,
        }
        rest = &rest[1..];
    }
    if let Some((width, length)) = number(rest) {
        item.width = width;
        rest = &rest[length..];
    }
    if let Some(behind) = rest.strip_prefix('.')
        && let Some((precision, length)) = number(behind)
    {
        item.precision = Some(precision);
        rest = &behind[length..];
    }
    let mut characters = rest.chars();
    let conversion = characters.next();
    (item, conversion, characters.as_str())
}
