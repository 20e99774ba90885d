//! Numbers in one decimal form, within DynamoDB's range: `1`, `1.0`, `10e-1` are all `1`.

use std::borrow::Cow;

use serde_json::Number;

use crate::limits;
use crate::rejection::Problem;

/// Brings a number into its one form.
pub(crate) fn canonicalise(number: &mut Number) -> Result<(), Problem> {
    if let Cow::Owned(text) = canonical(number.as_str())? {
        // What `canonical` writes is a JSON number.
        *number = text.parse().map_err(|_| Problem::NumberOutOfRange)?;
    }
    Ok(())
}

/// The one form of a JSON number: plain digits where that takes at most 38 of them, else `d.ddde±n`.
fn canonical(text: &str) -> Result<Cow<'_, str>, Problem> {
    if is_short_integer(text) {
        return Ok(Cow::Borrowed(text));
    }
    let (sign, unsigned) = text.strip_prefix('-').map_or(("", text), |unsigned| ("-", unsigned));
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));

    let digits = [whole, fraction].concat();
    let significant = digits.trim_start_matches('0');
    let leading = digits.len() - significant.len();
    let significant = significant.trim_end_matches('0');
    if significant.is_empty() {
        return Ok(Cow::Borrowed("0"));
    }
    if significant.len() > limits::NUMBER_DIGITS {
        return Err(Problem::TooManyDigits { digits: significant.len() });
    }
    // An exponent that i64 cannot hold is out of range whatever the digits are.
    let exponent: i64 = exponent.parse().map_err(|_| Problem::NumberOutOfRange)?;
    let before_point =
        i64::try_from(whole.len()).unwrap_or(i64::MAX) - i64::try_from(leading).unwrap_or(i64::MAX);
    let first = exponent.saturating_add(before_point).saturating_sub(1);
    if !limits::NUMBER_EXPONENTS.contains(&first) {
        return Err(Problem::NumberOutOfRange);
    }
    let form = decimal(sign, significant, first);
    Ok(if form == text { Cow::Borrowed(text) } else { Cow::Owned(form) })
}

/// Most numbers: at most 38 digits, no leading zero, no sign on zero. They are in their form already.
fn is_short_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text).as_bytes();
    digits.len() <= limits::NUMBER_DIGITS
        && digits.iter().all(u8::is_ascii_digit)
        && (text == "0" || digits.first() != Some(&b'0'))
}

/// Writes `significant` (no zeros at its ends) whose first digit stands for 10^`first`.
fn decimal(sign: &str, significant: &str, first: i64) -> String {
    const WIDEST: i64 = limits::NUMBER_DIGITS as i64;
    let length = significant.len() as i64;
    match first {
        0..WIDEST if length <= first + 1 => {
            format!("{sign}{significant:0<width$}", width = first as usize + 1)
        }
        0..WIDEST => {
            let (whole, fraction) = significant.split_at(first as usize + 1);
            format!("{sign}{whole}.{fraction}")
        }
        _ if first < 0 && length - first <= WIDEST => {
            format!("{sign}0.{:0<zeros$}{significant}", "", zeros = (-first - 1) as usize)
        }
        _ => {
            let (head, tail) = significant.split_at(1);
            let point = if tail.is_empty() { "" } else { "." };
            format!("{sign}{head}{point}{tail}e{first:+}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(text: &str) -> String {
        canonical(text).unwrap().into_owned()
    }

    #[test]
    fn every_way_to_write_a_number_comes_out_the_same() {
        for (same, expected) in [
            (["1", "1.0", "1e0", "10E-1", "0.1e+1"], "1"),
            (["0", "-0", "0.00", "0e9", "-0E-999999999999999999999"], "0"),
            (["-1200", "-12e2", "-1.2e3", "-1200.00", "-0.0012E6"], "-1200"),
            (["0.05", "5e-2", "0.0500", "50e-3", "0.5E-1"], "0.05"),
            (["12.5", "1.25e1", "125e-1", "12.500", "0.125e2"], "12.5"),
            (["1e125", "1E+125", "10e124", "0.1e126", "1.0e125"], "1e+125"),
            (["-1e-130", "-0.1e-129", "-10E-131", "-1.0e-130", "-1e-0130"], "-1e-130"),
        ] {
            for text in same {
                assert_eq!(form(text), expected, "{text}");
            }
        }
    }

    #[test]
    fn serde_json_prints_a_canonical_number_unchanged() {
        for text in ["1e+125", "-1.25e-100", "0.05", "12345678901234567890123456789012345678"] {
            let number: Number = text.parse().unwrap();
            assert_eq!(number.to_string(), text);
            assert!(matches!(canonical(number.as_str()).unwrap(), Cow::Borrowed(_)), "{text}");
        }
    }

    #[test]
    fn the_edges_of_dynamodbs_range_pass_and_what_lies_beyond_does_not() {
        let most = "9.9999999999999999999999999999999999999e125";
        assert_eq!(form(most), most.replace("e125", "e+125"));
        assert_eq!(canonical("1e126"), Err(Problem::NumberOutOfRange));
        assert_eq!(canonical("9.99e-131"), Err(Problem::NumberOutOfRange));
        assert_eq!(canonical("1e99999999999999999999"), Err(Problem::NumberOutOfRange));
        let digits = "123456789012345678901234567890123456789";
        assert_eq!(canonical(digits), Err(Problem::TooManyDigits { digits: 39 }));
        assert_eq!(
            form("123456789012345678901234567890123456780"),
            "1.2345678901234567890123456789012345678e+38"
        );
    }
}
